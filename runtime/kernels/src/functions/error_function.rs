//! The error function and its complement.
//!
//! Must not live here: its inverse, which is not for loops.

use super::exponential::{less_one, reduced};
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
    let beyond = select(size.is_above(end), end, size) - one;
    let (k, r) = reduced::<T, M>(polynomial::<T, M>(beyond, T::ERF_FAR));
    let power = k.power_of_two();
    let far = (-power).fused::<M>(less_one::<T, M>(r), one - power);
    select(size.is_below(one), near, far).with_sign(x)
}

/// 1 less the error function, with all digits where that is small.
#[inline(always)]
pub(super) fn erfc<T: Real, M: Fused>(x: T) -> T {
    let (one, two) = (T::of(1.0), T::of(2.0));
    let size = select(x.abs().is_above(T::ERFC_END), T::ERFC_END, x.abs());
    let twice = size + size;
    let place = twice / (size + T::ERFC_MIDDLE);
    let rise = place * polynomial::<T, M>(place - one, T::ERFC);
    // e^-z / (1 + 2 x) with digits to spare: what sum, quotient and square have lost is brought back. The sum is exact
    // though 2 x may be the greater, since 1 is a multiple of its last place.
    let sum = Pair::joined(one, twice);
    let share = one / sum.high;
    let lost = (-share).fused::<M>(sum.low, (-share).fused::<M>(sum.high, one));
    let square = Pair::product::<M>(size, size);
    let (k, r) = reduced::<T, M>(-square.high);
    let less = less_one::<T, M>(r - square.low);
    // Scaled so that it is a normal number until the end.
    let share = share * (k + T::ERFC_SCALE).power_of_two();
    let high = share.fused::<M>(less, share);
    let low = lost.fused::<M>(high, share.fused::<M>(less, share - high));
    let tail = high.fused::<M>(rise, low.fused::<M>(rise, low)) + high;
    let above = tail * (-T::ERFC_SCALE).power_of_two();
    select(x.is_below(T::of(0.0)), two - above, above)
}
