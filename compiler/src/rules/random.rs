//! Batching random bits: each member draws from a state of its own, as it would alone.

use choral_ir::op::RngBitGenerator;

use super::{Batch, Lane, Lanes};

/// The members become a batching dimension of the state.
pub(crate) fn batch(cx: &mut Batch, op: &RngBitGenerator, lanes: &[Lane]) -> Lanes {
    let state = cx.at_front(lanes[0])?;
    cx.mapped(RngBitGenerator { batching_dims: op.batching_dims + 1, ..op.clone() }, &[state], 0)
}
