//! Batching ops whose places are values.
//!
//! Places stay each member's own: nothing is flattened into one table, so an index that is out of
//! bounds is clamped within its own member.

use choral_ir::op::{Gather, IndexOp};

use super::Lane::{Mapped, Shared};
use super::{Batch, Lane, Lanes, inserted, shift};

/// The rule of each op of the family.
pub(crate) fn batch(cx: &mut Batch, op: &IndexOp, lanes: &[Lane]) -> Lanes {
    match op {
        IndexOp::Gather(op) => gather(cx, op, lanes),
    }
}

/// Operand and indices mapped: a pair of batching dimensions. Indices alone: one more dimension of
/// indices. Operand alone: the slices span all members. The member dimension comes first.
fn gather(cx: &mut Batch, op: &Gather, lanes: &[Lane]) -> Lanes {
    let (operand, indices) = (lanes[0], lanes[1]);
    let mut op = op.clone();
    if let Mapped(..) = operand {
        op.collapsed_slice_dims = shift(&op.collapsed_slice_dims, 0);
        op.operand_batching_dims = shift(&op.operand_batching_dims, 0);
        op.start_index_map = shift(&op.start_index_map, 0);
    }
    if let Mapped(..) = indices {
        op.start_indices_batching_dims = shift(&op.start_indices_batching_dims, 0);
        op.index_vector_dim += 1;
    }
    op.offset_dims = shift(&op.offset_dims, 0);
    let operands = match (operand, indices) {
        (Mapped(..), Mapped(..)) => {
            op.operand_batching_dims = inserted(&op.operand_batching_dims, 0, 0);
            op.start_indices_batching_dims = inserted(&op.start_indices_batching_dims, 0, 0);
            op.slice_sizes = inserted(&op.slice_sizes, 0, cx.size.min(1));
            [cx.at_front(operand)?, cx.at_front(indices)?]
        }
        (Shared(operand), _) => {
            op.indices_are_sorted = false;
            [operand, cx.at_front(indices)?]
        }
        (Mapped(..), Shared(indices)) => {
            op.offset_dims = inserted(&op.offset_dims, 0, 0);
            op.slice_sizes = inserted(&op.slice_sizes, 0, cx.size);
            [cx.at_front(operand)?, indices]
        }
    };
    cx.mapped(op, &operands, 0)
}
