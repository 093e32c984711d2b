//! Powers and roots.
//!
//! Must not live here: powers of e.

#![expect(clippy::extra_unused_type_parameters, reason = "all functions are called alike")]

use super::exponential::{clamped, less_one, reduced, scaled};
use super::fused::Fused;
use super::logarithm::normal;
use super::pair::Pair;
use super::real::{Real, polynomial, select};

/// The square root.
#[inline(always)]
pub(super) fn sqrt<T: Real, M: Fused>(x: T) -> T {
    x.sqrt()
}

/// 1 / the square root.
#[inline(always)]
pub(super) fn rsqrt<T: Real, M: Fused>(x: T) -> T {
    T::of(1.0) / x.sqrt()
}

/// The square.
#[inline(always)]
pub(super) fn square<T: Real, M: Fused>(x: T) -> T {
    x * x
}

/// The cube root: `x = 2^3q y`, then steps of order three to `y^(-1/3)`, and one of Newton's on `y^(1/3)`.
#[inline(always)]
pub(super) fn cbrt<T: Real, M: Fused>(x: T) -> T {
    let third = T::of(1.0 / 3.0);
    let size = x.abs();
    let (normal, up) = normal(size);
    let (fraction, exponent) = normal.split();
    let quotient = exponent.fused::<M>(third, T::SHIFTER) - T::SHIFTER;
    let y = fraction * quotient.fused::<M>(T::of(-3.0), exponent).power_of_two();
    let mut inverse = polynomial::<T, M>(y, T::CUBE_ROOT);
    for _ in 0..T::CUBE_ROOT_STEPS {
        let miss = (-y * inverse).fused::<M>(inverse * inverse, T::of(1.0));
        inverse = (inverse * miss).fused::<M>(miss.fused::<M>(T::of(2.0 / 9.0), third), inverse);
    }
    let squared = inverse * inverse;
    let root = y * squared;
    let square = Pair::product::<M>(root, root);
    let miss = square.high.fused::<M>(root, -y) + square.low * root;
    let root = (miss * squared).fused::<M>(-third, root);
    let result = root * up.fused::<M>(-third, quotient).power_of_two();
    select(size.is_above(T::of(0.0)) & size.is_below(T::INFINITY), result, size).with_sign(x)
}

/// `log(x)` with digits to spare, of a number that is not negative.
#[inline(always)]
fn log_of<T: Real, M: Fused>(x: T) -> Pair<T> {
    let (normal, up) = normal(x);
    let (fraction, exponent) = normal.split();
    let exponent = exponent - up;
    let above = Pair { high: fraction - T::of(1.0), low: T::of(0.0) };
    let s = above.over::<M>(Pair::sum(fraction, T::of(1.0)));
    let square = s.times::<M>(s);
    let rest = square.high * polynomial::<T, M>(square.high, T::LOGARITHM_REST);
    let series = Pair::joined(T::TWO_THIRDS[0], rest).and(T::TWO_THIRDS[1]);
    let cubic = square.times::<M>(series).times::<M>(s);
    let sum = Pair::joined(s.high + s.high, cubic.high).and(cubic.low + (s.low + s.low));
    let power = Pair::product::<M>(exponent, T::LN_2[0]).and(exponent * T::LN_2[1]);
    let result = Pair::sum(power.high, sum.high).and(power.low + sum.low);
    // Infinity and NaN are their own logarithms here.
    let edge = select(x.is_equal(T::of(0.0)), -T::INFINITY, x);
    let is_inside = x.is_above(T::of(0.0)) & x.is_below(T::INFINITY);
    Pair::select(is_inside, result, Pair { high: edge, low: T::of(0.0) })
}

/// `e^(x.high + x.low)`.
#[inline(always)]
fn exponential_of<T: Real, M: Fused>(x: Pair<T>) -> T {
    let high = clamped(x.high, T::EXPONENTIAL_START, T::EXPONENTIAL_END);
    let (k, r) = reduced::<T, M>(high);
    scaled::<T, M>(less_one::<T, M>(r + select(high.is_equal(x.high), x.low, T::of(0.0))), k)
}

/// `x^y`, as IEEE 754 has it: 1 for `y = 0` or `x = 1`, even with NaN; NaN for a negative `x` unless `y` is an integer.
#[inline(always)]
pub(super) fn power<T: Real, M: Fused>(x: T, y: T) -> T {
    let (zero, one) = (T::of(0.0), T::of(1.0));
    let log = log_of::<T, M>(x.abs());
    let high = log.high * y;
    let low = log.high.fused::<M>(y, -high) + log.low * y;
    let size = exponential_of::<T, M>(Pair { high, low });
    // Of -1 to an infinite power.
    let size = select(log.high.is_equal(zero) & y.abs().is_equal(T::INFINITY), one, size);
    let is_integer = y.floor().is_equal(y);
    let half = T::of(0.5) * y;
    let is_odd = is_integer & !half.floor().is_equal(half);
    let result = size.flipped(select(is_odd & x.has_sign(), x, zero));
    let is_undefined = x.is_below(zero) & x.is_above(-T::INFINITY) & !is_integer;
    let result = select(is_undefined | x.is_nan() | y.is_nan(), T::NAN, result);
    select(x.is_equal(one) | y.is_equal(zero), one, result)
}
