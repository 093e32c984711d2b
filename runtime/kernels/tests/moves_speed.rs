//! How long moves and sorts take. Tells, and fails at nothing.

use std::time::Instant;

use choral_kernels::access::Elements;
use choral_kernels::cpu::moves::{gather, scatter};
use choral_kernels::cpu::sort::run::Program;
use choral_kernels::instruction::Binary;
use choral_kernels::moves::{Beyond, Combine, Gather, Numbering, Scatter, Scattered, Start};
use choral_kernels::sort::{Comparator, Order, Sort, Sorted};
use choral_kernels::{Access, Level, Number};

use super::arrays::{Buffers, Random, frame};
use super::sort::last_less;

/// The least time of a run, over several, in nanoseconds for each of `elements`.
fn tell(what: &str, elements: usize, mut run: impl FnMut()) {
    let times = (0..30).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    let least = times.fold(f64::INFINITY, f64::min);
    println!("{what:44} {:8.2} ns", least * 1e9 / elements as f64);
}

fn dense(buffers: &mut Buffers, shape: &[usize], number: Number) -> Elements {
    let access = Access::dense(shape);
    Elements { buffer: buffers.add(access.len() * number.bytes()), access }
}

/// Numbers between -1 and 1, in no order.
fn fill(buffers: &mut Buffers, place: &Elements, number: Number) {
    let mut random = Random(1);
    for at in 0..place.access.len() {
        let value = (random.bits() as i64 as f64) * 2f64.powi(-63);
        let bits = if number == Number::F64 { value.to_bits() } else { u64::from((value as f32).to_bits()) };
        buffers.write(place.buffer, number, at as isize, bits);
    }
}

fn sorts(rows: usize, length: usize, number: Number, by: Option<Order>, operands: usize) {
    let mut buffers = Buffers::default();
    let shape = [rows, length];
    let operands: Vec<Sorted> = (0..operands)
        .map(|_| {
            let from = dense(&mut buffers, &shape, number);
            fill(&mut buffers, &from, number);
            Sorted { number, from, out: dense(&mut buffers, &shape, number) }
        })
        .collect();
    let count = operands.len();
    let by_keys = |order| Comparator::Keys { order, descending: false, or_equal: false };
    let comparator = by.map_or_else(|| Comparator::Body(last_less(&vec![number; count])), by_keys);
    let kernel = Sort { rows: vec![rows], length, operands, comparator, taken: length, places: None };
    let program = Program::new(&kernel, Level::best()).unwrap();
    let (pointers, frame) = (buffers.pointers(), frame(program.frame_bytes()));
    tell(&format!("sort {count} of {rows} x {length} {number}, {by:?}"), rows * length, || {
        // SAFETY: the kernel's accesses are those of the buffers.
        unsafe { program.run(&pointers, 0..program.units(), frame.pointer()) };
    });
}

fn sorts_of_std(rows: usize, length: usize) {
    let mut random = Random(1);
    let given: Vec<f32> = (0..rows * length).map(|_| random.bits() as i64 as f32).collect();
    let mut values = given.clone();
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        values.copy_from_slice(&given);
        let start = Instant::now();
        values.chunks_mut(length).for_each(|row| row.sort_by(f32::total_cmp));
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("std sort_by {rows} x {length}: {:.2} ns", best * 1e9 / (rows * length) as f64);
}

fn indices(buffers: &mut Buffers, count: usize, limit: usize) -> Elements {
    let place = dense(buffers, &[count], Number::I32);
    let mut random = Random(2);
    (0..count).for_each(|at| {
        let index = random.below(limit) as u64;
        buffers.write(place.buffer, Number::I32, at as isize, index);
    });
    place
}

fn gathers(table: usize, width: usize, count: usize) {
    let mut buffers = Buffers::default();
    let mut from = dense(&mut buffers, &[table, width], Number::F32);
    from.access.dims = vec![(count, 0), (1, width as isize), (width, 1)];
    let out = dense(&mut buffers, &[count, 1, width], Number::F32);
    let place = indices(&mut buffers, count, table);
    let start = Start { place, number: Number::I32, dim: 0, last: table - 1 };
    let (windows, window, number) = (vec![count], vec![1, width], Number::F32);
    let kernel = Gather { windows, window, starts: vec![start], number, from, out };
    let program = gather::Program::new(&kernel, Level::best());
    let (pointers, frame) = (buffers.pointers(), frame(program.frame_bytes()));
    tell(&format!("gather {count} rows of {width} from {table}"), count * width, || {
        // SAFETY: the kernel's accesses are those of the buffers.
        unsafe { program.run(&pointers, 0..program.units(), frame.pointer()) };
    });
}

fn scatters(table: usize, width: usize, count: usize) {
    let mut buffers = Buffers::default();
    let input = dense(&mut buffers, &[table, width], Number::F32);
    let updates = dense(&mut buffers, &[count, 1, width], Number::F32);
    let place = indices(&mut buffers, count, table);
    let start = Start { place, number: Number::I32, dim: 0, last: table - 1 };
    let out = input.buffer;
    let kernel = Scatter {
        members: vec![],
        windows: vec![Numbering { size: count, along: None }],
        shape: vec![table, width],
        window: vec![1, width],
        starts: vec![start],
        out: input.access.clone(),
        operands: vec![Scattered { number: Number::F32, input, updates, out }],
        beyond: Beyond::Dropped,
        combine: Combine::Binary(Binary::Add),
    };
    let program = scatter::Program::new(&kernel, Level::best()).unwrap();
    let (pointers, frame) = (buffers.pointers(), frame(program.frame_bytes()));
    let units = program.units();
    tell(&format!("scatter {count} rows of {width} into {table}, {units} units"), count * width, || {
        // SAFETY: the kernel's accesses are those of the buffers.
        unsafe { program.run(&pointers, 0..program.units(), frame.pointer()) };
    });
}

#[test]
#[ignore = "a measurement; in release"]
fn nanoseconds_for_an_element_moved() {
    for length in [16, 100, 300, 1000, 3000, 100_000] {
        let rows = (100_000 / length).max(1);
        sorts_of_std(rows, length);
        sorts(rows, length, Number::F32, Some(Order::NanGreatest), 1);
        sorts(rows, length, Number::F32, Some(Order::NanGreatest), 2);
        sorts(rows, length, Number::F64, Some(Order::Total), 1);
        sorts(rows, length, Number::F64, Some(Order::Total), 2);
        sorts(rows, length, Number::F32, None, 1);
    }
    moves();
}

#[test]
#[ignore = "a measurement; in release"]
fn nanoseconds_for_an_element_at_an_index() {
    moves();
}

fn moves() {
    for (table, width, count) in [(1000, 1, 100_000), (1000, 4, 50_000), (1000, 64, 5000), (1000, 300, 1000)]
    {
        gathers(table, width, count);
        scatters(table, width, count);
    }
}
