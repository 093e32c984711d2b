//! Hyperbolic functions, their inverses, and the logistic function.

use std::f64::consts::LN_2;

use super::wide::Wide;

/// Below this, `f(x) = x` to the last place for every odd function here.
const TINY: f64 = 1e-9;
/// Above this, `e^-x` is negligible next to `e^x`.
const LARGE: f64 = 20.0;
/// Above this, `sqrt(x * x + 1) = x` to the last place.
const VAST: f64 = 1e9;

/// The sum of powers of `x` with these coefficients, the highest power first.
fn polynomial<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    coefficients.into_iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// `e^x / 2` of a large number, where `e^x` may be infinite.
fn half_exp(x: f64) -> f64 {
    // What ln 2 is beyond the last place.
    const REST: f64 = 2.319_046_813_846_299_6e-17;
    let less = x - LN_2;
    let error = (x - less) - LN_2;
    let power = less.exp();
    if power.is_infinite() { power } else { power + power * (error - REST) }
}

/// The hyperbolic sine; near zero by its power series.
pub fn sinh(x: f64) -> f64 {
    /// 1 / 19!, 1 / 17!, .., 1 / 3!.
    const SERIES: [f64; 9] = [
        1.0 / 121_645_100_408_832_000.0,
        1.0 / 355_687_428_096_000.0,
        1.0 / 1_307_674_368_000.0,
        1.0 / 6_227_020_800.0,
        1.0 / 39_916_800.0,
        1.0 / 362_880.0,
        1.0 / 5040.0,
        1.0 / 120.0,
        1.0 / 6.0,
    ];
    let size = x.abs();
    if size < 1.0 {
        let square = x * x;
        return x + x * (square * polynomial(square, SERIES));
    }
    let power = size.exp();
    (if size < LARGE { power / 2.0 - 0.5 / power } else { half_exp(size) }).copysign(x)
}

/// The hyperbolic cosine.
pub fn cosh(x: f64) -> f64 {
    let size = x.abs();
    let power = size.exp();
    if size < LARGE { power / 2.0 + 0.5 / power } else { half_exp(size) }
}

/// The hyperbolic tangent; near zero by eight steps of its continued fraction (Abramowitz and Stegun,
/// 4.5.70), as a quotient of polynomials.
pub fn tanh(x: f64) -> f64 {
    const NEAR: f64 = 0.6;
    const NUMERATOR: [f64; 4] = [36.0, 6930.0, 270_270.0, 2_027_025.0];
    const DENOMINATOR: [f64; 5] = [1.0, 630.0, 51_975.0, 945_945.0, 2_027_025.0];
    let size = x.abs();
    if size < TINY {
        return x;
    }
    if size < NEAR {
        // tanh(x) / x = 1 - x^2 (D - N) / x^2 / D, which keeps the last place.
        const LESS: [f64; 4] = [
            DENOMINATOR[0],
            DENOMINATOR[1] - NUMERATOR[0],
            DENOMINATOR[2] - NUMERATOR[1],
            DENOMINATOR[3] - NUMERATOR[2],
        ];
        let square = x * x;
        return x - x * (square * polynomial(square, LESS) / polynomial(square, DENOMINATOR));
    }
    // 1 is negligible where the power is infinite; NaN stays.
    (1.0 - 2.0 / ((size + size).exp() + 1.0)).copysign(x)
}

/// `1 / (1 + e^-x)`.
pub fn logistic<N: Wide>(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    // Without overflow, and without loss of what is less than the last place of 1.
    let power = (-x.abs()).exp();
    let share = if x < 0.0 { power } else { 1.0 };
    (N::from(share) / (N::from(1.0) + N::from(power))).value()
}

/// `log(1 + x)`, of a number that may hold more digits than `f64`.
fn log_plus_one<N: Wide>(x: N) -> f64 {
    let near = x.value();
    near.ln_1p() + (x - N::from(near)).value() / (1.0 + near)
}

/// The inverse hyperbolic sine, `log(x + sqrt(x^2 + 1))`.
pub fn asinh<N: Wide>(x: f64) -> f64 {
    let size = x.abs();
    if size < TINY || size.is_nan() {
        return x;
    }
    if size > VAST {
        return (size.ln() + LN_2).copysign(x);
    }
    let (wide, one) = (N::from(size), N::from(1.0));
    let square = wide * wide;
    log_plus_one(wide + square / (one + (one + square).sqrt())).copysign(x)
}

/// The inverse hyperbolic cosine, `log(x + sqrt(x^2 - 1))`; NaN below 1.
pub fn acosh<N: Wide>(x: f64) -> f64 {
    if x < 1.0 || x.is_nan() {
        return f64::NAN;
    }
    if x > VAST {
        return x.ln() + LN_2;
    }
    let beyond = N::from(x) - N::from(1.0);
    log_plus_one(beyond + (beyond * (beyond + N::from(2.0))).sqrt())
}

/// The inverse hyperbolic tangent, `log((1 + x) / (1 - x)) / 2`; NaN outside [-1, 1].
pub fn atanh<N: Wide>(x: f64) -> f64 {
    let size = x.abs();
    if size >= 1.0 || size.is_nan() {
        return if size == 1.0 { f64::INFINITY.copysign(x) } else { f64::NAN };
    }
    if size < TINY {
        return x;
    }
    let wide = N::from(size);
    (0.5 * log_plus_one((wide + wide) / (N::from(1.0) - wide))).copysign(x)
}
