//! The folds that have loops of their own.

use choral_ir::Graph;
use choral_ir::op::Binary;

/// A fold with one op that forgets the order of its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// `x + y`.
    Sum,
    /// `x * y`.
    Product,
    /// The greater of two; NaN if either is.
    Greatest,
    /// The lesser of two; NaN if either is.
    Least,
}

impl Fold {
    /// The fold that a body is, if it is one of these.
    pub fn of(body: &Graph) -> Option<Fold> {
        match body.as_reducer()? {
            Binary::Add => Some(Fold::Sum),
            Binary::Multiply => Some(Fold::Product),
            Binary::Maximum => Some(Fold::Greatest),
            Binary::Minimum => Some(Fold::Least),
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
