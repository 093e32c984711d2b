//! The Hurwitz zeta function, and the derivatives of `digamma`, which it gives.

use super::gamma::{BERNOULLI, from_integer, lgamma_positive};
use super::wide::{Double, Wide};

/// `factor e^logarithm`, which may be too large or too small for its arithmetic.
struct Scaled<N> {
    factor: N,
    logarithm: N,
}

impl<N: Wide> Scaled<N> {
    fn value(self) -> f64 {
        let size = self.factor.value();
        if size == 0.0 {
            return 0.0;
        }
        let factor = if size < 0.0 { -self.factor } else { self.factor };
        (factor.ln() + self.logarithm).exp().value().copysign(size)
    }
}

/// From here on, the formula of Euler and Maclaurin holds to the last digit.
fn far(s: f64) -> f64 {
    20.0 + 1.25 * s
}

/// The formula's terms besides the integral:
/// `1 / 2 + sum(B_2k / (2k)! s (s + 1) .. (s + 2k - 2) / at^(2k - 1))`
/// (Johansson, "Rigorous high-precision computation of the Hurwitz zeta function and its derivatives", 2014).
fn corrections<N: Wide>(s: N, at: N) -> N {
    let (mut sum, mut rising) = (N::from(0.5), N::from(0.5) * s / at);
    for (index, &(above, below)) in BERNOULLI.iter().enumerate() {
        sum = sum + rising * N::from(above) / N::from(below);
        let k = 2.0 * index as f64 + 2.0;
        let next = (s + N::from(k - 1.0)) / at * ((s + N::from(k)) / at);
        rising = rising * next / N::from((k + 1.0) * (k + 2.0));
    }
    sum
}

/// `q^s zeta(s, q)` for `s > 1` and `q > 0`: terms one by one, then the formula for the rest.
fn terms<N: Wide>(s: f64, q: N) -> N {
    let (one, wide) = (N::from(1.0), N::from(s));
    if q.value() > 0.01 / N::EPSILON {
        // Steps of 1 would be lost; the terms are powers of e^(-s / q).
        return one / (one - (-wide / q).exp());
    }
    let (mut at, mut term, mut sum) = (q, one, N::from(0.0));
    while at.value() < far(s) {
        sum = sum + term;
        if term.value() < sum.value() * N::EPSILON / 16.0 {
            return sum;
        }
        at = at + one;
        term = (wide * (q / at).ln()).exp();
    }
    sum + term * (at / (wide - one) + corrections(wide, at))
}

/// `zeta(s, q)` for `s > 1` and `q > 0`.
fn positive<N: Wide>(s: f64, q: f64) -> Scaled<N> {
    let (wide, at) = (N::from(s), N::from(q));
    let less = wide - N::from(1.0);
    if q < far(s) {
        Scaled { factor: terms(s, at), logarithm: -wide * at.ln() }
    } else {
        let factor = N::from(1.0) / less + corrections(wide, at) / at;
        Scaled { factor, logarithm: -less * at.ln() }
    }
}

/// The same for `q < 0` and an integer `s`. All terms `1 / (q + k)^s` to both sides are two sums that begin
/// near 0; what lies below `q` is a third.
fn negative<N: Wide>(s: f64, is_odd: bool, q: f64) -> Scaled<N> {
    let rest = from_integer(q);
    let (one, wide, near) = (N::from(1.0), N::from(s), N::from(rest.abs()));
    let sign = |is_negative: bool, x: N| if is_negative { -x } else { x };
    let beside = |other: N| (wide * (near / other).ln()).exp() * terms(s, other);
    let both = terms(s, near) + sign(is_odd, beside(one - near));
    let below = beside(one - N::from(q));
    let factor = sign(is_odd && rest < 0.0, both) - sign(is_odd, below);
    Scaled { factor, logarithm: -wide * near.ln() }
}

/// `zeta(s, q)` for `s > 1`, both finite, `q` no pole.
fn scaled<N: Wide>(s: f64, is_odd: bool, q: f64) -> Scaled<N> {
    if q < 0.0 { negative(s, is_odd, q) } else { positive(s, q) }
}

/// Powers of this order are 0, 1 or infinite already.
const HIGHEST: f64 = 1e300;

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
        return if q < 1.0 {
            f64::INFINITY
        } else if q == 1.0 {
            1.0
        } else {
            0.0
        };
    }
    if q.is_infinite() {
        return 0.0;
    }
    scaled::<N>(s.min(HIGHEST), s % 2.0 != 0.0, q).value()
}

/// The derivative of that order of `digamma`, `(-1)^(n + 1) n! zeta(n + 1, x)`: NaN unless the order is an integer from 0
/// on; at the poles infinite for odd orders, NaN for even ones. In `f64`, orders above 1e14 cost digits, one more with
/// every power of 10.
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
    let s = (order + 1.0).min(HIGHEST);
    let Scaled { factor, logarithm } = scaled::<Double>(s, !is_odd, x);
    let logarithm = logarithm + log_gamma(s, logarithm);
    Scaled { factor: Double::from(sign) * factor, logarithm }.value()
}

/// `log(gamma(s))` where the sum with `other` is about the logarithm of a float; else a number that takes it far beyond.
fn log_gamma(s: f64, other: Double) -> Double {
    const BEYOND: f64 = 2000.0;
    let wide = Double::from(s);
    let about = wide * (wide.ln() - Double::from(1.0));
    if (about + other).value().abs() < BEYOND { lgamma_positive::<Double>(s) } else { about }
}
