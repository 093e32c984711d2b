//! Modified Bessel functions.

use super::wide::Wide;

/// `e^-|x| I1(x)`, the exponentially scaled modified Bessel function of the first kind and order 1.
pub fn i1e<N: Wide>(x: f64) -> f64 {
    /// From here on, the terms of the asymptotic series fall below the last digit.
    const FAR: f64 = 30.0;
    let size = x.abs();
    if size.is_nan() {
        x
    } else if size.is_infinite() {
        0f64.copysign(x)
    } else if size < FAR {
        // Exact halves of what may be less than the smallest normal number.
        x * (0.5 * near::<N>(size).value())
    } else {
        far::<N>(size).value().copysign(x)
    }
}

/// `2 e^-x I1(x) / x` by the power series (Abramowitz and Stegun, 9.6.10), whose terms all are positive.
fn near<N: Wide>(x: f64) -> N {
    let half = N::from(0.5 * x);
    let square = half * half;
    let (mut term, mut sum, mut count) = (N::from(1.0), N::from(1.0), 0.0);
    while term.value() > sum.value() * N::EPSILON {
        count += 1.0;
        term = term * square / N::from(count * (count + 1.0));
        sum = sum + term;
    }
    sum * N::from(-x).exp()
}

/// `e^-x I1(x)` of a large number by the asymptotic series (Abramowitz and Stegun, 9.7.1).
fn far<N: Wide>(x: f64) -> N {
    let (mut term, mut sum, mut odd) = (N::from(1.0), N::from(1.0), 1.0);
    while term.value().abs() > f64::EPSILON * 1e-3 {
        let count = 0.5 * (odd + 1.0);
        term = term * N::from((odd * odd - 4.0) / (8.0 * count)) / N::from(x);
        sum = sum + term;
        odd += 2.0;
    }
    sum / ((N::PI + N::PI).sqrt() * N::from(x).sqrt())
}
