//! Batching ops of linear algebra: members are one more leading dimension.

use choral_ir::op::LinalgOp;

use super::{Batch, Lane, Lanes};

/// The rule of every op of the family: matrices lie in the last two dimensions, so the members of
/// all operands come first.
pub(crate) fn batch(cx: &mut Batch, op: &LinalgOp, lanes: &[Lane]) -> Lanes {
    let mut values = Vec::with_capacity(lanes.len());
    for &lane in lanes {
        values.push(cx.at_front(lane)?);
    }
    match op {
        LinalgOp::Cholesky(op) => cx.mapped(*op, &values, 0),
        LinalgOp::TriangularSolve(op) => cx.mapped(*op, &values, 0),
    }
}
