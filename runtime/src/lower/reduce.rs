//! Folds that kernels have, by name.

use choral_ir::op::Binary;
use choral_kernels::instruction::Binary as B;
use choral_kernels::rows::Fold;

/// The fold with an op, and the instruction that joins it with an initial value; `None` for ops whose order matters.
pub fn fold(op: Binary) -> Option<(Fold, B)> {
    match op {
        Binary::Add => Some((Fold::Sum, B::Add)),
        Binary::Multiply => Some((Fold::Product, B::Multiply)),
        Binary::Maximum => Some((Fold::Maximum, B::Maximum)),
        Binary::Minimum => Some((Fold::Minimum, B::Minimum)),
        Binary::And => Some((Fold::And, B::And)),
        Binary::Or => Some((Fold::Or, B::Or)),
        Binary::Xor => Some((Fold::Xor, B::Xor)),
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
        | Binary::Zeta => None,
    }
}
