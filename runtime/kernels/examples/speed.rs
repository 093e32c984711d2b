//! Cycles per element.
use std::hint::black_box;
use choral_kernels::{functions::*, Level};
use std::time::Instant;
fn time<T: Real>(level: Level, name: &str, make: impl Fn(f64)->T) {
    let n = 1024;
    println!("{name} {}", level.name());
    for &f in Function::ALL {
        let x: Vec<T> = (0..n).map(|i| { let u = (i as f64 * 0.6180339887).fract(); make(match f { Function::Acosh => 1.0+5.0*u, Function::Asin|Function::Acos|Function::Atanh => 2.0*u-1.0, Function::Log => 5.0*u+0.01, _ => 6.0*u - 1.0+ if f==Function::Sine || f==Function::Erf || f==Function::Tanh || f==Function::Exponential {-2.0} else {0.0}})}).collect();
        let mut y = x.clone();
        let run = f.unary::<T>(level);
        let mut best = f64::MAX;
        for _ in 0..300 {
            let s = unsafe { core::arch::x86_64::_rdtsc() };
            for _ in 0..4 { unsafe { run(black_box(x.as_ptr()), y.as_mut_ptr(), n) }; }
            let e = unsafe { core::arch::x86_64::_rdtsc() };
            best = best.min((e - s) as f64 / 4.0 / n as f64);
        }
        black_box(&y);
        print!("{f:?} {best:.2}; ");
    }
    for &f in FunctionOfTwo::ALL {
        let x: Vec<T> = (0..n).map(|i| { let u = (i as f64 * 0.6180339887).fract(); make(4.0*u+0.1)}).collect();
        let z: Vec<T> = (0..n).map(|i| { let u = (i as f64 * 0.3180339887).fract(); make(4.0*u+0.1)}).collect();
        let mut y = x.clone();
        let run = f.binary::<T>(level);
        let mut best = f64::MAX;
        for _ in 0..300 {
            let s = unsafe { core::arch::x86_64::_rdtsc() };
            for _ in 0..4 { unsafe { run(black_box(x.as_ptr()), z.as_ptr(), y.as_mut_ptr(), n) }; }
            let e = unsafe { core::arch::x86_64::_rdtsc() };
            best = best.min((e - s) as f64 / 4.0 / n as f64);
        }
        black_box(&y);
        print!("{f:?} {best:.2}; ");
    }
    println!();
}
fn main() {
    let _ = Instant::now();
    for level in Level::ALL { if level.is_available() {
        time::<f32>(level, "f32", |x| x as f32); time::<f64>(level, "f64", |x| x);
    } }
}
