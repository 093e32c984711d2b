//! Kernels on several threads have the bits of one thread; and from which cost on that is worth it, printed:
//! `cargo test --release -p choral-kernels --test kernels parallel -- --ignored --nocapture --test-threads 1`.

use std::time::Instant;

use choral_kernels::cpu::pool::{Pool, Split};
use choral_kernels::cpu::{Program, parallel};
use choral_kernels::functions::Function;
use choral_kernels::instruction::Binary;
use choral_kernels::memory::{Block, Pointers};
use choral_kernels::product::{Dim, Epilogue, Product};
use choral_kernels::rows::{Kind, Step, Store};
use choral_kernels::{Access, Instruction, Kernel, Level, Number, Products, Rows};

/// A kernel that computes something of each of so many elements of buffers 0 and 1, into buffer 2.
fn rows(length: usize, instruction: Instruction, operands: Vec<usize>) -> Rows {
    let (access, number) = (Access::dense(&[length]), Number::F32);
    let load = |buffer| Kind::Load { buffer, access: access.clone(), number };
    let kinds = [load(0), load(1), Kind::Compute { instruction, operands }];
    Rows {
        folded: vec![length],
        steps: kinds.into_iter().map(|kind| Step { kind, number }).collect(),
        stores: vec![Store::apart(2, 2, access, number)],
        ..Rows::default()
    }
}

fn sum(length: usize) -> Rows {
    rows(length, Instruction::Binary(Binary::Add), vec![0, 1])
}

fn exponential(length: usize) -> Rows {
    rows(length, Instruction::Function(Function::Exponential), vec![0])
}

/// A batch of products of dense matrices.
fn product([b, m, n, k]: [usize; 4]) -> Product {
    let [_, rows, columns, terms] = [b, m, n, k].map(|size| size as isize);
    let strides = [rows * terms, terms * columns, rows * columns, 0];
    Product {
        lhs: Number::F32,
        rhs: Number::F32,
        out: Number::F32,
        offsets: [0; 4],
        batch: vec![Dim::new(b, strides)],
        m: vec![Dim::new(m, [terms, columns, 0])],
        n: vec![Dim::new(n, [1, 1, 0])],
        k: vec![Dim::new(k, [1, columns])],
        epilogue: Epilogue::default(),
    }
}

/// Two operands and a result.
struct Buffers([Vec<f32>; 3]);

impl Buffers {
    fn new(lengths: [usize; 3]) -> Buffers {
        let value = |at: usize| (at as f32 * 0.618_034).fract() - 0.5;
        Buffers(lengths.map(|length| (0..length).map(value).collect()))
    }

    fn pointers(&mut self) -> Pointers {
        let mut pointers = Pointers::new(3);
        self.0.iter_mut().enumerate().for_each(|(at, buffer)| pointers.set(at, buffer.as_mut_ptr().cast()));
        pointers
    }

    fn result(&self) -> Vec<u32> {
        self.0[2].iter().map(|value| value.to_bits()).collect()
    }
}

fn frames(count: usize, bytes: usize) -> Vec<Block> {
    (0..count).map(|_| Block::new(bytes).unwrap()).collect()
}

fn of_rows(rows: Rows) -> Program {
    Program::new(&Kernel::Rows(rows), Level::best(), 8).unwrap()
}

fn of_product(extents: [usize; 4], threads: usize) -> Program {
    let products = vec![product(extents)];
    let products =
        Products { products, convolution: None, lhs: 0, rhs: 1, addend: None, out: 2, packed: None };
    Program::new(&Kernel::Products(products), Level::best(), threads).unwrap()
}

#[test]
fn kernels_of_rows_have_the_same_bits_on_every_number_of_threads() {
    let pool = Pool::new(4);
    for length in [0, 1, 1000, 123_457] {
        let program = of_rows(exponential(length));
        let mut results = (1..=4).map(|threads| {
            let mut buffers = Buffers::new([length; 3]);
            let frames = frames(threads, program.frame_bytes());
            // SAFETY: buffers and frames are as large as the kernel's.
            unsafe { parallel::run(&pool, &program, &buffers.pointers(), &frames) };
            buffers.result()
        });
        let one = results.next().unwrap();
        let expected = Buffers::new([length; 3]).0[0]
            .iter()
            .map(|&x| Function::Exponential.of(x).to_bits())
            .collect::<Vec<_>>();
        assert_eq!(one, expected);
        results.for_each(|more| assert_eq!(more, one));
    }
}

#[test]
fn products_have_the_same_bits_on_every_number_of_threads() {
    let pool = Pool::new(4);
    for extents in [[0, 3, 3, 3], [1, 3, 3, 3], [64, 5, 7, 33], [1, 200, 300, 100], [3, 97, 65, 128]] {
        let [b, m, n, k] = extents;
        let mut results = (1..=4).map(|threads| {
            let program = of_product(extents, threads);
            let mut buffers = Buffers::new([b * m * k, b * k * n, b * m * n]);
            let frames = frames(threads, program.frame_bytes());
            // SAFETY: as above.
            unsafe { parallel::run(&pool, &program, &buffers.pointers(), &frames) };
            buffers.result()
        });
        let one = results.next().unwrap();
        results.for_each(|more| assert_eq!(more, one, "{extents:?}"));
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn large_results_of_few_terms_are_the_same_past_the_cache() {
    let (pool, [b, m, k]) = (Pool::new(4), [3, 700, 2]);
    // Rows that are whole lines, and rows that are not.
    for columns in [1024, 1032, 1025] {
        let Buffers([lhs, rhs, _]) = Buffers::new([b * m * k, b * k * columns, 0]);
        let element = |at: usize| {
            let (batch, row, column) = (at / columns / m, at / columns % m, at % columns);
            let term =
                |term: usize| (lhs[(batch * m + row) * k + term], rhs[(batch * k + term) * columns + column]);
            (0..k).map(term).fold(0.0f32, |sum, (x, y)| x.mul_add(y, sum)).to_bits()
        };
        let expected: Vec<u32> = (0..b * m * columns).map(element).collect();
        for threads in 1..=4 {
            let program = of_product([b, m, columns, k], threads);
            let result = Block::new(expected.len() * 4).unwrap();
            let mut buffers = Buffers([lhs.clone(), rhs.clone(), Vec::new()]);
            let mut pointers = buffers.pointers();
            pointers.set(2, result.pointer());
            let frames = frames(threads, program.frame_bytes());
            // SAFETY: as above; every element of the result has been written before it is read.
            let got = unsafe {
                parallel::run(&pool, &program, &pointers, &frames);
                std::slice::from_raw_parts(result.pointer().cast::<u32>(), expected.len())
            };
            assert!(got == expected, "{columns} columns, {threads} threads");
        }
    }
}

#[test]
fn small_kernels_stay_on_the_caller_and_large_ones_take_what_there_is() {
    let large = of_rows(sum(1 << 20));
    assert_eq!(parallel::threads(&of_rows(sum(300)), 8), 1);
    assert_eq!(parallel::threads(&large, 8), 8);
    assert_eq!(parallel::threads(&large, 1), 1);
    let few = of_rows(sum(20_000));
    assert!(parallel::threads(&few, 80) <= few.units());
    assert_eq!(parallel::threads(&of_product([1, 8, 8, 8], 8), 8), 1);
    assert_eq!(parallel::threads(&of_product([8, 256, 256, 256], 8), 8), 8);
    assert_eq!(parallel::threads(&of_product([8, 256, 256, 256], 8), 1), 1);
}

/// A vector meets a matrix of each member: as many multiply-adds as in a product of one matrix, which wait for memory.
#[test]
fn what_is_read_counts_as_much_as_what_is_multiplied() {
    let cost = |sizes| of_product(sizes, 2).cost();
    assert!(cost([64, 1, 256, 256]) > 2 * cost([1, 64, 256, 256]));
}

/// The tenth percentile and the median of microseconds of many calls.
fn microseconds(mut call: impl FnMut()) -> [f64; 2] {
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed().as_secs_f64() < 0.1 {
        let before = Instant::now();
        call();
        times.push(before.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    [times[times.len() / 10], times[times.len() / 2]]
}

/// Times on one thread, by halves, in guided chunks down to so many parts, and as the thresholds say.
fn tell(name: String, parts: usize, run: &(dyn Fn(usize, std::ops::Range<usize>) + Sync), own: &dyn Fn()) {
    let pool = Pool::global();
    let shared = |threads: usize, grain: usize| {
        microseconds(|| pool.run(Split { parts, threads, grain, wakes: true }, run))
            .map(|time| format!("{time:8.2}"))
    };
    let own = microseconds(own).map(|time| format!("{time:8.2}"));
    let (one, halves, guided) = (shared(1, 1), shared(2, parts / 2), shared(2, 1));
    println!(
        "{name:32} one {}, halves {}, guided {}, chosen {}",
        one.join(" "),
        halves.join(" "),
        guided.join(" "),
        own.join(" ")
    );
}

#[test]
#[ignore = "a measurement; in release"]
fn from_which_cost_on_kernels_are_shared() {
    for (name, kernel) in [("sum", sum as fn(usize) -> Rows), ("exp", exponential)] {
        for length in (11..21).map(|log| 1usize << log) {
            tell_of(format!("{name} {length}"), &of_rows(kernel(length)), [length; 3]);
        }
    }
    let tiny = (2..10).map(|log| [1 << log, 4, 6, 32]);
    let square = (4..10).map(|log| [1, 1 << log, 1 << log, 1 << log]);
    let layers =
        [[10, 64, 784, 128], [64, 1, 256, 256], [64, 32, 256, 256], [4, 512, 64, 64], [1, 8, 512, 512]];
    for extents in tiny.chain(square).chain(layers) {
        let [b, m, n, k] = extents;
        let name = format!("{extents:?}, {} multiply-adds", b * m * n * k);
        tell_of(name, &of_product(extents, 2), [b * m * k, b * k * n, b * m * n]);
    }
}

fn tell_of(name: String, program: &Program, lengths: [usize; 3]) {
    let mut buffers = Buffers::new(lengths);
    let (pointers, frames) = (buffers.pointers(), frames(2, program.frame_bytes()));
    // SAFETY: as above.
    let run = |seat: usize, units| unsafe {
        program.run(pointers.as_slice(), units, frames[seat].pointer());
    };
    // SAFETY: as above.
    let own = || unsafe { parallel::run(Pool::global(), program, &pointers, &frames) };
    tell(format!("{name}, cost {}", program.cost()), program.units(), &run, &own);
}
