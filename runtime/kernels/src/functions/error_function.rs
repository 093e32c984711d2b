//! The error function and its complement.
//!
//! Must not live here: its inverse, which is not for loops.

use super::exponential::{factors, less_one, reduced};
use super::fused::Fused;
use super::pair::Pair;
use super::real::{Real, polynomial, select};

/// `erf(x) / x - 1` for `|x| <= 1`.
#[inline(always)]
fn slope<T: Real, M: Fused>(x: T) -> T {
    polynomial::<T, M>(x * x, T::ERF_NEAR)
}

/// The error function.
#[inline(always)]
pub(super) fn erf<T: Real, M: Fused>(x: T) -> T {
    let (one, end) = (T::of(1.0), T::ERF_END);
    let size = x.abs();
    let near = size.fused::<M>(slope::<T, M>(size), size);
    let beyond = select(size > end, end, size) - one;
    let (k, r) = reduced::<T, M>(polynomial::<T, M>(beyond, T::ERF_FAR));
    let power = k.power_of_two();
    let far = (-power).fused::<M>(less_one::<T, M>(r), one - power);
    select(size < one, near, far).with_sign(x)
}

/// 1 less the error function, with all digits where that is small.
#[inline(always)]
pub(super) fn erfc<T: Real, M: Fused>(x: T) -> T {
    let (zero, one) = (T::of(0.0), T::of(1.0));
    let near = one - x.fused::<M>(slope::<T, M>(x), x);
    let size = select(x.abs() > T::ERFC_END, T::ERFC_END, x.abs());
    let place = (size - T::ERFC_MIDDLE) / (size + T::ERFC_MIDDLE);
    let slope = place * polynomial::<T, M>(place, &T::ERFC[1..]);
    let part = Pair::joined(T::ERFC[0], slope).over::<M>(Pair::sum(one, size + size));
    let square = Pair::product::<M>(size, size);
    let (k, r) = reduced::<T, M>(-square.high);
    let tail = Pair::joined(one, less_one::<T, M>(r - square.low)).times::<M>(part);
    let (first, second) = factors::<T, M>(k);
    let above = (tail.high + tail.low) * first * second;
    let far = select(x < zero, T::of(2.0) - above, above);
    select(x.abs() < T::of(0.5), near, far)
}
