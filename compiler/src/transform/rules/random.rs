//! Batching random bits: each member draws from its own state, as in a single run.

use choral_ir::BuildError;
use choral_ir::op::RngBitGenerator;

use crate::transform::lane::{Lane, MappedBuilder};

/// The members become a batching dimension of the state.
pub(crate) fn batch(
    cx: &mut MappedBuilder,
    op: &RngBitGenerator,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let state = cx.at_front(lanes[0])?;
    cx.mapped(RngBitGenerator { batching_dims: op.batching_dims + 1, ..op.clone() }, &[state], 0)
}
