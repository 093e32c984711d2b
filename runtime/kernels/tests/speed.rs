//! How long the loops take. Tells, and fails at nothing.

use std::hint::black_box;
use std::time::Instant;

use choral_kernels::Level;
use choral_kernels::functions::{Float, Function, FunctionOfTwo};

/// Elements of a tile that stays in the nearest cache.
const LENGTH: usize = 1024;

/// The least time of one element in nanoseconds, over many runs of a tile.
fn nanoseconds<T: Float>(given: &[T], run: impl Fn(&mut [T])) -> f64 {
    let mut values = given.to_vec();
    let times = (0..2000).map(|_| {
        values.copy_from_slice(given);
        let start = Instant::now();
        run(black_box(&mut values));
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min) * 1e9 / LENGTH as f64
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
    let tell = |function: String, time: f64| println!("{name:14} {function:20} {time:8.2} ns");
    for &function in Function::ALL {
        let (from, to) = domain(function);
        let time = nanoseconds(&between::<T>(from, to), |values| function.apply(level, values));
        tell(format!("{function:?}"), time);
    }
    for &function in FunctionOfTwo::ALL {
        let right = between::<T>(0.2, 3.0);
        let time = nanoseconds(&between::<T>(0.1, 4.0), |values| function.apply(level, values, &right));
        tell(format!("{function:?}"), time);
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
