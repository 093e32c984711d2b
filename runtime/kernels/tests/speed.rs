//! How long the loops take. Tells, and fails at nothing.

use std::hint::black_box;
use std::time::Instant;

use choral_kernels::Level;
use choral_kernels::functions::{Float, Function, FunctionOfTwo};

/// Elements of a tile that stays in the nearest cache.
const LENGTH: usize = 1024;

/// The least time of one element in nanoseconds, over many runs of a tile.
fn nanoseconds(run: impl Fn()) -> f64 {
    let times = (0..500).map(|_| {
        let start = Instant::now();
        (0..4).for_each(|_| run());
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min) * 1e9 / (4 * LENGTH) as f64
}

/// Numbers that a function is defined for, `from` to `to`.
fn between<T: Float>(from: f64, to: f64) -> Vec<T> {
    let place = |at: usize| (at as f64 * 0.618_033_988_7).fract();
    (0..LENGTH).map(|at| T::of(from + (to - from) * place(at))).collect()
}

fn domain(function: Function) -> (f64, f64) {
    match function {
        Function::Acos | Function::Asin | Function::Atanh => (-1.0, 1.0),
        Function::Acosh => (1.0, 10.0),
        Function::Log | Function::LogPlusOne | Function::Rsqrt | Function::Sqrt => (0.01, 10.0),
        _ => (-4.0, 4.0),
    }
}

fn report<T: Float>(level: Level) {
    let name = format!("f{} {}", 8 * size_of::<T>(), level.name());
    for &function in Function::ALL {
        let (from, to) = domain(function);
        let (given, mut results) = (between::<T>(from, to), between::<T>(from, to));
        let (input, output) = (given.as_ptr(), results.as_mut_ptr());
        let run = function.unary::<T>(level);
        // SAFETY: both have that length, and the level is available.
        let time = nanoseconds(|| unsafe { run(black_box(input), output, LENGTH) });
        println!("{name:14} {:20} {time:8.2} ns", format!("{function:?}"));
    }
    for &function in FunctionOfTwo::ALL {
        let (left, right, mut results) =
            (between::<T>(0.1, 4.0), between::<T>(0.2, 3.0), between::<T>(0.0, 1.0));
        let (left, right, output) = (left.as_ptr(), right.as_ptr(), results.as_mut_ptr());
        let run = function.binary::<T>(level);
        // SAFETY: all have that length, and the level is available.
        let time = nanoseconds(|| unsafe { run(black_box(left), right, output, LENGTH) });
        println!("{name:14} {:20} {time:8.2} ns", format!("{function:?}"));
    }
}

#[test]
#[ignore = "a measurement; in release"]
fn nanoseconds_for_an_element() {
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        report::<f32>(level);
        report::<f64>(level);
    }
}
