//! Functions that instructions call for every element: the definitions of [`scalar`](crate::ops::scalar).

use choral_ir::DType;
use choral_ir::element::{bf16, f16};
use choral_ir::op::{Binary, Unary};
use choral_kernels::instruction::{Call, Call1, Call2};

use crate::ops::scalar::Scalar;

macro_rules! unary {
    ($op:expr; $($Op:ident),*) => {
        match $op {
            $(Unary::$Op => Some(Call {
                name: stringify!($Op),
                single: |x| f32::unary(Unary::$Op, x),
                double: |x| f64::unary(Unary::$Op, x),
            }),)*
            Unary::Abs
            | Unary::Ceil
            | Unary::CountLeadingZeros
            | Unary::Floor
            | Unary::IsFinite
            | Unary::IsInf
            | Unary::IsNegInf
            | Unary::IsPosInf
            | Unary::Negate
            | Unary::Not
            | Unary::Popcnt
            | Unary::RoundNearestAfz
            | Unary::RoundNearestEven
            | Unary::Rsqrt
            | Unary::Sign
            | Unary::Sqrt
            | Unary::Square => None,
        }
    };
}

/// The function that an op is; `None` for an instruction.
pub(super) fn unary(op: Unary) -> Option<Call1> {
    unary!(op; Acos, Acosh, Asin, Asinh, Atan, Atanh, BesselI1e, Cbrt, Cosh, Cosine, Digamma, Erf, ErfInv,
        ErfInvOfDraws, Erfc, Exponential, ExponentialMinusOne, Lgamma, Log, LogPlusOne, Logistic, Sine, Sinh, Tan, Tanh)
}

macro_rules! binary {
    ($op:expr; $($Op:ident),*) => {
        match $op {
            $(Binary::$Op => Some(Call {
                name: stringify!($Op),
                single: |x, y| f32::binary(Binary::$Op, x, y),
                double: |x, y| f64::binary(Binary::$Op, x, y),
            }),)*
            Binary::Add
            | Binary::And
            | Binary::Divide
            | Binary::Maximum
            | Binary::Minimum
            | Binary::Mulhi
            | Binary::Multiply
            | Binary::NextAfter
            | Binary::Or
            | Binary::Remainder
            | Binary::ShiftLeft
            | Binary::ShiftRightArithmetic
            | Binary::ShiftRightLogical
            | Binary::Subtract
            | Binary::Xor => None,
        }
    };
}

/// The function of floats of this type that an op is; `None` for an instruction.
pub(super) fn binary(op: Binary, dtype: DType) -> Option<Call2> {
    if op == Binary::NextAfter {
        return Some(next_after(dtype));
    }
    binary!(op; Atan2, Polygamma, Power, Zeta)
}

/// The neighbour in the type that the floats have in memory.
fn next_after(dtype: DType) -> Call2 {
    fn half<T: Scalar>(x: f32, y: f32, to: fn(f32) -> T, from: fn(T) -> f32) -> f32 {
        from(T::binary(Binary::NextAfter, to(x), to(y)))
    }
    let name = "NextAfter";
    let double: fn(f64, f64) -> f64 = |x, y| f64::binary(Binary::NextAfter, x, y);
    match dtype {
        DType::F16 => Call { name, single: |x, y| half(x, y, f16::from_f32, f16::to_f32), double },
        DType::Bf16 => Call { name, single: |x, y| half(x, y, bf16::from_f32, bf16::to_f32), double },
        DType::I1
        | DType::I2
        | DType::I4
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64
        | DType::Ui2
        | DType::Ui4
        | DType::Ui8
        | DType::Ui16
        | DType::Ui32
        | DType::Ui64
        | DType::F32
        | DType::F64 => Call { name, single: |x, y| f32::binary(Binary::NextAfter, x, y), double },
    }
}
