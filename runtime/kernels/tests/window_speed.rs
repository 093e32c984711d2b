//! How long windows, extremes, factorisations and random words take, beside plain loops. Tells, and fails at nothing.

use std::hint::black_box;
use std::time::Instant;

use choral_kernels::access::Elements;
use choral_kernels::cpu::{extreme, linalg, random, select_and_scatter, window};
use choral_kernels::extreme::{Extreme, Places, Search};
use choral_kernels::instruction::{Binary, Comparison};
use choral_kernels::linalg::Cholesky;
use choral_kernels::memory::Block;
use choral_kernels::random::{Algorithm, Random};
use choral_kernels::select_and_scatter::{Select, SelectAndScatter};
use choral_kernels::window::{Combine, Initial, Window, WindowDim};
use choral_kernels::{Access, Level, Number};

use crate::product::levels;

/// The least time of a run in nanoseconds, divided by a number of elements.
fn nanoseconds(elements: usize, mut run: impl FnMut()) -> f64 {
    let times = (0..30).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min) * 1e9 / elements as f64
}

fn tell(what: &str, how: &str, time: f64) {
    println!("{what:32} {how:10} {time:8.3} ns");
}

fn dense(buffer: usize, shape: &[usize]) -> Elements {
    Elements { buffer, access: Access::dense(shape) }
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|at| (at as f32 * 0.618_034).fract() - 0.5).collect()
}

fn time_window(what: &str, window: &Window, level: Level) {
    let (mut input, mut out) = (numbers(window.input.access.len()), vec![0f32; window.result.access.len()]);
    let program = window::Program::new(window, level).unwrap();
    let frame = Block::new(program.frame_bytes()).unwrap();
    let buffers = [input.as_mut_ptr().cast(), out.as_mut_ptr().cast()];
    // SAFETY: the buffers are as large as their accesses, which are dense.
    let run = || unsafe { program.run(black_box(&buffers), 0..program.units(), frame.pointer()) };
    tell(what, level.name(), nanoseconds(input.len(), run));
}

fn pooling(shape: [usize; 4], dims: [usize; 2], window: usize, stride: usize, op: Binary) -> Window {
    let mut windows = vec![WindowDim::PLAIN; 4];
    let mut counts = shape;
    for dim in dims {
        windows[dim] = WindowDim { window, stride, ..WindowDim::PLAIN };
        counts[dim] = (shape[dim] - window) / stride + 1;
    }
    Window {
        number: Number::F32,
        combine: Combine::of(op),
        input: dense(0, &shape),
        initial: Initial::Constant(0),
        result: dense(1, &counts),
        windows,
    }
}

fn cumulative(axis: usize, is_forward: bool, shape: &[usize]) -> Window {
    let mut windows = vec![WindowDim::PLAIN; shape.len()];
    let padding = if is_forward { shape[axis] as isize - 1 } else { 0 };
    windows[axis] = WindowDim { window: shape[axis], padding, ..WindowDim::PLAIN };
    Window {
        number: Number::F32,
        combine: Combine::of(Binary::Add),
        input: dense(0, shape),
        initial: Initial::Constant(0),
        result: dense(1, shape),
        windows,
    }
}

#[test]
#[ignore = "a measurement; in release"]
fn nanoseconds_of_windows() {
    for level in levels() {
        let shape = [32, 64, 24, 24];
        time_window("2x2 max of NCHW", &pooling(shape, [2, 3], 2, 2, Binary::Maximum), level);
        time_window("2x2 sum of NCHW", &pooling(shape, [2, 3], 2, 2, Binary::Add), level);
        time_window("3x3 sum of NCHW, stride 1", &pooling(shape, [2, 3], 3, 1, Binary::Add), level);
        let shape = [32, 24, 24, 64];
        time_window("2x2 max of NHWC", &pooling(shape, [1, 2], 2, 2, Binary::Maximum), level);
        time_window("24x24 mean of NCHW", &pooling([32, 64, 24, 24], [2, 3], 24, 1, Binary::Add), level);
        for axis in [0, 1] {
            time_window(
                &format!("cumsum of 1000x1000 along {axis}"),
                &cumulative(axis, true, &[1000, 1000]),
                level,
            );
        }
        time_window("cumsum back along 1", &cumulative(1, false, &[1000, 1000]), level);
        time_window("cumsum of 1000000", &cumulative(0, true, &[1_000_000]), level);
    }
    let input = numbers(32 * 64 * 24 * 24);
    let mut out = vec![0f32; 32 * 64 * 12 * 12];
    let time = nanoseconds(input.len(), || {
        let (input, out) = (black_box(&input), black_box(&mut out));
        for (plane, out) in input.chunks_exact(24 * 24).zip(out.chunks_exact_mut(12 * 12)) {
            for (at, out) in out.iter_mut().enumerate() {
                let first = at / 12 * 48 + at % 12 * 2;
                let places = [first, first + 1, first + 24, first + 25];
                *out = places.iter().fold(f32::NEG_INFINITY, |max, &place| max.max(plane[place]));
            }
        }
    });
    tell("2x2 max of NCHW", "plain", time);
    let (input, mut out) = (numbers(1_000_000), vec![0f32; 1_000_000]);
    let time = nanoseconds(input.len(), || {
        let (input, out) = (black_box(&input), black_box(&mut out));
        for (input, out) in input.chunks_exact(1000).zip(out.chunks_exact_mut(1000)) {
            let mut sum = 0.0;
            input.iter().zip(out).for_each(|(x, out)| {
                sum += x;
                *out = sum;
            });
        }
    });
    tell("cumsum of 1000x1000 along 1", "plain", time);
    let time = nanoseconds(input.len(), || {
        let (input, out) = (black_box(&input), black_box(&mut out));
        for column in 0..1000 {
            let mut sum = 0.0;
            for row in 0..1000 {
                sum += input[row * 1000 + column];
                out[row * 1000 + column] = sum;
            }
        }
    });
    tell("cumsum of 1000x1000 along 0", "plain", time);
}

fn time_extreme(axis: usize, level: Level) {
    let values = Access::dense(&[1000, 1000]);
    let (kept, folded) = (values.dims[1 - axis], values.dims[axis]);
    let search = Extreme {
        search: Search::Greatest,
        value: Number::F32,
        place: Number::I32,
        values: Elements { buffer: 0, access: Access { offset: 0, dims: vec![kept, folded] } },
        kept: 1,
        places: Places::Along(0),
        initial: [Initial::Constant(f32::NEG_INFINITY.to_bits().into()), Initial::Constant(0)],
        results: [dense(1, &[1000]), dense(2, &[1000])],
    };
    let (mut input, mut out, mut places) = (numbers(1_000_000), vec![0f32; 1000], vec![0i32; 1000]);
    let program = extreme::Program::new(&search, level).unwrap();
    let frame = Block::new(program.frame_bytes()).unwrap();
    let buffers = [input.as_mut_ptr().cast(), out.as_mut_ptr().cast(), places.as_mut_ptr().cast()];
    // SAFETY: the buffers are as large as their accesses, which are dense.
    let run = || unsafe { program.run(black_box(&buffers), 0..program.units(), frame.pointer()) };
    tell(&format!("argmax of 1000x1000 along {axis}"), level.name(), nanoseconds(input.len(), run));
}

#[test]
#[ignore = "a measurement; in release"]
fn nanoseconds_of_extremes() {
    for level in levels() {
        (0..2).for_each(|axis| time_extreme(axis, level));
    }
    let input = numbers(1_000_000);
    for (axis, [row, step]) in [[1, 1000], [1000, 1]].into_iter().enumerate() {
        let time = nanoseconds(input.len(), || {
            let input = black_box(&input);
            for line in 0..1000 {
                let mut best = (f32::NEG_INFINITY, 0);
                for at in 0..1000 {
                    let x = input[line * row + at * step];
                    if x > best.0 {
                        best = (x, at);
                    }
                }
                black_box(best);
            }
        });
        tell(&format!("argmax of 1000x1000 along {axis}"), "plain", time);
    }
}

fn time_random(algorithm: Algorithm, shape: &[usize], level: Level) {
    let count: usize = shape.iter().product();
    let draw = Random {
        algorithm,
        state: dense(0, &[2]),
        next: dense(1, &[2]),
        bits: dense(2, &[]),
        shape: shape.to_vec(),
        number: Number::U32,
        narrow: None,
    };
    let (mut state, mut next, mut bits) = ([7u64, 9], [0u64; 2], vec![0u32; count]);
    let program = random::Program::new(&draw, level);
    let buffers = [state.as_mut_ptr().cast(), next.as_mut_ptr().cast(), bits.as_mut_ptr().cast()];
    // SAFETY: the buffers are as large as their accesses, and bits as the shape.
    let run = || unsafe { program.run(black_box(&buffers), 0..program.units(), std::ptr::null_mut()) };
    tell(&format!("{algorithm:?} of {shape:?}"), level.name(), nanoseconds(count, run));
}

#[test]
#[ignore = "a measurement; in release"]
fn nanoseconds_of_random_words() {
    for level in levels() {
        time_random(Algorithm::ThreeFry, &[1_000_000], level);
        time_random(Algorithm::ThreeFry, &[1000, 1000], level);
        time_random(Algorithm::Philox, &[1_000_000], level);
    }
    let mut words = vec![0u32; 1_000_000];
    let time = nanoseconds(words.len(), || {
        for (at, pair) in black_box(&mut words).chunks_exact_mut(2).enumerate() {
            pair.copy_from_slice(&crate::random::threefry([7, 0], black_box(9 + at as u64)));
        }
    });
    tell("ThreeFry of [1000000]", "plain", time);
}

/// Matrices that are positive definite.
fn matrices(batch: usize, size: usize) -> Vec<f32> {
    let mut all = numbers(batch * size * size);
    (0..batch * size).for_each(|row| all[row * size + row % size] = size as f32);
    all
}

fn time_cholesky(batch: usize, size: usize, level: Level) {
    let shape = [batch, size, size];
    let factor = Cholesky { number: Number::F32, matrix: dense(0, &shape), result: dense(1, &shape) };
    let program = linalg::Program::cholesky(&factor, level).unwrap();
    let (mut input, mut out) = (matrices(batch, size), vec![0f32; batch * size * size]);
    let frame = Block::new(program.frame_bytes()).unwrap();
    let buffers = [input.as_mut_ptr().cast(), out.as_mut_ptr().cast()];
    // SAFETY: the buffers are as large as their accesses, which are dense.
    let run = || unsafe { program.run(black_box(&buffers), 0..program.units(), frame.pointer()) };
    tell(&format!("{batch} choleskys of {size}x{size}"), level.name(), nanoseconds(input.len(), run));
}

fn time_plain_cholesky(batch: usize, size: usize) {
    let (input, mut out) = (matrices(batch, size), vec![0f32; batch * size * size]);
    let time = nanoseconds(input.len(), || {
        let matrices = black_box(&input).chunks_exact(size * size);
        for (a, out) in matrices.zip(black_box(&mut out).chunks_exact_mut(size * size)) {
            let mut l: Vec<f64> = a.iter().map(|&x| x.into()).collect();
            for row in 0..size {
                for column in 0..=row {
                    let products: f64 = (0..column).map(|k| l[row * size + k] * l[column * size + k]).sum();
                    let rest = l[row * size + column] - products;
                    l[row * size + column] =
                        if row == column { rest.sqrt() } else { rest / l[column * size + column] };
                }
            }
            for (at, out) in out.iter_mut().enumerate() {
                *out = if at % size > at / size { 0.0 } else { l[at] as f32 };
            }
        }
    });
    tell(&format!("{batch} choleskys of {size}x{size}"), "plain", time);
}

#[test]
#[ignore = "a measurement; in release"]
fn nanoseconds_of_factors() {
    for (batch, size) in [(64, 32), (256, 8), (2, 128)] {
        levels().for_each(|level| time_cholesky(batch, size, level));
        time_plain_cholesky(batch, size);
    }
}

#[test]
#[ignore = "a measurement; in release"]
fn nanoseconds_of_gradients_of_pooling() {
    let (shape, counts) = ([32, 64, 24, 24], [32, 64, 12, 12]);
    let pair = WindowDim { window: 2, stride: 2, ..WindowDim::PLAIN };
    let kernel = SelectAndScatter {
        number: Number::F32,
        select: Select { comparison: Comparison::LessOrEqual, is_swapped: true },
        operand: dense(0, &shape),
        source: dense(1, &counts),
        initial: Initial::Constant(0),
        result: dense(2, &shape),
        windows: vec![WindowDim::PLAIN, WindowDim::PLAIN, pair, pair],
    };
    let (mut input, mut source) = (numbers(32 * 64 * 576), numbers(32 * 64 * 144));
    let mut out = vec![0f32; input.len()];
    for level in levels() {
        let program = select_and_scatter::Program::new(&kernel, level);
        let frame = Block::new(program.frame_bytes()).unwrap();
        let buffers = [input.as_mut_ptr().cast(), source.as_mut_ptr().cast(), out.as_mut_ptr().cast()];
        // SAFETY: the buffers are as large as their accesses, which are dense.
        let run = || unsafe { program.run(black_box(&buffers), 0..program.units(), frame.pointer()) };
        tell("gradient of 2x2 max of NCHW", level.name(), nanoseconds(input.len(), run));
    }
}
