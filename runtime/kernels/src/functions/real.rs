//! What the functions are written in: one vocabulary for `f32` and `f64`, without branches.
//!
//! Must not live here: functions of the mathematical kind.

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

use super::coefficients::Coefficients;
use super::fused::Fused;
use super::turns;

/// A binary float, or what stands for one: who lists the operations of a function computes with numbers that are not there yet.
/// Constants are rounded to it, and every method is a few instructions of a vector.
pub trait Real:
    Copy
    + Coefficients
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// Whether something holds: a `bool` of floats.
    type Truth: Copy + BitAnd<Output = Self::Truth> + BitOr<Output = Self::Truth> + Not<Output = Self::Truth>;
    /// The same in single precision.
    type Single: Real<Single = Self::Single>;

    /// Bits of the significand, with the one that is not stored.
    const DIGITS: i32;
    /// Positive infinity.
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;
    /// The least positive normal number.
    const LEAST: Self;
    /// Added to a small number, it leaves the nearest integer in the last bits.
    const SHIFTER: Self;
    /// The exponent of 1, as it is stored.
    const BIAS: Self;
    /// The natural logarithm of 2, in two parts.
    const LN_2: [Self; 2];
    /// Half a turn over 2, in three parts.
    const HALF_PI: [Self; 3];
    /// Two thirds, in two parts.
    const TWO_THIRDS: [Self; 2];
    /// Below it, `e^x` is 0.
    const EXPONENTIAL_START: Self;
    /// Above it, `e^x` is infinite.
    const EXPONENTIAL_END: Self;
    /// Above it, `sinh` and `cosh` are infinite.
    const HYPERBOLIC_END: Self;
    /// Above it, `tanh(x / 2)` is 1; below its negative, `e^x - 1` is -1.
    const SATURATED: Self;
    /// Where `erf` is 1.
    const ERF_END: Self;
    /// Where `erfc` is 0.
    const ERFC_END: Self;
    /// What maps the operand of `erfc` to the middle of its polynomial.
    const ERFC_MIDDLE: Self;
    /// An exponent that brings the least `erfc` among the normal numbers.
    const ERFC_SCALE: Self;
    /// Up to here, multiples of [`Real::HALF_PI`] can be subtracted without loss.
    const TURNS_END: Self;
    /// Steps of an iteration of order three from 7 bits to half of the digits.
    const CUBE_ROOT_STEPS: usize;

    /// The nearest number.
    fn of(wide: f64) -> Self;
    /// The number that is written down.
    fn written(literal: Self::Literal) -> Self;
    /// Rounded to single precision.
    fn to_single(self) -> Self::Single;
    /// The number of single precision.
    fn from_single(single: Self::Single) -> Self;
    /// One of two numbers, both of which are computed.
    fn select(which: Self::Truth, yes: Self, no: Self) -> Self;
    /// Whether it is less than another; nothing is if one is NaN.
    fn is_below(self, other: Self) -> Self::Truth;
    /// Whether it is less than another or equal.
    fn is_at_most(self, other: Self) -> Self::Truth;
    /// Whether it is another.
    fn is_equal(self, other: Self) -> Self::Truth;
    /// `self * by + plus`, rounded once.
    fn fused<M: Fused>(self, by: Self, plus: Self) -> Self;
    /// Without its sign.
    fn abs(self) -> Self;
    /// With the sign of another.
    fn with_sign(self, of: Self) -> Self;
    /// With its sign flipped where another is negative.
    fn flipped(self, by: Self) -> Self;
    /// Whether the sign bit is set.
    fn has_sign(self) -> Self::Truth;
    /// Whether it is not a number.
    fn is_nan(self) -> Self::Truth;
    /// The square root.
    fn sqrt(self) -> Self;
    /// Rounded down.
    fn floor(self) -> Self;
    /// Rounded up.
    fn ceil(self) -> Self;
    /// Rounded to the nearest integer, halves away from zero.
    fn round(self) -> Self;
    /// Rounded to the nearest integer, halves to the even one.
    fn round_ties_even(self) -> Self;
    /// Rounded towards zero.
    fn trunc(self) -> Self;
    /// What is left of a division whose quotient is rounded towards zero; exact.
    fn remainder(self, by: Self) -> Self;
    /// `2^self` of an integer between the exponents of normal numbers.
    fn power_of_two(self) -> Self;
    /// `m` and `e`, `self` being `2^e m` and `m` between the roots of 1/2 and 2; of positive normal numbers.
    fn split(self) -> (Self, Self);
    /// Of a sum with [`Real::SHIFTER`], whether the integer is odd.
    fn is_odd(self) -> Self::Truth;
    /// Of a sum with [`Real::SHIFTER`], a zero that is negative where the integer is 2 or 3 modulo 4.
    fn sign_of_half_turns(self) -> Self;
    /// Of a number from 1 on, the quarter turns nearest to it, as a sum with [`Real::SHIFTER`], and what is left, in two parts.
    fn turned(self) -> [Self; 3];

    /// Whether it is greater than another.
    #[inline(always)]
    fn is_above(self, other: Self) -> Self::Truth {
        other.is_below(self)
    }
}

macro_rules! reals {
    ($($Float:ident, $Bits:ident, $way:ident {
        $(numbers $name:ident = $value:expr;)*
        $(parts $parts:ident: $count:literal = $array:expr;)*
        steps $steps:literal;
    })*) => {$(
        impl Real for $Float {
            type Truth = bool;
            type Single = f32;

            const DIGITS: i32 = $Float::MANTISSA_DIGITS as i32;
            const INFINITY: $Float = $Float::INFINITY;
            const NAN: $Float = $Float::NAN;
            const LEAST: $Float = $Float::MIN_POSITIVE;
            const SHIFTER: $Float = 1.5 * (1u64 << ($Float::MANTISSA_DIGITS - 1)) as $Float;
            const BIAS: $Float = ($Float::MAX_EXP - 1) as $Float;
            $(const $name: $Float = $value;)*
            $(const $parts: [$Float; $count] = $array;)*
            const CUBE_ROOT_STEPS: usize = $steps;

            #[inline(always)]
            fn of(wide: f64) -> $Float {
                wide as $Float
            }

            #[inline(always)]
            fn written(literal: $Float) -> $Float {
                literal
            }

            #[inline(always)]
            fn to_single(self) -> f32 {
                self as f32
            }

            #[inline(always)]
            fn from_single(single: f32) -> $Float {
                $Float::from(single)
            }

            #[inline(always)]
            fn select(which: bool, yes: $Float, no: $Float) -> $Float {
                if which { yes } else { no }
            }

            #[inline(always)]
            fn is_below(self, other: $Float) -> bool {
                self < other
            }

            #[inline(always)]
            fn is_at_most(self, other: $Float) -> bool {
                self <= other
            }

            #[inline(always)]
            fn is_equal(self, other: $Float) -> bool {
                self == other
            }

            #[inline(always)]
            fn fused<M: Fused>(self, by: $Float, plus: $Float) -> $Float {
                M::$way(self, by, plus)
            }

            #[inline(always)]
            fn abs(self) -> $Float {
                $Float::from_bits(self.to_bits() & ($Bits::MAX >> 1))
            }

            #[inline(always)]
            fn with_sign(self, of: $Float) -> $Float {
                self.abs().flipped(of)
            }

            #[inline(always)]
            fn flipped(self, by: $Float) -> $Float {
                $Float::from_bits(self.to_bits() ^ (by.to_bits() & !($Bits::MAX >> 1)))
            }

            #[inline(always)]
            fn has_sign(self) -> bool {
                self.is_sign_negative()
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                $Float::is_nan(self)
            }

            #[inline(always)]
            fn sqrt(self) -> $Float {
                $Float::sqrt(self)
            }

            #[inline(always)]
            fn floor(self) -> $Float {
                $Float::floor(self)
            }

            #[inline(always)]
            fn ceil(self) -> $Float {
                $Float::ceil(self)
            }

            #[inline(always)]
            fn round(self) -> $Float {
                $Float::round(self)
            }

            #[inline(always)]
            fn round_ties_even(self) -> $Float {
                $Float::round_ties_even(self)
            }

            #[inline(always)]
            fn trunc(self) -> $Float {
                $Float::trunc(self)
            }

            #[inline(always)]
            fn remainder(self, by: $Float) -> $Float {
                self % by
            }

            #[inline(always)]
            fn power_of_two(self) -> $Float {
                $Float::from_bits((self + (Self::SHIFTER + Self::BIAS)).to_bits() << ($Float::MANTISSA_DIGITS - 1))
            }

            #[inline(always)]
            fn split(self) -> ($Float, $Float) {
                const STORED: u32 = $Float::MANTISSA_DIGITS - 1;
                const ROOT: $Bits = (std::f64::consts::FRAC_1_SQRT_2 as $Float).to_bits();
                // A float whose last bits are an integer.
                const CARRIER: $Float = (1u64 << STORED) as $Float;
                let beyond = self.to_bits().wrapping_add((1.0 as $Float).to_bits() - ROOT);
                let fraction = $Float::from_bits((beyond & ((1 << STORED) - 1)) + ROOT);
                let exponent = $Float::from_bits((beyond >> STORED) | CARRIER.to_bits());
                (fraction, exponent - (CARRIER + Self::BIAS))
            }

            #[inline(always)]
            fn is_odd(self) -> bool {
                self.to_bits() & 1 != 0
            }

            #[inline(always)]
            fn sign_of_half_turns(self) -> $Float {
                $Float::from_bits((self.to_bits() & 2) << ($Bits::BITS - 2))
            }

            fn turned(self) -> [$Float; 3] {
                turns::reduced(self)
            }
        }
    )*};
}
reals! {
    f32, u32, single {
        numbers EXPONENTIAL_START = -104.0;
        numbers EXPONENTIAL_END = 89.0;
        numbers HYPERBOLIC_END = 90.0;
        numbers SATURATED = 20.0;
        numbers ERF_END = 4.0;
        numbers ERFC_END = 10.25;
        numbers ERFC_MIDDLE = 3.0;
        numbers ERFC_SCALE = 64.0;
        numbers TURNS_END = 65536.0;
        parts LN_2: 2 = [std::f32::consts::LN_2, -1.904_654_2e-9];
        parts HALF_PI: 3 = [std::f32::consts::FRAC_PI_2, -4.371_139e-8, -1.715_124_5e-15];
        parts TWO_THIRDS: 2 = [0.666_666_7, -1.986_821_6e-8];
        steps 1;
    }
    f64, u64, double {
        numbers EXPONENTIAL_START = -746.0;
        numbers EXPONENTIAL_END = 710.0;
        numbers HYPERBOLIC_END = 711.0;
        numbers SATURATED = 40.0;
        numbers ERF_END = 6.0;
        numbers ERFC_END = 27.5;
        numbers ERFC_MIDDLE = 3.5;
        numbers ERFC_SCALE = 512.0;
        numbers TURNS_END = 268_435_456.0;
        parts LN_2: 2 = [std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17];
        parts HALF_PI: 3 = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];
        parts TWO_THIRDS: 2 = [0.666_666_666_666_666_6, 3.700_743_415_417_188e-17];
        steps 2;
    }
}

/// One of two numbers, both of which are computed.
#[inline(always)]
pub(super) fn select<T: Real>(which: T::Truth, yes: T, no: T) -> T {
    T::select(which, yes, no)
}

/// The sum of powers of `x` with these coefficients, the lowest power first. Even and odd powers are summed apart,
/// so that a long one does not wait for itself.
#[inline(always)]
pub(super) fn polynomial<T: Real, M: Fused>(x: T, coefficients: &[T::Literal]) -> T {
    let square = x * x;
    let mut sums = [T::of(0.0); 2];
    let last = coefficients.len() - 1;
    for (power, &coefficient) in coefficients.iter().enumerate().rev() {
        let (sum, coefficient) = (&mut sums[power & 1], T::written(coefficient));
        *sum = if power + 2 > last { coefficient } else { sum.fused::<M>(square, coefficient) };
    }
    sums[1].fused::<M>(x, sums[0])
}
