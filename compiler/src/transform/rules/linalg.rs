//! Batching ops of linear algebra: members are one more leading dimension, or more columns. Derivatives stand in
//! `linalg/derivative.rs`.

mod derivative;

pub(crate) use derivative::{jvp, transpose};

use choral_ir::op::{Cholesky, LinalgOp, TriangularSolve};
use choral_ir::{BuildError, Value};

use crate::transform::lane::Lane::{Mapped, Shared};
use crate::transform::lane::{Lane, MappedBuilder};

/// The rule of each op of the family.
pub(crate) fn batch(cx: &mut MappedBuilder, op: &LinalgOp, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    match op {
        LinalgOp::Cholesky(op) => cholesky(cx, *op, lanes),
        LinalgOp::TriangularSolve(op) => triangular_solve(cx, *op, lanes),
    }
}

/// Matrices lie in the last two dimensions, so the members come first.
fn cholesky(cx: &mut MappedBuilder, op: Cholesky, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let value = cx.at_front(lanes[0])?;
    cx.mapped(op, &[value], 0)
}

/// A shared matrix is solved once, with the members' right-hand sides side by side.
fn triangular_solve(
    cx: &mut MappedBuilder,
    op: TriangularSolve,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (a, b) = (lanes[0], lanes[1]);
    match (a, b) {
        (Shared(a), Mapped(..)) => {
            let sides = if op.left_side { cx.ty(a).rank() - 1 } else { cx.ty(a).rank() - 2 };
            let b = cx.at(b, sides)?;
            let shape = cx.ty(b).shape.clone();
            let together = side_by_side(cx, b, sides)?;
            let result = cx.push(op, &[a, together])?;
            Ok(vec![Mapped(cx.builder.reshape(result, shape)?, sides)])
        }
        (Shared(_), Shared(_)) | (Mapped(..), _) => {
            let operands = [cx.at_front(a)?, cx.at_front(b)?];
            cx.mapped(op, &operands, 0)
        }
    }
}

/// The value with dimension `dim` and the next as one.
fn side_by_side(cx: &mut MappedBuilder, value: Value, dim: usize) -> Result<Value, BuildError> {
    let mut shape = cx.ty(value).shape.clone();
    let size = shape.remove(dim);
    shape[dim] *= size;
    cx.builder.reshape(value, shape)
}
