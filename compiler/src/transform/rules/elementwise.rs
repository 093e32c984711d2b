//! Batching elementwise ops: one rule for the whole family.

use choral_ir::BuildError;
use choral_ir::op::Elementwise;

use crate::transform::lane::{Lane, MappedBuilder};

/// The same op on operands that all carry the member dimension at one place.
pub(crate) fn batch(
    cx: &mut MappedBuilder,
    op: &Elementwise,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (values, at) = cx.aligned(lanes)?;
    cx.mapped(op.clone(), &values, at)
}
