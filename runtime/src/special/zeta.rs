//! The Hurwitz zeta function, and the derivatives of `digamma`, which it gives.

use super::gamma::{BERNOULLI, from_integer, lgamma_positive};
use super::wide::{Double, Wide};

/// `zeta(s, q) = factor base^-s`, of a size that both can hold whatever the power's.
struct Scaled<N> {
    factor: N,
    base: N,
}

/// `q^s zeta(s, q)` for `s > 1` and `q > 0`: terms one by one, then the rest by the formula of Euler and
/// Maclaurin (Johansson, "Rigorous high-precision computation of the Hurwitz zeta function", 2014).
fn factor<N: Wide>(s: f64, q: N) -> N {
    let (one, wide, ln) = (N::from(1.0), N::from(s), q.ln());
    // Where the formula's terms fall to the last digit.
    let enough = 20.0 + 1.25 * s;
    let (mut at, mut term, mut sum) = (q, one, N::from(0.0));
    while at.value() < enough {
        sum = sum + term;
        if term.value() < sum.value() * N::EPSILON / 16.0 {
            return sum;
        }
        at = at + one;
        term = (wide * (ln - at.ln())).exp();
    }
    let mut rest = at / (wide - one) + N::from(0.5);
    // s (s + 1) .. / (at^.. (2k)!), the numbers of Bernoulli aside.
    let mut rising = wide / (at + at);
    for (index, &(above, below)) in BERNOULLI.iter().enumerate() {
        rest = rest + rising * N::from(above) / N::from(below);
        let k = 2.0 * index as f64 + 2.0;
        let next = (wide + N::from(k - 1.0)) / at * ((wide + N::from(k)) / at);
        rising = rising * next / N::from((k + 1.0) * (k + 2.0));
    }
    sum + term * rest
}

/// The same for `q < 0` and an integer `s`. All terms `1 / (q + k)^s` to both sides are two sums that begin beside 0;
/// what lies below `q` is a third.
fn reflected<N: Wide>(s: f64, is_odd: bool, q: f64) -> Scaled<N> {
    let rest = from_integer(q);
    let (one, near) = (N::from(1.0), N::from(rest.abs()));
    let sign = |is_negative: bool, x: N| if is_negative { -x } else { x };
    let beside = |other: N| (N::from(s) * (near.ln() - other.ln())).exp() * factor(s, other);
    let both = factor(s, near) + sign(is_odd, beside(one - near));
    let below = beside(one - N::from(q));
    Scaled { factor: sign(is_odd && rest < 0.0, both) - sign(is_odd, below), base: near }
}

/// `zeta(s, q)` for `s > 1`, both finite, `q` no pole.
fn scaled<N: Wide>(s: f64, is_odd: bool, q: f64) -> Scaled<N> {
    if q < 0.0 {
        reflected(s, is_odd, q)
    } else {
        Scaled { factor: factor(s, N::from(q)), base: N::from(q) }
    }
}

/// The Hurwitz zeta function, `sum(1 / (q + k)^s)` over k = 0, 1, ..: infinite for `s` = 1, NaN below. For
/// negative `q` it is defined for integers `s`; where `q` is an integer, too, it is infinite or, for odd `s`, NaN.
pub fn zeta<N: Wide>(s: f64, q: f64) -> f64 {
    if s.is_nan() || q.is_nan() || s < 1.0 {
        return f64::NAN;
    }
    if s == 1.0 {
        return f64::INFINITY;
    }
    if q <= 0.0 {
        if q == q.floor() {
            return if s % 2.0 == 0.0 { f64::INFINITY } else { f64::NAN };
        }
        if s != s.floor() || s.is_infinite() {
            return f64::NAN;
        }
    }
    if s.is_infinite() {
        return if q < 1.0 { f64::INFINITY } else if q == 1.0 { 1.0 } else { 0.0 };
    }
    if q.is_infinite() {
        return 0.0;
    }
    let Scaled { factor, base } = scaled::<N>(s, s % 2.0 != 0.0, q);
    power(factor, -N::from(s) * base.ln())
}

/// `factor e^exponent`.
fn power<N: Wide>(factor: N, exponent: N) -> f64 {
    let is_negative = factor.value() < 0.0;
    if factor.value() == 0.0 {
        return 0.0;
    }
    let size = if is_negative { -factor } else { factor };
    let power = (size.ln() + exponent).exp().value();
    if is_negative { -power } else { power }
}

/// The derivative of that order of `digamma`, `(-1)^(n + 1) n! zeta(n + 1, x)`: NaN unless the order is an integer from 0
/// on; at the poles infinite for odd orders, NaN for even ones.
pub fn polygamma(order: f64, x: f64) -> f64 {
    if order == 0.0 {
        return super::gamma::digamma::<Double>(x);
    }
    let is_order = order > 0.0 && order == order.floor() && order.is_finite();
    if !is_order || x.is_nan() {
        return f64::NAN;
    }
    let is_odd = order % 2.0 != 0.0;
    let sign = if is_odd { 1.0 } else { -1.0 };
    if x <= 0.0 && x == x.floor() {
        return if is_odd { f64::INFINITY } else { f64::NAN };
    }
    if x == f64::INFINITY {
        return 0f64.copysign(sign);
    }
    let s = order + 1.0;
    let Scaled { factor, base } = scaled::<Double>(s, !is_odd, x);
    power(Double::from(sign) * factor, log_gamma_ratio(s, base))
}

/// `log(gamma(s) / base^s)`; far beyond the logarithms of all floats, a number there.
fn log_gamma_ratio(s: f64, base: Double) -> Double {
    const BEYOND: f64 = 2000.0;
    let (wide, ln) = (Double::from(s), base.ln());
    let about = s * (wide.ln() - Double::from(1.0) - ln).value();
    if about.abs() < BEYOND { lgamma_positive(s) - wide * ln } else { Double::from(BEYOND.copysign(about)) }
}
