//! Ops on floats as functions: those with loops, and those that are called for every element.

use choral_ir::DType;
use choral_ir::element::{bf16, f16};
use choral_ir::op::{Binary, Unary};
use choral_kernels::Instruction;
use choral_kernels::functions::{Function, FunctionOfTwo};
use choral_kernels::instruction::{Call, Call2};

use crate::ops::scalar::Scalar;

/// What an op does to a float: a function with loops of its own, or one that is called for every element; `None` for an op
/// that is no function of floats.
pub(super) fn unary(op: Unary) -> Option<Instruction> {
    macro_rules! table {
        ($($Op:ident)*; $($Called:ident)*; $($Other:ident)*) => {
            match op {
                $(Unary::$Op => Some(Instruction::Function(Function::$Op)),)*
                $(Unary::$Called => Some(Instruction::Call1(Call {
                    name: stringify!($Called),
                    single: |x| f32::unary(Unary::$Called, x),
                    double: |x| f64::unary(Unary::$Called, x),
                })),)*
                $(Unary::$Other => None,)*
            }
        };
    }
    table!(
        Abs Acos Acosh Asin Asinh Atan Atanh Cbrt Ceil Cosh Cosine Erf ErfInvOfDraws Erfc Exponential
        ExponentialMinusOne Floor Log LogPlusOne Logistic Negate RoundNearestAfz RoundNearestEven Rsqrt Sign Sine Sinh Sqrt Square Tan Tanh;
        BesselI1e Digamma ErfInv Lgamma;
        CountLeadingZeros IsFinite IsInf IsNegInf IsPosInf Not Popcnt
    )
}

/// What an op does to two floats of a type that is not an instruction of both.
pub(super) fn binary(op: Binary, dtype: DType) -> Option<Instruction> {
    macro_rules! called {
        ($Op:ident) => {
            Some(Instruction::Call2(Call {
                name: stringify!($Op),
                single: |x, y| f32::binary(Binary::$Op, x, y),
                double: |x, y| f64::binary(Binary::$Op, x, y),
            }))
        };
    }
    match op {
        Binary::Atan2 => Some(Instruction::FunctionOfTwo(FunctionOfTwo::Atan2)),
        Binary::Power => Some(Instruction::FunctionOfTwo(FunctionOfTwo::Power)),
        Binary::Remainder => Some(Instruction::FunctionOfTwo(FunctionOfTwo::Remainder)),
        Binary::NextAfter => Some(Instruction::Call2(next_after(dtype))),
        Binary::Polygamma => called!(Polygamma),
        Binary::Zeta => called!(Zeta),
        Binary::Add
        | Binary::And
        | Binary::Divide
        | Binary::Maximum
        | Binary::Minimum
        | Binary::Mulhi
        | Binary::Multiply
        | Binary::Or
        | Binary::ShiftLeft
        | Binary::ShiftRightArithmetic
        | Binary::ShiftRightLogical
        | Binary::Subtract
        | Binary::Xor => None,
    }
}

/// The neighbour in the type that the floats have in memory, which the name says where registers do not.
fn next_after(dtype: DType) -> Call2 {
    fn half<T: Scalar>(x: f32, y: f32, to: fn(f32) -> T, from: fn(T) -> f32) -> f32 {
        from(T::binary(Binary::NextAfter, to(x), to(y)))
    }
    let double: fn(f64, f64) -> f64 = |x, y| f64::binary(Binary::NextAfter, x, y);
    match dtype {
        DType::F16 => {
            Call { name: "NextAfterOfF16", single: |x, y| half(x, y, f16::from_f32, f16::to_f32), double }
        }
        DType::Bf16 => {
            Call { name: "NextAfterOfBf16", single: |x, y| half(x, y, bf16::from_f32, bf16::to_f32), double }
        }
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
        | DType::F64 => {
            Call { name: "NextAfter", single: |x, y| f32::binary(Binary::NextAfter, x, y), double }
        }
    }
}
