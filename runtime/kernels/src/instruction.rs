//! Scalar instructions: what happens to one element.
//!
//! Elementwise ops, bodies of folds, comparators and epilogues are all lists of these. They say what is
//! computed, on registers of a [`Number`]; how a tile of elements is run through one is the back ends'.

use std::fmt;

use crate::Number;
use crate::functions::{Function, FunctionOfTwo};

/// An instruction of one integer and the same type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Unary {
    Abs,
    CountLeadingZeros,
    Negate,
    Not,
    Popcnt,
    Sign,
}

/// An instruction of two operands and a result of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    And,
    /// Of integers by 0: all bits set.
    Divide,
    /// NaN if either is, and +0 above -0.
    Maximum,
    Minimum,
    /// The high half of an integer product.
    Mulhi,
    Multiply,
    Or,
    /// Of integers.
    Power,
    /// With the sign of the dividend; of integers by 0, the dividend.
    Remainder,
    ShiftLeft,
    ShiftRightArithmetic,
    ShiftRightLogical,
    Subtract,
    Xor,
}

/// A comparison of two operands, with a truth value; of floats in IEEE order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Comparison {
    Equal,
    Less,
    LessOrEqual,
}

/// A function that is called for every element: one for each float that registers hold. Both are deterministic.
#[derive(Clone, Copy)]
pub struct Call<F32, F64> {
    /// As plans print it.
    pub name: &'static str,
    /// On `f32`.
    pub single: F32,
    /// On `f64`.
    pub double: F64,
}

/// A called function of one operand.
pub type Call1 = Call<fn(f32) -> f32, fn(f64) -> f64>;
/// A called function of two operands.
pub type Call2 = Call<fn(f32, f32) -> f32, fn(f64, f64) -> f64>;

impl<F32, F64> fmt::Debug for Call<F32, F64> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What one step of a scalar computation does to its operands.
#[derive(Debug, Clone, Copy)]
pub enum Instruction {
    /// A number by its bits; no operands.
    Constant(u64),
    /// One integer.
    Unary(Unary),
    /// One float.
    Function(Function),
    /// Two floats, of which neither is an operand of [`Binary`].
    FunctionOfTwo(FunctionOfTwo),
    /// Two operands.
    Binary(Binary),
    /// Two operands of one type; the result is a truth value.
    Compare(Comparison),
    /// A truth value, and what to take if it holds and if not.
    Select,
    /// Three floats: the product of two, and what is added to it, rounded once.
    MultiplyAdd,
    /// To the step's type: integers wrap; floats to integers truncate and saturate, NaN to 0; to floats it rounds
    /// once; to truth values it asks whether it is not 0.
    Convert,
    /// To the step's float type, of two neighbours to the one with an odd last bit: rounded on to at least two bits
    /// less, the result is as if it were rounded once (Boldo and Melquiond 2008).
    ConvertToOdd,
    /// An `f32` rounded to this 16-bit float, as an `f32`.
    Round(Number),
    /// A float rounded to fewer bits of exponent and mantissa.
    ReducePrecision {
        /// Bits of the exponent.
        exponent: u32,
        /// Bits of the mantissa.
        mantissa: u32,
    },
    /// An integer in a byte cut to so many bits, extended by its type's sign.
    Wrap(u32),
    /// The integer of the operand's width whose order is the total order of floats.
    OrderKey,
    /// A called function of a float.
    Call1(Call1),
    /// A called function of two floats.
    Call2(Call2),
}

/// Steps of an element that a function takes in vectors, and one that is called for each element.
const FUNCTION: usize = 8;
const CALL: usize = 64;

impl Instruction {
    /// What it costs for one element ([`crate::Kernel::cost`]).
    pub(crate) fn cost(&self) -> usize {
        match self {
            Instruction::Function(_) | Instruction::FunctionOfTwo(_) => FUNCTION,
            Instruction::Call1(_) | Instruction::Call2(_) => CALL,
            Instruction::Constant(_)
            | Instruction::Unary(_)
            | Instruction::Binary(_)
            | Instruction::Compare(_)
            | Instruction::Select
            | Instruction::MultiplyAdd
            | Instruction::Convert
            | Instruction::ConvertToOdd
            | Instruction::Round(_)
            | Instruction::ReducePrecision { .. }
            | Instruction::Wrap(_)
            | Instruction::OrderKey => 1,
        }
    }
}
