//! The error function and its complement.
//!
//! Must not live here: its inverse, which is not for loops.

use super::exponential::{less_one, reduced, scaled};
use super::fused::Fused;
use super::pair::Pair;
use super::real::{Real, polynomial, select};

/// The error function.
#[inline(always)]
pub(super) fn erf<T: Real, M: Fused>(x: T) -> T {
    let (one, end) = (T::of(1.0), T::ERF_END);
    let size = x.abs();
    let near = size.fused::<M>(polynomial::<T, M>(size * size, T::ERF_NEAR), size);
    let inside = select(size > end, end, size);
    let place = inside.fused::<M>(T::of(2.0) / (end - one), (-one - end) / (end - one));
    let (k, r) = reduced::<T, M>(polynomial::<T, M>(place, T::ERF_FAR), T::of(0.0));
    let power = k.power_of_two();
    let far = (one - power) - power * less_one::<T, M>(r);
    select(size < one, near, far).with_sign(x)
}

/// 1 less the error function, with all digits where that is small.
#[inline(always)]
pub(super) fn erfc<T: Real, M: Fused>(x: T) -> T {
    let (zero, one) = (T::of(0.0), T::of(1.0));
    let size = select(x.abs() > T::ERFC_END, T::ERFC_END, x.abs());
    let place = (size - T::ERFC_MIDDLE) / (size + T::ERFC_MIDDLE);
    let slope = place * polynomial::<T, M>(place, &T::ERFC[1..]);
    let part = Pair::joined(T::ERFC[0], slope).over::<M>(Pair::sum(one, size + size));
    let square = Pair::product::<M>(size, size);
    let (k, r) = reduced::<T, M>(-square.high, -square.low);
    let tail = Pair::joined(one, less_one::<T, M>(r)).times::<M>(part);
    let above = scaled::<T, M>(tail.high + tail.low, k);
    select(x < zero, T::of(2.0) - above, above)
}
