//! Logarithms, and the inverse hyperbolic functions, which are logarithms of sums.
//!
//! `x = 2^e (1 + f)` with `1 + f` between the roots of 1/2 and 2, and `log(1 + f)` is a series in
//! `f`, or in `s = f / (2 + f)` where the digits would take too many terms. Must not live here: exponentials, powers.

use super::coefficients::Series;
use super::fused::Fused;
use super::pair::Pair;
use super::real::{Real, polynomial, select};

/// `log(2^e (1 + f + more))`, `more` being small next to `f`.
#[inline(always)]
fn assembled<T: Real, M: Fused>(f: T, more: T, e: T) -> T {
    let half = T::of(0.5) * f * f;
    let more = e.fused::<M>(T::LN_2[1], more);
    let low = match T::LOGARITHM {
        Series::OfFraction(coefficients) => (f * f * f).fused::<M>(polynomial::<T, M>(f, coefficients), more),
        Series::OfQuotient(coefficients) => {
            let s = f / (f + T::of(2.0));
            let square = s * s;
            s.fused::<M>(square.fused::<M>(polynomial::<T, M>(square, coefficients), half), more)
        }
    };
    e.fused::<M>(T::LN_2[0], f - (half - low))
}

/// A positive number as a normal one, and what its exponent is then less by.
#[inline(always)]
pub(super) fn normal<T: Real>(x: T) -> (T, T) {
    // A multiple of three, for cube roots.
    let up = T::of(if T::DIGITS == 24 { 24.0 } else { 54.0 });
    let is_small = x.is_below(T::LEAST);
    (select(is_small, x * up.power_of_two(), x), select(is_small, up, T::of(0.0)))
}

/// The natural logarithm.
#[inline(always)]
pub(super) fn log<T: Real, M: Fused>(x: T) -> T {
    let (normal, up) = normal(x);
    let (fraction, exponent) = normal.split();
    let result = assembled::<T, M>(fraction - T::of(1.0), T::of(0.0), exponent - up);
    let result = select(x.is_below(T::INFINITY), result, x);
    let at_most_zero = select(x.is_equal(T::of(0.0)), -T::INFINITY, T::NAN);
    select(x.is_at_most(T::of(0.0)), at_most_zero, result)
}

/// `more` of a number that is divided by `2^e (1 + f)`: it is so small that a rough quotient will do.
#[inline(always)]
fn share<T: Real, M: Fused>(more: T, e: T, f: T) -> T {
    let scale = (-select(e.is_above(T::of(64.0)), T::of(64.0), e)).power_of_two();
    more * scale * f.fused::<M>(f - T::of(1.0), T::of(1.0))
}

/// `log(x) + extra log(2)` of a positive normal number.
#[inline(always)]
fn log_of_pair<T: Real, M: Fused>(x: Pair<T>, extra: T) -> T {
    let (fraction, e) = x.high.split();
    let f = fraction - T::of(1.0);
    assembled::<T, M>(f, share::<T, M>(x.low, e, f), e + extra)
}

/// `log(1 + x) + extra log(2)` of a number above -1.
#[inline(always)]
fn log_of_one_and<T: Real, M: Fused>(x: Pair<T>, extra: T) -> T {
    let sum = Pair::sum(T::of(1.0), x.high).and(x.low);
    let (fraction, e) = sum.high.split();
    // Near 1, the sum has lost digits of x.
    let is_near = e.is_equal(T::of(0.0));
    let f = select(is_near, x.high, fraction - T::of(1.0));
    let more = select(is_near, x.low, sum.low);
    assembled::<T, M>(f, share::<T, M>(more, e, f), e + extra)
}

/// `log(1 + x)`.
#[inline(always)]
pub(super) fn log_plus_one<T: Real, M: Fused>(x: T) -> T {
    let result = log_of_one_and::<T, M>(Pair { high: x, low: T::of(0.0) }, T::of(0.0)).with_sign(x);
    let result = select(x.is_below(T::INFINITY), result, x);
    let at_most = select(x.is_equal(T::of(-1.0)), -T::INFINITY, T::NAN);
    select(x.is_at_most(T::of(-1.0)), at_most, result)
}

/// Beyond it, 1 is nothing next to a square.
#[inline(always)]
fn vast<T: Real>() -> T {
    T::of(f64::from(T::DIGITS + 1)).power_of_two()
}

/// The inverse hyperbolic sine, `log(x + sqrt(x^2 + 1))`.
#[inline(always)]
pub(super) fn asinh<T: Real, M: Fused>(x: T) -> T {
    let size = x.abs();
    let square = Pair::product::<M>(size, size);
    let near = (size * square.high).fused::<M>(polynomial::<T, M>(square.high, T::ASINH), size);
    let root = Pair::sum(square.high, T::of(1.0)).and(square.low).sqrt::<M>();
    let sum = Pair::sum(root.high, size).and(root.low);
    let is_vast = size.is_above(vast());
    let sum = Pair::select(is_vast, Pair { high: size, low: T::of(0.0) }, sum);
    let far = log_of_pair::<T, M>(sum, select(is_vast, T::of(1.0), T::of(0.0)));
    let far = select(size.is_below(T::INFINITY), far, size);
    select(size.is_below(T::of(0.5)), near, far).with_sign(x)
}

/// The inverse hyperbolic cosine, `log(x + sqrt(x^2 - 1))`; NaN below 1.
#[inline(always)]
pub(super) fn acosh<T: Real, M: Fused>(x: T) -> T {
    let beyond = x - T::of(1.0);
    let square = Pair::product::<M>(beyond, beyond);
    let root = Pair::sum(beyond + beyond, square.high).and(square.low).sqrt::<M>();
    let sum = Pair::sum(beyond, root.high).and(root.low);
    let is_vast = x.is_above(vast());
    let sum = Pair::select(is_vast, Pair { high: x, low: T::of(0.0) }, sum);
    let result = log_of_one_and::<T, M>(sum, select(is_vast, T::of(1.0), T::of(0.0)));
    let result = select(x.is_below(T::INFINITY), result, x);
    select(x.is_below(T::of(1.0)), T::NAN, result)
}

/// The inverse hyperbolic tangent, `log((1 + x) / (1 - x)) / 2`; NaN outside [-1, 1].
#[inline(always)]
pub(super) fn atanh<T: Real, M: Fused>(x: T) -> T {
    let size = x.abs();
    let square = size * size;
    let near = (size * square).fused::<M>(polynomial::<T, M>(square, T::ATANH), size);
    let below = Pair { high: T::of(1.0) - size, low: T::of(0.0) };
    let ratio = Pair::sum(T::of(1.0), size).over::<M>(below);
    let far = T::of(0.5) * log_of_pair::<T, M>(ratio, T::of(0.0));
    let result = select(size.is_below(T::of(0.5)), near, far);
    let result =
        select(size.is_below(T::of(1.0)), result, select(size.is_equal(T::of(1.0)), T::INFINITY, T::NAN));
    result.with_sign(x)
}
