//! Sines, cosines and tangents.
//!
//! `x = k pi / 2 + r` with `|r| <= pi / 4`, and a polynomial in `r`. Must not live here: huge operands
//! ([`super::turns`]).

use super::fused::Fused;
use super::pair::Pair;
use super::real::{Real, polynomial, select};

/// An angle less a number of quarter turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Angle<T> {
    /// The number of quarter turns, in the last bits of a sum with [`Real::SHIFTER`].
    pub(super) turns: T,
    /// What is left, in radians.
    pub(super) rest: Pair<T>,
}

/// The number of quarter turns, as in [`Angle`] and as it is, and the size less it, but for what the first part of half
/// of pi lacks; of a size up to [`Real::TURNS_END`] (Cody and Waite).
#[inline(always)]
fn turned<T: Real, M: Fused>(size: T) -> (T, T, T) {
    let turns = size.fused::<M>(T::of(std::f64::consts::FRAC_2_PI), T::SHIFTER);
    let k = turns - T::SHIFTER;
    (turns, k, (-k).fused::<M>(T::HALF_PI[0], size))
}

/// The angle to the digits of one float.
#[inline(always)]
fn near<T: Real, M: Fused>(size: T) -> Angle<T> {
    let (turns, k, coarse) = turned::<T, M>(size);
    let high = (-k).fused::<M>(T::HALF_PI[2], (-k).fused::<M>(T::HALF_PI[1], coarse));
    Angle { turns, rest: Pair { high, low: T::of(0.0) } }
}

/// The angle with digits to spare.
#[inline(always)]
fn sharp<T: Real, M: Fused>(size: T) -> Angle<T> {
    let (turns, k, coarse) = turned::<T, M>(size);
    let middle = Pair::product::<M>(-k, T::HALF_PI[1]);
    let rest = Pair::sum(coarse, middle.high).and((-k).fused::<M>(T::HALF_PI[2], middle.low));
    Angle { turns, rest: Pair::joined(rest.high, rest.low) }
}

/// The angle of a huge operand.
fn huge<T: Real>(size: T) -> Angle<T> {
    let [turns, high, low] = size.turned();
    Angle { turns, rest: Pair { high, low } }
}

#[inline(always)]
fn sine_of<T: Real, M: Fused>(angle: Angle<T>) -> T {
    let r = angle.rest.high;
    let square = r * r;
    (r * square).fused::<M>(polynomial::<T, M>(square, T::SINE), r)
}

#[inline(always)]
fn cosine_of<T: Real, M: Fused>(angle: Angle<T>) -> T {
    let square = angle.rest.high * angle.rest.high;
    let less = square.fused::<M>(polynomial::<T, M>(square, T::COSINE), T::of(-0.5));
    square.fused::<M>(less, T::of(1.0))
}

#[inline(always)]
fn sine_of_turned<T: Real, M: Fused>(angle: Angle<T>) -> T {
    let size = select(angle.turns.is_odd(), cosine_of::<T, M>(angle), sine_of::<T, M>(angle));
    size.flipped(angle.turns.sign_of_half_turns())
}

#[inline(always)]
fn cosine_of_turned<T: Real, M: Fused>(angle: Angle<T>) -> T {
    let size = select(angle.turns.is_odd(), sine_of::<T, M>(angle), cosine_of::<T, M>(angle));
    // A quarter turn ahead of the sine.
    size.flipped((angle.turns + T::of(1.0)).sign_of_half_turns())
}

#[inline(always)]
fn tangent_of_turned<T: Real, M: Fused>(angle: Angle<T>) -> T {
    let Pair { high: r, low } = angle.rest;
    let square = r * r;
    let curve = (r * square) * polynomial::<T, M>(square, T::TANGENT);
    let tangent = Pair::joined(r, curve);
    let tangent = tangent.and(low.fused::<M>(tangent.high * tangent.high, low));
    // -1 / the tangent, of an odd number of quarter turns.
    let inverse = Pair { high: T::of(-1.0), low: T::of(0.0) }.over::<M>(tangent);
    let result = Pair::select(angle.turns.is_odd(), inverse, tangent);
    result.high + result.low
}

/// Whether an operand is beyond what the loops reduce; NaN is not.
#[inline(always)]
pub(super) fn is_huge<T: Real>(x: T) -> T::Truth {
    x.abs().is_above(T::TURNS_END)
}

/// The sine of radians up to [`Real::TURNS_END`].
#[inline(always)]
pub(super) fn sine<T: Real, M: Fused>(x: T) -> T {
    sine_of_turned::<T, M>(near::<T, M>(x.abs())).flipped(x)
}

/// The sine of any radians.
pub(super) fn sine_of_huge<T: Real, M: Fused>(x: T) -> T {
    sine_of_turned::<T, M>(huge::<T>(x.abs())).flipped(x)
}

/// The cosine of radians up to [`Real::TURNS_END`].
#[inline(always)]
pub(super) fn cosine<T: Real, M: Fused>(x: T) -> T {
    cosine_of_turned::<T, M>(near::<T, M>(x.abs()))
}

/// The cosine of any radians.
pub(super) fn cosine_of_huge<T: Real, M: Fused>(x: T) -> T {
    cosine_of_turned::<T, M>(huge::<T>(x.abs()))
}

/// The tangent of radians up to [`Real::TURNS_END`].
#[inline(always)]
pub(super) fn tan<T: Real, M: Fused>(x: T) -> T {
    tangent_of_turned::<T, M>(sharp::<T, M>(x.abs())).flipped(x)
}

/// The tangent of any radians.
pub(super) fn tan_of_huge<T: Real, M: Fused>(x: T) -> T {
    tangent_of_turned::<T, M>(huge::<T>(x.abs())).flipped(x)
}
