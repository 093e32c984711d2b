//! Factorisations and solves of matrices in the last two dimensions.

use serde::{Deserialize, Serialize};

use super::{TypeError, arity, ensure};
use crate::{Class, TensorType};

/// An op of linear algebra.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LinalgOp {
    /// See [`Cholesky`].
    Cholesky(Cholesky),
    /// See [`TriangularSolve`].
    TriangularSolve(TriangularSolve),
}

/// The Cholesky factor of positive definite matrices: `a = l l^T` (lower) or `a = u^T u`. Only that
/// triangle of `a` is read; the result's other triangle is zero. A matrix that is not positive
/// definite gives NaN.
///
/// (C1) floats; (C2) rank 2 or more; (C3) square matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cholesky {
    /// Whether the factor is the lower triangle.
    pub lower: bool,
}

/// Solves `op(a) x = b`, or `x op(a) = b`, for triangular matrices `a`. Only that triangle is read.
///
/// (C1) one float type; (C2) both have one rank, 2 or more; (C3) leading dimensions agree, `a` is
/// square and fits `b` on its side; (C4) the result has the type of `b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TriangularSolve {
    /// Whether `a` stands on the left of the unknown.
    pub left_side: bool,
    /// Whether `a` is its lower triangle.
    pub lower: bool,
    /// Whether the diagonal counts as ones.
    pub unit_diagonal: bool,
    /// Whether `op` transposes.
    pub transpose_a: bool,
}

impl From<Cholesky> for crate::Op {
    fn from(op: Cholesky) -> crate::Op {
        crate::Op::Linalg(LinalgOp::Cholesky(op))
    }
}

impl From<TriangularSolve> for crate::Op {
    fn from(op: TriangularSolve) -> crate::Op {
        crate::Op::Linalg(LinalgOp::TriangularSolve(op))
    }
}

impl LinalgOp {
    /// The name in StableHLO text.
    pub const fn name(&self) -> &'static str {
        match self {
            LinalgOp::Cholesky(_) => "stablehlo.cholesky",
            LinalgOp::TriangularSolve(_) => "stablehlo.triangular_solve",
        }
    }
}

/// Type rule of the family.
pub fn infer(op: &LinalgOp, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    match op {
        LinalgOp::Cholesky(_) => {
            arity(1, operands)?;
            square(operands[0])?;
            Ok(vec![operands[0].clone()])
        }
        LinalgOp::TriangularSolve(op) => infer_triangular_solve(*op, operands),
    }
}

fn square(ty: &TensorType) -> Result<usize, TypeError> {
    ensure!(Class::Float.contains(ty.dtype), "C1", "expected {}, got {ty}", Class::Float);
    ensure!(ty.rank() >= 2, "C2", "expected matrices in the last two dimensions, got {ty}");
    let (rows, columns) = (ty.shape[ty.rank() - 2], ty.shape[ty.rank() - 1]);
    ensure!(rows == columns, "C3", "expected square matrices, got {ty}");
    Ok(rows)
}

fn infer_triangular_solve(
    op: TriangularSolve,
    operands: &[&TensorType],
) -> Result<Vec<TensorType>, TypeError> {
    arity(2, operands)?;
    let (a, b) = (operands[0], operands[1]);
    let size = square(a)?;
    ensure!(a.dtype == b.dtype && a.rank() == b.rank(), "C2", "a is {a}, but b is {b}");
    let leading = a.rank() - 2;
    ensure!(a.shape[..leading] == b.shape[..leading], "C3", "leading dimensions of {a} and {b} differ");
    let side = if op.left_side { leading } else { leading + 1 };
    ensure!(b.shape[side] == size, "C3", "dimension {side} of {b} must be {size}, as in {a}");
    Ok(vec![b.clone()])
}

/// Where a dimension of an operand goes: it stays, unless it is within the matrices. Right-hand sides are
/// solved each by itself.
pub(super) fn follow(op: &LinalgOp, operands: &[&TensorType], operand: usize, dim: usize) -> Option<usize> {
    let rank = operands[0].rank();
    let is_side = match op {
        LinalgOp::Cholesky(_) => false,
        LinalgOp::TriangularSolve(op) => {
            operand == 1 && dim == if op.left_side { rank - 1 } else { rank - 2 }
        }
    };
    (dim + 2 < rank || is_side).then_some(dim)
}
