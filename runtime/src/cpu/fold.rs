//! The folds with their own loops, and the floats that these loops take.

use choral_ir::element::{bf16, f16};
use choral_ir::op::Binary;
use choral_ir::{Element, Reducer};

use crate::ops::scalar::Scalar;

/// A fold of floats with one op that forgets the order of its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatFold {
    /// `x + y`.
    Sum,
    /// `x * y`.
    Product,
    /// The greater of two; NaN if either is.
    Greatest,
    /// The lesser of two; NaN if either is.
    Least,
}

impl FloatFold {
    /// The fold that a body is, if it is one of these.
    pub fn of(body: &Reducer) -> Option<FloatFold> {
        match body.binary()? {
            Binary::Add => Some(FloatFold::Sum),
            Binary::Multiply => Some(FloatFold::Product),
            Binary::Maximum => Some(FloatFold::Greatest),
            Binary::Minimum => Some(FloatFold::Least),
            Binary::And
            | Binary::Atan2
            | Binary::Divide
            | Binary::Mulhi
            | Binary::NextAfter
            | Binary::Or
            | Binary::Polygamma
            | Binary::Power
            | Binary::Remainder
            | Binary::ShiftLeft
            | Binary::ShiftRightArithmetic
            | Binary::ShiftRightLogical
            | Binary::Subtract
            | Binary::Xor
            | Binary::Zeta => None,
        }
    }
}

/// Floats that loops fold, and what they accumulate in.
pub trait Folded: Element {
    /// The type of accumulators ([`choral_ir::DType::accumulator`]).
    type Sum: Scalar + num_traits::Float;
    /// Whether elements are folded one after another, as the definition does. Rounded once to fewer
    /// bits, their sum then has the definition's bits.
    const IN_ORDER: bool;
    /// The element as an accumulator.
    fn widened(self) -> Self::Sum;
    /// The accumulator as an element.
    fn rounded(sum: Self::Sum) -> Self;
}

macro_rules! folded {
    ($($Float:ident $Sum:ident, $in_order:literal, $widened:expr, $rounded:expr;)*) => {$(
        impl Folded for $Float {
            type Sum = $Sum;
            const IN_ORDER: bool = $in_order;
            fn widened(self) -> $Sum { $widened(self) }
            fn rounded(sum: $Sum) -> $Float { $rounded(sum) }
        }
    )*};
}
folded! {
    f16 f32, true, f16::to_f32, f16::from_f32;
    bf16 f32, true, bf16::to_f32, bf16::from_f32;
    f32 f32, false, |x| x, |x| x;
    f64 f64, false, |x| x, |x| x;
}
