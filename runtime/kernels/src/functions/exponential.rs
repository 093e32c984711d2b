//! Exponentials: `e^x`, `e^x - 1`, the logistic function and hyperbolic ones.
//!
//! `x = k log 2 + r` with `|r| <= log(2) / 2`, and `e^x = 2^k e^r`. Must not live here: logarithms, powers.

use super::fused::Fused;
use super::pair::Pair;
use super::real::{Real, polynomial, select};

/// `x` between two bounds; NaN stays.
#[inline(always)]
pub(super) fn clamped<T: Real>(x: T, low: T, high: T) -> T {
    let x = select(x.is_below(low), low, x);
    select(x.is_above(high), high, x)
}

/// `k` and `r`.
#[inline(always)]
pub(super) fn reduced<T: Real, M: Fused>(x: T) -> (T, T) {
    let k = x.fused::<M>(T::of(std::f64::consts::LOG2_E), T::SHIFTER) - T::SHIFTER;
    let rest = (-k).fused::<M>(T::LN_2[0], x);
    (k, (-k).fused::<M>(T::LN_2[1], rest))
}

/// `e^r - 1`.
#[inline(always)]
pub(super) fn less_one<T: Real, M: Fused>(r: T) -> T {
    (r * r).fused::<M>(polynomial::<T, M>(r, T::EXPONENTIAL), r)
}

/// Two factors of `2^k`, each a normal number: what is scaled by the first has its digits still, and the second rounds
/// once.
#[inline(always)]
pub(super) fn factors<T: Real, M: Fused>(k: T) -> (T, T) {
    let half = k.fused::<M>(T::of(0.5), T::SHIFTER) - T::SHIFTER;
    (half.power_of_two(), (k - half).power_of_two())
}

/// `2^k (1 + less)`, also where that is subnormal or infinite.
#[inline(always)]
pub(super) fn scaled<T: Real, M: Fused>(less: T, k: T) -> T {
    let (first, second) = factors::<T, M>(k);
    first.fused::<M>(less, first) * second
}

/// `e^x`.
#[inline(always)]
pub(super) fn exponential<T: Real, M: Fused>(x: T) -> T {
    let (k, r) = reduced::<T, M>(clamped(x, T::EXPONENTIAL_START, T::EXPONENTIAL_END));
    scaled::<T, M>(less_one::<T, M>(r), k)
}

/// `e^x - 1`.
#[inline(always)]
pub(super) fn exponential_minus_one<T: Real, M: Fused>(x: T) -> T {
    let (k, r) = reduced::<T, M>(clamped(x, -T::SATURATED, T::EXPONENTIAL_END));
    let less = less_one::<T, M>(r);
    // Half of it, since 2^k itself may be infinite.
    let half = (k - T::of(1.0)).power_of_two();
    let result = half.fused::<M>(less, half - T::of(0.5)) * T::of(2.0);
    select(k.is_equal(T::of(0.0)), less, result).with_sign(x)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn logistic<T: Real, M: Fused>(x: T) -> T {
    // Without overflow, and without loss of what is less than the last place of 1.
    let power = exponential::<T, M>(-x.abs());
    let sum = Pair::joined(T::of(1.0), power);
    let share = select(x.is_below(T::of(0.0)), power, T::of(1.0));
    let result = share / sum.high;
    // What the quotient and the sum have lost is so little that a line will do for 1 / sum.
    let lost = (-result).fused::<M>(sum.low, (-result).fused::<M>(sum.high, share));
    lost.fused::<M>(sum.high.fused::<M>(T::of(-0.5), T::of(1.457)), result)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(super) fn tanh<T: Real, M: Fused>(x: T) -> T {
    let size = x.abs();
    let square = size * size;
    let near = (size * square).fused::<M>(polynomial::<T, M>(square, T::TANH), size);
    let twice = size + size;
    let (k, r) = reduced::<T, M>(select(twice.is_above(T::SATURATED), T::SATURATED, twice));
    let scale = k.power_of_two();
    // 1 - 2 / (e^2x + 1)
    let far = T::of(1.0) - T::of(2.0) / scale.fused::<M>(less_one::<T, M>(r), scale + T::of(1.0));
    select(size.is_below(T::of(0.625)), near, far).with_sign(x)
}

/// Half of `e^x`, for `x` from 0 on.
#[inline(always)]
fn half_exponential<T: Real, M: Fused>(x: T) -> T {
    let (k, r) = reduced::<T, M>(select(x.is_above(T::HYPERBOLIC_END), T::HYPERBOLIC_END, x));
    scaled::<T, M>(less_one::<T, M>(r), k - T::of(1.0))
}

/// The hyperbolic sine.
#[inline(always)]
pub(super) fn sinh<T: Real, M: Fused>(x: T) -> T {
    let size = x.abs();
    let square = size * size;
    let near = (size * square).fused::<M>(polynomial::<T, M>(square, T::SINH), size);
    let half = half_exponential::<T, M>(size);
    let far = half - T::of(0.25) / half;
    select(size.is_below(T::of(1.0)), near, far).with_sign(x)
}

/// The hyperbolic cosine.
#[inline(always)]
pub(super) fn cosh<T: Real, M: Fused>(x: T) -> T {
    let half = half_exponential::<T, M>(x.abs());
    half + T::of(0.25) / half
}
