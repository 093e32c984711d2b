//! Arithmetic with digits to spare: what special functions are written in.
//!
//! A function in `f32` is computed in `f64`, one in `f64` in [`Double`], by the same formula. What
//! formulas lose to rounding and cancellation then lies below the result's own digits. Exponentials and logarithms in `f64` are
//! those of [`choral_kernels::functions`], so that every device can give the same bits.

use std::f64::consts;
use std::ops::{Add, Div, Mul, Neg, Sub};

use choral_kernels::functions::{Function, Real};

/// Numbers that the special functions are computed in. Operands must be finite.
pub trait Wide:
    Copy
    + From<f64>
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// What is lost next to 1.
    const EPSILON: f64;
    /// How near to a zero, next to the distance in which a function bends, two terms of its series give all digits of a result.
    const BESIDE: f64;
    /// The ratio of a circle's circumference to its diameter.
    const PI: Self;
    /// The nearest `f64`.
    fn value(self) -> f64;
    /// `e^x`; 0 or infinite where that is too small or too large.
    fn exp(self) -> Self;
    /// The natural logarithm of a positive number.
    fn ln(self) -> Self;
    /// The square root of a number that is not negative.
    fn sqrt(self) -> Self;
}

impl Wide for f64 {
    const EPSILON: f64 = f64::EPSILON / 2.0;
    // The results are rounded to `f32`.
    const BESIDE: f64 = 3e-5;
    const PI: f64 = consts::PI;

    fn value(self) -> f64 {
        self
    }

    fn exp(self) -> f64 {
        Function::Exponential.of(self)
    }

    fn ln(self) -> f64 {
        Function::Log.of(self)
    }

    fn sqrt(self) -> f64 {
        self.sqrt()
    }
}

/// A number of some 106 bits: the sum of two `f64`s that do not overlap (Dekker, "A floating-point
/// technique for extending the available precision", 1971).
#[derive(Debug, Clone, Copy)]
pub struct Double {
    high: f64,
    low: f64,
}

impl Double {
    /// The sum of two numbers.
    pub const fn new(high: f64, low: f64) -> Double {
        Double { high, low }
    }

    /// `high + low` as one number, `high` being the greater.
    fn joined(high: f64, low: f64) -> Double {
        let sum = high + low;
        Double { high: sum, low: low - (sum - high) }
    }

    /// The number times 2 to a power, which may leave the range of `f64`.
    fn scaled(self, power: i32) -> Double {
        let half = power / 2;
        let scale = |x: f64| x * 2f64.powi(half) * 2f64.powi(power - half);
        let high = scale(self.high);
        Double { high, low: if high.is_finite() { scale(self.low) } else { 0.0 } }
    }
}

/// The power of 2 that a positive number is brought between the roots of 1/2 and of 2 by; so numbers near 1 stay as they are.
fn exponent(x: f64) -> i32 {
    const UP: i32 = 54;
    let (x, up) = if x < f64::MIN_POSITIVE { (x * 2f64.powi(UP), UP) } else { (x, 0) };
    x.split().1 as i32 - up
}

impl From<f64> for Double {
    fn from(x: f64) -> Double {
        Double { high: x, low: 0.0 }
    }
}

impl Neg for Double {
    type Output = Double;
    fn neg(self) -> Double {
        Double { high: -self.high, low: -self.low }
    }
}

impl Add for Double {
    type Output = Double;
    fn add(self, other: Double) -> Double {
        let sum = |x: f64, y: f64| {
            let sum = x + y;
            let part = sum - x;
            (sum, (x - (sum - part)) + (y - part))
        };
        let (high, error) = sum(self.high, other.high);
        let (low, rest) = sum(self.low, other.low);
        let joined = Double::joined(high, error + low);
        Double::joined(joined.high, joined.low + rest)
    }
}

impl Sub for Double {
    type Output = Double;
    fn sub(self, other: Double) -> Double {
        self + -other
    }
}

impl Mul for Double {
    type Output = Double;
    fn mul(self, other: Double) -> Double {
        let high = self.high * other.high;
        let error = self.high.mul_add(other.high, -high);
        Double::joined(high, error + (self.high * other.low + self.low * other.high))
    }
}

impl Div for Double {
    type Output = Double;
    fn div(self, other: Double) -> Double {
        let first = self.high / other.high;
        let rest = self - other * Double::from(first);
        let second = rest.high / other.high;
        let rest = rest - other * Double::from(second);
        let third = rest.high / other.high;
        Double::joined(first, second) + Double::from(third)
    }
}

const LN_2: Double = Double::new(consts::LN_2, 2.319_046_813_846_299_6e-17);

impl Wide for Double {
    const EPSILON: f64 = 2e-32;
    const BESIDE: f64 = 1e-9;
    const PI: Double = Double::new(consts::PI, 1.224_646_799_147_353_2e-16);

    fn value(self) -> f64 {
        self.high + self.low
    }

    /// A power of 2, and a series on the rest over 512, which is squared as often as that takes.
    fn exp(self) -> Double {
        const TERMS: u32 = 9;
        const SQUARINGS: i32 = 9;
        const LARGEST: f64 = 800.0;
        if self.high.abs() > LARGEST {
            return Double::from(if self.high > 0.0 { f64::INFINITY } else { 0.0 });
        }
        let power = (self.high / consts::LN_2).round();
        let rest = (self - LN_2 * Double::from(power)).scaled(-SQUARINGS);
        let one = Double::from(1.0);
        let series = |sum: Double, term: u32| one + sum * rest / Double::from(f64::from(term));
        // Less 1, so that squaring keeps the small digits.
        let less = rest * (2..=TERMS).rev().fold(one, series);
        let less = (0..SQUARINGS).fold(less, |less, _| less + less + less * less);
        (one + less).scaled(power as i32)
    }

    /// A step of Newton's method from the logarithm in `f64`, of a number scaled to about 1.
    fn ln(self) -> Double {
        let power = exponent(self.high);
        let near = self.scaled(-power);
        let start = Double::from(Wide::ln(near.high));
        let miss = near * (-start).exp() - Double::from(1.0);
        let step = miss - miss * miss / Double::from(2.0);
        LN_2 * Double::from(f64::from(power)) + (start + step)
    }

    fn sqrt(self) -> Double {
        if self.high == 0.0 {
            return self;
        }
        let root = Double::from(self.high.sqrt());
        root + (self - root * root) / (root + root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of numbers known to 32 digits.
    #[test]
    fn doubles_hold_what_is_beyond_the_last_place() {
        let (two, ten) = (Double::from(2.0), Double::from(10.0));
        let close = |got: Double, high: f64, low: f64| {
            assert_eq!(got.high, high);
            assert!((got.low - low).abs() <= high.abs() * 1e-30, "{got:?}, not {low:e}");
        };
        close(two.ln(), consts::LN_2, LN_2.low);
        close(Double::from(1.0).exp(), consts::E, 1.445_646_891_729_250_2e-16);
        close(two.sqrt(), consts::SQRT_2, -9.667_293_313_452_913e-17);
        close(ten.ln(), consts::LN_10, -2.170_756_223_382_249_4e-16);
        close(Double::from(1.0) / ten, 0.1, -5.551_115_123_125_783e-18);
    }
}
