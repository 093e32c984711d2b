//! The inverse of the error function.

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

use choral_kernels::functions::Function;

use super::wide::{Double, Wide};

/// From here on the continued fraction serves, below it the power series.
const FAR: f64 = 2.5;

/// Below this, `erf(x) = 2 x / sqrt(pi)` to the last place.
const TINY: f64 = 1e-9;

/// `erf(x)` for `|x|` up to [`FAR`]: `2 x e^-x^2 / sqrt(pi) sum((2 x^2)^n / (2n + 1)!!)`, whose terms all
/// have one sign (Abramowitz and Stegun, 7.1.6).
fn erf_near(x: f64) -> Double {
    let square = Double::from(x) * Double::from(x);
    let (mut term, mut sum, mut odd) = (Double::from(1.0), Double::from(1.0), 1.0);
    while term.value() > sum.value() * Double::EPSILON {
        odd += 2.0;
        term = term * (square + square) / Double::from(odd);
        sum = sum + term;
    }
    let scale = Double::from(2.0) * Double::from(x) / Double::PI.sqrt();
    scale * sum * (-square).exp()
}

/// `erfc(x)` for `x` from [`FAR`] on, by its continued fraction (Abramowitz and Stegun, 7.1.14).
fn erfc_far(x: f64) -> Double {
    const STEPS: u32 = 60;
    let wide = Double::from(x);
    let step = |below: Double, at: u32| wide + Double::from(f64::from(at) / 2.0) / below;
    let fraction = (1..=STEPS).rev().fold(wide, step);
    // Under one exponential, since that alone may be too small for its digits.
    (-(wide * wide) - (fraction * Double::PI.sqrt()).ln()).exp()
}

/// The inverse error function where it is finite and not 0; infinite at -1 and 1, NaN beyond.
fn inverse(x: f64, within: impl Fn(f64) -> f64) -> f64 {
    let size = x.abs();
    if size == 0.0 {
        x
    } else if size < 1.0 {
        within(size).copysign(x)
    } else if size == 1.0 {
        f64::INFINITY.copysign(x)
    } else {
        f64::NAN
    }
}

/// A step of Halley's method to where `erf` is greater by `miss`.
fn nearer(y: f64, miss: f64) -> f64 {
    let newton = miss / (FRAC_2_SQRT_PI * Wide::exp(-y * y));
    y - newton / (1.0 + y * newton)
}

/// `erf_inv(x)` for `x` between 0 and 1, to nearly all digits of `f64`: the single-precision approximation, then
/// steps on `erf`, or on `erfc` near 1, where `erf` has no digits left.
fn approximate(x: f64) -> f64 {
    if x < TINY {
        return x / FRAC_2_SQRT_PI;
    }
    let left = 1.0 - x;
    let start = if left < f64::from(f32::EPSILON) {
        // Single precision rounds x to 1; there, erfc(y) is about e^-y^2 / (y sqrt(pi)).
        let square = -Wide::ln(left);
        (square - 0.5 * Wide::ln(PI * square)).sqrt()
    } else {
        f64::from(choral_ir::special::erf_inv(x as f32))
    };
    let miss = |y: f64| if x < 0.5 { Function::Erf.of(y) - x } else { left - Function::Erfc.of(y) };
    (0..3).fold(start, |y, _| nearer(y, miss(y)))
}

/// The inverse error function, to the digits of `f32` and more.
pub fn erf_inv_single(x: f64) -> f64 {
    inverse(x, approximate)
}

/// The inverse error function: the last step is computed in [`Double`].
pub fn erf_inv(x: f64) -> f64 {
    inverse(x, |x| {
        let y = approximate(x);
        if x < TINY {
            return y;
        }
        let miss = if y < FAR {
            erf_near(y) - Double::from(x)
        } else {
            Double::from(1.0) - Double::from(x) - erfc_far(y)
        };
        nearer(y, miss.value())
    })
}
