//! What the elementwise ops do to one element of each type.

use std::cmp::Ordering;

use choral_ir::Element;
use choral_ir::element::{bf16, f16};
use choral_ir::narrow::Narrow;
use choral_ir::op::{Binary, ComparisonType, Unary};

use choral_kernels::cpu::machine::binary::power;
use choral_kernels::functions::{Function, FunctionOfTwo};

use crate::special::{double, single};

/// An element type's arithmetic. Ops outside the type's class are excluded by the type rules;
/// for them the methods return their operand. Loops call them: a copy in each loop, for each type, would take a tenth of
/// this crate's compile time.
pub trait Scalar: Element {
    /// A unary op; predicates give 1 or 0.
    fn unary(op: Unary, x: Self) -> Self;
    /// A binary op.
    fn binary(op: Binary, x: Self, y: Self) -> Self;
    /// `x * y + to`, rounded once.
    fn multiply_add(x: Self, y: Self, to: Self) -> Self {
        Self::binary(Binary::Add, Self::binary(Binary::Multiply, x, y), to)
    }
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
            | Binary::Mulhi
            | Binary::NextAfter
            | Binary::Polygamma
            | Binary::Power
            | Binary::Remainder
            | Binary::ShiftLeft
            | Binary::ShiftRightArithmetic
            | Binary::ShiftRightLogical
            | Binary::Subtract
            | Binary::Zeta => x,
        }
    }

    fn order(_: ComparisonType, x: bool, y: bool) -> Option<Ordering> {
        x.partial_cmp(&y)
    }
}

macro_rules! integers {
    ($($Integer:ident $Unsigned:ident $Signed:ident),*) => {$(
        impl Scalar for $Integer {
            #[inline(never)]
            fn unary(op: Unary, x: $Integer) -> $Integer {
                match op {
                    Unary::Abs => if (x as i128) < 0 { x.wrapping_neg() } else { x },
                    Unary::CountLeadingZeros => x.leading_zeros() as $Integer,
                    Unary::Negate => x.wrapping_neg(),
                    Unary::Not => !x,
                    Unary::Popcnt => x.count_ones() as $Integer,
                    Unary::Sign => (x as i128).signum() as $Integer,
                    Unary::Square => x.wrapping_mul(x),
                    Unary::Acos | Unary::Acosh | Unary::Asin | Unary::Asinh | Unary::Atan | Unary::Atanh
                    | Unary::BesselI1e | Unary::Cosh | Unary::Digamma | Unary::ErfInv | Unary::ErfInvOfDraws
                    | Unary::Erfc | Unary::Lgamma | Unary::Sinh
                    | Unary::Cbrt | Unary::Ceil | Unary::Cosine | Unary::Erf | Unary::Exponential
                    | Unary::ExponentialMinusOne | Unary::Floor | Unary::IsFinite | Unary::IsInf
                    | Unary::IsNegInf | Unary::IsPosInf | Unary::Log
                    | Unary::LogPlusOne | Unary::Logistic | Unary::RoundNearestAfz
                    | Unary::RoundNearestEven | Unary::Rsqrt | Unary::Sine | Unary::Sqrt | Unary::Tan
                    | Unary::Tanh => x,
                }
            }

            #[inline(never)]
            fn binary(op: Binary, x: $Integer, y: $Integer) -> $Integer {
                // A distance at or above the width shifts everything out.
                let distance = u32::try_from(y as i128).unwrap_or(u32::MAX);
                match op {
                    Binary::Add => x.wrapping_add(y),
                    Binary::And => x & y,
                    Binary::Divide => if y == 0 { !0 } else { x.wrapping_div(y) },
                    Binary::Maximum => x.max(y),
                    Binary::Minimum => x.min(y),
                    Binary::Mulhi => ((x as i128).wrapping_mul(y as i128) >> $Integer::BITS) as $Integer,
                    Binary::Multiply => x.wrapping_mul(y),
                    Binary::Or => x | y,
                    Binary::Power => power(x as i128, y as i128) as $Integer,
                    Binary::Remainder => if y == 0 { x } else { x.wrapping_rem(y) },
                    Binary::ShiftLeft => x.checked_shl(distance).unwrap_or(0),
                    Binary::ShiftRightArithmetic => {
                        let sign = if (x as $Signed) < 0 { !0 } else { 0 };
                        (x as $Signed).checked_shr(distance).map_or(sign, |shifted| shifted as $Integer)
                    }
                    Binary::ShiftRightLogical => (x as $Unsigned).checked_shr(distance).unwrap_or(0) as $Integer,
                    Binary::Subtract => x.wrapping_sub(y),
                    Binary::Xor => x ^ y,
                    Binary::Atan2 | Binary::NextAfter | Binary::Polygamma | Binary::Zeta => x,
                }
            }

            fn order(_: ComparisonType, x: $Integer, y: $Integer) -> Option<Ordering> {
                x.partial_cmp(&y)
            }
        }
    )*};
}
integers!(i8 u8 i8, i16 u16 i16, i32 u32 i32, i64 u64 i64, u8 u8 i8, u16 u16 i16, u32 u32 i32, u64 u64 i64);

/// Computed in 64 bits and wrapped; what looks at bits sees the narrow ones alone.
impl<const BITS: u32, const SIGNED: bool> Scalar for Narrow<BITS, SIGNED>
where
    Narrow<BITS, SIGNED>: Element,
{
    fn unary(op: Unary, x: Self) -> Self {
        Narrow::new(if op == Unary::CountLeadingZeros {
            i64::from(x.bits().leading_zeros() + BITS) - 64
        } else if op == Unary::Popcnt {
            i64::from(x.bits().count_ones())
        } else {
            i64::unary(op, x.get())
        })
    }

    fn binary(op: Binary, x: Self, y: Self) -> Self {
        let shifts_out = !(0..i64::from(BITS)).contains(&y.get());
        Narrow::new(if op == Binary::Mulhi {
            (x.get() * y.get()) >> BITS
        } else if shifts_out && (op == Binary::ShiftLeft || op == Binary::ShiftRightLogical) {
            0
        } else if op == Binary::ShiftRightLogical {
            (x.bits() >> y.get()) as i64
        } else {
            i64::binary(op, x.get(), y.get())
        })
    }

    fn order(_: ComparisonType, x: Self, y: Self) -> Option<Ordering> {
        x.partial_cmp(&y)
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

/// The neighbour of a float in the direction of another.
macro_rules! next_after {
    ($x:expr, $y:expr, $Float:ident, $Bits:ident) => {{
        let (x, y): ($Float, $Float) = ($x, $y);
        let sign = $Bits::MAX ^ ($Bits::MAX >> 1);
        if x.is_nan() || y.is_nan() {
            $Float::NAN
        } else if x == y {
            y
        } else if x.to_bits() & !sign == 0 {
            // The smallest subnormal on the other's side.
            $Float::from_bits((y.to_bits() & sign) | 1)
        } else if (x < y) == (x.to_bits() & sign == 0) {
            $Float::from_bits(x.to_bits() + 1)
        } else {
            $Float::from_bits(x.to_bits() - 1)
        }
    }};
}

macro_rules! floats {
    ($($Float:ident through $Wide:ident, $functions:ident, bits $Bits:ident;)*) => {$(
        impl Scalar for $Float {
            #[inline(never)]
            fn unary(op: Unary, x: $Float) -> $Float {
                let wide = $Wide::from(x);
                let flag = |holds: bool| if holds { 1.0 } else { 0.0 };
                let result: $Wide = match op {
                    // These keep or flip bits, of NaN too.
                    Unary::Abs => return $Float::from_bits(x.to_bits() & ($Bits::MAX >> 1)),
                    Unary::Negate => return $Float::from_bits(x.to_bits() ^ !($Bits::MAX >> 1)),
                    Unary::Acos => Function::Acos.of(wide),
                    Unary::Acosh => Function::Acosh.of(wide),
                    Unary::Asin => Function::Asin.of(wide),
                    Unary::Asinh => Function::Asinh.of(wide),
                    Unary::Atan => Function::Atan.of(wide),
                    Unary::Atanh => Function::Atanh.of(wide),
                    Unary::BesselI1e => $functions::bessel_i1e(wide),
                    Unary::Cosh => Function::Cosh.of(wide),
                    Unary::Digamma => $functions::digamma(wide),
                    Unary::ErfInv => $functions::erf_inv(wide),
                    Unary::ErfInvOfDraws => choral_ir::special::erf_inv(wide as f32) as $Wide,
                    Unary::Erfc => Function::Erfc.of(wide),
                    Unary::Lgamma => $functions::lgamma(wide),
                    Unary::Sinh => Function::Sinh.of(wide),
                    Unary::Square => wide * wide,
                    Unary::Cbrt => Function::Cbrt.of(wide),
                    Unary::Ceil => wide.ceil(),
                    Unary::Cosine => Function::Cosine.of(wide),
                    Unary::Erf => Function::Erf.of(wide),
                    Unary::Exponential => Function::Exponential.of(wide),
                    Unary::ExponentialMinusOne => Function::ExponentialMinusOne.of(wide),
                    Unary::Floor => wide.floor(),
                    Unary::IsFinite => flag(wide.is_finite()),
                    Unary::IsInf => flag(wide.is_infinite()),
                    Unary::IsNegInf => flag(wide == $Wide::NEG_INFINITY),
                    Unary::IsPosInf => flag(wide == $Wide::INFINITY),
                    Unary::Log => Function::Log.of(wide),
                    Unary::LogPlusOne => Function::LogPlusOne.of(wide),
                    Unary::Logistic => Function::Logistic.of(wide),
                    Unary::RoundNearestAfz => wide.round(),
                    Unary::RoundNearestEven => wide.round_ties_even(),
                    Unary::Rsqrt => 1.0 / wide.sqrt(),
                    Unary::Sign => if wide == 0.0 || wide.is_nan() { wide } else { wide.signum() },
                    Unary::Sine => Function::Sine.of(wide),
                    Unary::Sqrt => wide.sqrt(),
                    Unary::Tan => Function::Tan.of(wide),
                    Unary::Tanh => Function::Tanh.of(wide),
                    Unary::CountLeadingZeros | Unary::Not | Unary::Popcnt => wide,
                };
                narrow::<$Float, $Wide>(result)
            }

            #[inline(never)]
            fn binary(op: Binary, x: $Float, y: $Float) -> $Float {
                if op == Binary::NextAfter {
                    return next_after!(x, y, $Float, $Bits);
                }
                let (left, right) = ($Wide::from(x), $Wide::from(y));
                let result: $Wide = match op {
                    Binary::Add => left + right,
                    Binary::Atan2 => FunctionOfTwo::Atan2.of(left, right),
                    Binary::Divide => left / right,
                    Binary::Maximum => maximum!(left, right),
                    Binary::Minimum => minimum!(left, right),
                    Binary::Multiply => left * right,
                    Binary::Polygamma => $functions::polygamma(left, right),
                    Binary::Power => FunctionOfTwo::Power.of(left, right),
                    Binary::Remainder => left % right,
                    Binary::Subtract => left - right,
                    Binary::Zeta => $functions::zeta(left, right),
                    Binary::And | Binary::Mulhi | Binary::NextAfter | Binary::Or | Binary::ShiftLeft | Binary::ShiftRightArithmetic
                    | Binary::ShiftRightLogical | Binary::Xor => left,
                };
                narrow::<$Float, $Wide>(result)
            }

            fn multiply_add(x: $Float, y: $Float, to: $Float) -> $Float {
                narrow::<$Float, $Wide>($Wide::from(x).mul_add($Wide::from(y), $Wide::from(to)))
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
    f16 through f32, single, bits u16;
    bf16 through f32, single, bits u16;
    f32 through f32, single, bits u32;
    f64 through f64, double, bits u64;
}
