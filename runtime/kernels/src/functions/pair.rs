//! Numbers with digits to spare: sums of two floats that do not overlap.
//!
//! Must not live here: arithmetic in one float.

use super::fused::Fused;
use super::real::{Real, select};

/// The sum of two numbers, the second being what is beyond the digits of the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<T> {
    pub(super) high: T,
    pub(super) low: T,
}

impl<T: Real> Pair<T> {
    /// `a + b`, exactly (Knuth).
    #[inline(always)]
    pub(super) fn sum(a: T, b: T) -> Pair<T> {
        let high = a + b;
        let part = high - a;
        Pair { high, low: (a - (high - part)) + (b - part) }
    }

    /// `a + b`, exactly, where `a` is not the lesser in size (Dekker).
    #[inline(always)]
    pub(super) fn joined(a: T, b: T) -> Pair<T> {
        let high = a + b;
        Pair { high, low: b - (high - a) }
    }

    /// `a b`, exactly.
    #[inline(always)]
    pub(super) fn product<M: Fused>(a: T, b: T) -> Pair<T> {
        let high = a * b;
        Pair { high, low: a.fused::<M>(b, -high) }
    }

    /// One of two numbers, both of which are computed.
    #[inline(always)]
    pub(super) fn select(which: T::Truth, yes: Pair<T>, no: Pair<T>) -> Pair<T> {
        Pair { high: select(which, yes.high, no.high), low: select(which, yes.low, no.low) }
    }

    /// The number and a little more.
    #[inline(always)]
    pub(super) fn and(self, more: T) -> Pair<T> {
        Pair { high: self.high, low: self.low + more }
    }

    /// The product of two.
    #[inline(always)]
    pub(super) fn times<M: Fused>(self, other: Pair<T>) -> Pair<T> {
        let product = Pair::product::<M>(self.high, other.high);
        product.and(self.low.fused::<M>(other.high, self.high * other.low))
    }

    /// The quotient of two.
    #[inline(always)]
    pub(super) fn over<M: Fused>(self, other: Pair<T>) -> Pair<T> {
        let high = self.high / other.high;
        let rest = (-high).fused::<M>(other.high, self.high) + (-high).fused::<M>(other.low, self.low);
        Pair { high, low: rest / other.high }
    }

    /// The square root; 0 of 0.
    #[inline(always)]
    pub(super) fn sqrt<M: Fused>(self) -> Pair<T> {
        let high = self.high.sqrt();
        let rest = (-high).fused::<M>(high, self.high) + self.low;
        let low = rest / (high + high);
        Pair { high, low: select(self.high.is_equal(T::of(0.0)), T::of(0.0), low) }
    }
}
