//! What the elementwise ops do to one element of each type.

use std::cmp::Ordering;

use choral_ir::Element;
use choral_ir::element::{bf16, f16};
use choral_ir::op::{Binary, ComparisonType, Unary};

/// An element type's arithmetic. Ops outside the type's class are excluded by the type rules;
/// for them the methods return their operand.
pub trait Scalar: Element {
    /// A unary op; `is_finite` gives 1 or 0.
    fn unary(op: Unary, x: Self) -> Self;
    /// A binary op.
    fn binary(op: Binary, x: Self, y: Self) -> Self;
    /// The order of two elements; `None` if a NaN takes part in natural order.
    fn order(kind: ComparisonType, x: Self, y: Self) -> Option<Ordering>;
}

impl Scalar for bool {
    fn unary(op: Unary, x: bool) -> bool {
        if op == Unary::Not { !x } else { x }
    }

    fn binary(op: Binary, x: bool, y: bool) -> bool {
        match op {
            Binary::Add | Binary::Or | Binary::Maximum => x | y,
            Binary::And | Binary::Multiply | Binary::Minimum => x & y,
            Binary::Xor => x ^ y,
            Binary::Atan2
            | Binary::Divide
            | Binary::Power
            | Binary::Remainder
            | Binary::ShiftLeft
            | Binary::ShiftRightArithmetic
            | Binary::ShiftRightLogical
            | Binary::Subtract => x,
        }
    }

    fn order(_: ComparisonType, x: bool, y: bool) -> Option<Ordering> {
        x.partial_cmp(&y)
    }
}

macro_rules! integers {
    ($($Integer:ident $Unsigned:ident $Signed:ident),*) => {$(
        impl Scalar for $Integer {
            fn unary(op: Unary, x: $Integer) -> $Integer {
                match op {
                    Unary::Abs => if (x as i128) < 0 { x.wrapping_neg() } else { x },
                    Unary::CountLeadingZeros => x.leading_zeros() as $Integer,
                    Unary::Negate => x.wrapping_neg(),
                    Unary::Not => !x,
                    Unary::Popcnt => x.count_ones() as $Integer,
                    Unary::Sign => (x as i128).signum() as $Integer,
                    Unary::Cbrt | Unary::Ceil | Unary::Cosine | Unary::Erf | Unary::Exponential
                    | Unary::ExponentialMinusOne | Unary::Floor | Unary::IsFinite | Unary::Log
                    | Unary::LogPlusOne | Unary::Logistic | Unary::RoundNearestAfz
                    | Unary::RoundNearestEven | Unary::Rsqrt | Unary::Sine | Unary::Sqrt | Unary::Tan
                    | Unary::Tanh => x,
                }
            }

            fn binary(op: Binary, x: $Integer, y: $Integer) -> $Integer {
                // A distance at or above the width shifts everything out.
                let distance = u32::try_from(y as i128).unwrap_or(u32::MAX);
                match op {
                    Binary::Add => x.wrapping_add(y),
                    Binary::And => x & y,
                    Binary::Divide => if y == 0 { !0 } else { x.wrapping_div(y) },
                    Binary::Maximum => x.max(y),
                    Binary::Minimum => x.min(y),
                    Binary::Multiply => x.wrapping_mul(y),
                    Binary::Or => x | y,
                    Binary::Power => integer_power(x as i128, y as i128) as $Integer,
                    Binary::Remainder => if y == 0 { x } else { x.wrapping_rem(y) },
                    Binary::ShiftLeft => x.checked_shl(distance).unwrap_or(0),
                    Binary::ShiftRightArithmetic => {
                        let sign = if (x as $Signed) < 0 { !0 } else { 0 };
                        (x as $Signed).checked_shr(distance).map_or(sign, |shifted| shifted as $Integer)
                    }
                    Binary::ShiftRightLogical => (x as $Unsigned).checked_shr(distance).unwrap_or(0) as $Integer,
                    Binary::Subtract => x.wrapping_sub(y),
                    Binary::Xor => x ^ y,
                    Binary::Atan2 => x,
                }
            }

            fn order(_: ComparisonType, x: $Integer, y: $Integer) -> Option<Ordering> {
                x.partial_cmp(&y)
            }
        }
    )*};
}
integers!(i8 u8 i8, i16 u16 i16, i32 u32 i32, i64 u64 i64, u8 u8 i8, u16 u16 i16, u32 u32 i32, u64 u64 i64);

/// `base` to the power `exponent`, wrapping; a negative exponent gives 1 / the power, truncated.
fn integer_power(base: i128, exponent: i128) -> i128 {
    match (base, exponent) {
        (1, _) => 1,
        (-1, _) => {
            if exponent % 2 == 0 {
                1
            } else {
                -1
            }
        }
        // 1 / 0, as division gives it.
        (0, ..0) => -1,
        (_, ..0) => 0,
        (_, _) => {
            let (mut result, mut square, mut left) = (1i128, base, exponent);
            while left > 0 {
                if left & 1 == 1 {
                    result = result.wrapping_mul(square);
                }
                square = square.wrapping_mul(square);
                left >>= 1;
            }
            result
        }
    }
}

/// The greater of two floats: NaN if either is, and +0 above -0. Without branches, for vector code.
macro_rules! maximum {
    ($x:expr, $y:expr) => {{
        let (x, y) = ($x, $y);
        if (x > y) | x.is_nan() | ((x == y) & x.is_sign_positive()) { x } else { y }
    }};
}

/// The lesser of two floats: NaN if either is, and -0 below +0.
macro_rules! minimum {
    ($x:expr, $y:expr) => {{
        let (x, y) = ($x, $y);
        if (x < y) | x.is_nan() | ((x == y) & x.is_sign_negative()) { x } else { y }
    }};
}
pub(crate) use {maximum, minimum};

macro_rules! floats {
    ($($Float:ident through $Wide:ident, bits $Bits:ident: $erf:path;)*) => {$(
        impl Scalar for $Float {
            fn unary(op: Unary, x: $Float) -> $Float {
                let wide = $Wide::from(x);
                let result: $Wide = match op {
                    // These keep or flip bits, of NaN too.
                    Unary::Abs => return $Float::from_bits(x.to_bits() & ($Bits::MAX >> 1)),
                    Unary::Negate => return $Float::from_bits(x.to_bits() ^ !($Bits::MAX >> 1)),
                    Unary::Cbrt => wide.cbrt(),
                    Unary::Ceil => wide.ceil(),
                    Unary::Cosine => wide.cos(),
                    Unary::Erf => $erf(wide),
                    Unary::Exponential => wide.exp(),
                    Unary::ExponentialMinusOne => wide.exp_m1(),
                    Unary::Floor => wide.floor(),
                    Unary::IsFinite => if wide.is_finite() { 1.0 } else { 0.0 },
                    Unary::Log => wide.ln(),
                    Unary::LogPlusOne => wide.ln_1p(),
                    Unary::Logistic => 1.0 / (1.0 + (-wide).exp()),
                    Unary::RoundNearestAfz => wide.round(),
                    Unary::RoundNearestEven => wide.round_ties_even(),
                    Unary::Rsqrt => 1.0 / wide.sqrt(),
                    Unary::Sign => if wide == 0.0 || wide.is_nan() { wide } else { wide.signum() },
                    Unary::Sine => wide.sin(),
                    Unary::Sqrt => wide.sqrt(),
                    Unary::Tan => wide.tan(),
                    Unary::Tanh => wide.tanh(),
                    Unary::CountLeadingZeros | Unary::Not | Unary::Popcnt => wide,
                };
                narrow::<$Float, $Wide>(result)
            }

            fn binary(op: Binary, x: $Float, y: $Float) -> $Float {
                let (left, right) = ($Wide::from(x), $Wide::from(y));
                let result: $Wide = match op {
                    Binary::Add => left + right,
                    Binary::Atan2 => left.atan2(right),
                    Binary::Divide => left / right,
                    Binary::Maximum => maximum!(left, right),
                    Binary::Minimum => minimum!(left, right),
                    Binary::Multiply => left * right,
                    Binary::Power => left.powf(right),
                    Binary::Remainder => left % right,
                    Binary::Subtract => left - right,
                    Binary::And | Binary::Or | Binary::ShiftLeft | Binary::ShiftRightArithmetic
                    | Binary::ShiftRightLogical | Binary::Xor => left,
                };
                narrow::<$Float, $Wide>(result)
            }

            fn order(kind: ComparisonType, x: $Float, y: $Float) -> Option<Ordering> {
                match kind {
                    ComparisonType::Natural => x.partial_cmp(&y),
                    ComparisonType::TotalOrder => Some(x.total_cmp(&y)),
                }
            }
        }
    )*};
}

/// The wide result rounded to the element type.
fn narrow<T: Rounded<W>, W>(wide: W) -> T {
    T::rounded(wide)
}

/// A float that a wider one (or its own type) rounds to.
trait Rounded<W> {
    fn rounded(wide: W) -> Self;
}

impl Rounded<f32> for f32 {
    fn rounded(wide: f32) -> f32 {
        wide
    }
}

impl Rounded<f64> for f64 {
    fn rounded(wide: f64) -> f64 {
        wide
    }
}

impl Rounded<f32> for f16 {
    fn rounded(wide: f32) -> f16 {
        f16::from_f32(wide)
    }
}

impl Rounded<f32> for bf16 {
    fn rounded(wide: f32) -> bf16 {
        bf16::from_f32(wide)
    }
}

floats! {
    f16 through f32, bits u16: libm::erff;
    bf16 through f32, bits u16: libm::erff;
    f32 through f32, bits u32: libm::erff;
    f64 through f64, bits u64: libm::erf;
}
