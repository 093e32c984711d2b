//! The inverse trigonometric functions.
//!
//! Must not live here: hyperbolic ones, which are logarithms.

use super::fused::Fused;
use super::pair::Pair;
use super::real::{Real, polynomial, select};

/// For the arc sine and cosine of `|x| > 1/2`: the root `s` of `(1 - |x|) / 2`, otherwise `|x|`; and `asin(s) - s`
/// with what the root has lost.
#[inline(always)]
fn arc<T: Real, M: Fused>(size: T, is_near: T::Truth) -> (T, T) {
    let half = T::of(0.5) * (T::of(1.0) - size);
    let root = Pair { high: half, low: T::of(0.0) }.sqrt::<M>();
    let square = select(is_near, size * size, half);
    let s = select(is_near, size, root.high);
    let lost = select(is_near, T::of(0.0), root.low);
    (s, (s * square).fused::<M>(polynomial::<T, M>(square, T::ASIN), lost))
}

/// The inverse sine; NaN outside [-1, 1].
#[inline(always)]
pub(super) fn asin<T: Real, M: Fused>(x: T) -> T {
    let size = x.abs();
    let is_near = size.is_at_most(T::of(0.5));
    let (s, rest) = arc::<T, M>(size, is_near);
    let far = (T::HALF_PI[0] - (s + s)) + (T::HALF_PI[1] - (rest + rest));
    select(is_near, s + rest, far).with_sign(x)
}

/// The inverse cosine; NaN outside [-1, 1].
#[inline(always)]
pub(super) fn acos<T: Real, M: Fused>(x: T) -> T {
    let size = x.abs();
    let is_near = size.is_at_most(T::of(0.5));
    let (s, rest) = arc::<T, M>(size, is_near);
    let (twice, twice_rest) = (s + s, rest + rest);
    let above = twice + twice_rest;
    let two = T::of(2.0);
    let below = (two * T::HALF_PI[0] - twice) + (two * T::HALF_PI[1] - twice_rest);
    let near = T::HALF_PI[0] - (s.flipped(x) + (rest.flipped(x) - T::HALF_PI[1]));
    select(is_near, near, select(x.has_sign(), below, above))
}

/// `atan(x)` for `x` from 0 to 1; or the rest of it to a right angle, if it is steep.
#[inline(always)]
fn angle<T: Real, M: Fused>(x: T, is_steep: T::Truth) -> T {
    let square = x * x;
    let curve = (x * square) * polynomial::<T, M>(square, T::ATAN);
    select(is_steep, (T::HALF_PI[0] - x) + (T::HALF_PI[1] - curve), x + curve)
}

/// The inverse tangent.
#[inline(always)]
pub(super) fn atan<T: Real, M: Fused>(x: T) -> T {
    let size = x.abs();
    let is_steep = size.is_above(T::of(1.0));
    angle::<T, M>(select(is_steep, T::of(1.0) / size, size), is_steep).with_sign(x)
}

/// The angle of the point (`x`, `y`), between -pi and pi.
#[inline(always)]
pub(super) fn atan2<T: Real, M: Fused>(y: T, x: T) -> T {
    let (height, width) = (y.abs(), x.abs());
    let is_steep = height.is_above(width);
    let (less, greater) = (select(is_steep, width, height), select(is_steep, height, width));
    // Both may be 0, or both infinite.
    let ratio = select(less.is_equal(greater), T::of(1.0), less / greater);
    let ratio = select(greater.is_equal(T::of(0.0)), T::of(0.0), ratio);
    let angle = angle::<T, M>(ratio, is_steep);
    let two = T::of(2.0);
    let angle = select(x.has_sign(), two * T::HALF_PI[0] - (angle - two * T::HALF_PI[1]), angle);
    select(x.is_nan() | y.is_nan(), T::NAN, angle.with_sign(y))
}
