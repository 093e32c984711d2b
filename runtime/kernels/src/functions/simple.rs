//! Functions of a few instructions: signs, roundings, the greater and the lesser, remainders.
//!
//! Must not live here: functions that are approximated.

#![expect(clippy::extra_unused_type_parameters, reason = "all functions are called alike")]

use super::fused::Fused;
use super::real::{Real, select};

/// Without its sign, of NaN too.
#[inline(always)]
pub(super) fn abs<T: Real, M: Fused>(x: T) -> T {
    x.abs()
}

/// With the other sign, of NaN too.
#[inline(always)]
pub(super) fn negate<T: Real, M: Fused>(x: T) -> T {
    -x
}

/// -1, 1, or the zero or NaN itself.
#[inline(always)]
pub(super) fn sign<T: Real, M: Fused>(x: T) -> T {
    select(x.is_equal(T::of(0.0)) | x.is_nan(), x, T::of(1.0).with_sign(x))
}

/// Rounded down.
#[inline(always)]
pub(super) fn floor<T: Real, M: Fused>(x: T) -> T {
    x.floor()
}

/// Rounded up.
#[inline(always)]
pub(super) fn ceil<T: Real, M: Fused>(x: T) -> T {
    x.ceil()
}

/// Rounded to the nearest integer, halves away from zero.
#[inline(always)]
pub(super) fn round_nearest_afz<T: Real, M: Fused>(x: T) -> T {
    x.round()
}

/// Rounded to the nearest integer, halves to the even one.
#[inline(always)]
pub(super) fn round_nearest_even<T: Real, M: Fused>(x: T) -> T {
    x.round_ties_even()
}

/// The greater: NaN if either is, and +0 above -0.
#[inline(always)]
pub(super) fn maximum<T: Real, M: Fused>(x: T, y: T) -> T {
    select(x.is_above(y) | x.is_nan() | (x.is_equal(y) & !x.has_sign()), x, y)
}

/// The lesser: NaN if either is, and -0 below +0.
#[inline(always)]
pub(super) fn minimum<T: Real, M: Fused>(x: T, y: T) -> T {
    select(x.is_below(y) | x.is_nan() | (x.is_equal(y) & x.has_sign()), x, y)
}

/// What is left of `x / y` with its quotient rounded towards zero, while that has at most 22 bits; exact.
#[inline(always)]
pub(super) fn remainder<T: Real, M: Fused>(x: T, y: T) -> T {
    let (size, by) = (x.abs(), y.abs());
    let quotient = (size / by).trunc();
    let rest = (-quotient).fused::<M>(by, size);
    // The quotient may have been rounded up to an integer.
    select(rest.is_below(T::of(0.0)), rest + by, rest).with_sign(x)
}

/// Whether a division is not one for [`remainder`].
#[inline(always)]
pub(super) fn is_long_division<T: Real>(x: T, y: T) -> T::Truth {
    let by = y.abs();
    (x.abs() / by).is_above(T::of(4_194_304.0)) | by.is_at_most(T::LEAST) | by.is_equal(T::INFINITY)
}

/// What is left of any division with its quotient rounded towards zero.
pub(super) fn long_remainder<T: Real, M: Fused>(x: T, y: T) -> T {
    x.remainder(y)
}
