//! Batching elementwise ops: one rule for the whole family.

use choral_ir::op::Elementwise;

use super::{Batch, Lane, Lanes};

/// The same op on operands that all carry the member dimension at one place.
pub(crate) fn batch(cx: &mut Batch, op: &Elementwise, lanes: &[Lane]) -> Lanes {
    let (values, at) = cx.aligned(lanes)?;
    cx.mapped(op.clone(), &values, at)
}
