//! Batching ops that order elements: along any dimension but the members'.

use choral_ir::BuildError;
use choral_ir::op::{Sort, SortOp, TopK};

use crate::transform::lane::{Lane, MappedBuilder, shift};

/// The rule of each op of the family.
pub(crate) fn batch(cx: &mut MappedBuilder, op: &SortOp, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    match op {
        SortOp::Sort(op) => sort(cx, op, lanes),
        SortOp::TopK(op) => top_k(cx, *op, lanes),
    }
}

fn sort(
    cx: &mut MappedBuilder,
    Sort { dimension, is_stable, comparator }: &Sort,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (values, at) = cx.aligned(lanes)?;
    let dimension = shift(&[*dimension], at)[0];
    cx.mapped(Sort { dimension, is_stable: *is_stable, comparator: comparator.clone() }, &values, at)
}

/// The op orders the last dimension, so the members come first.
fn top_k(cx: &mut MappedBuilder, op: TopK, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let value = cx.at_front(lanes[0])?;
    cx.mapped(op, &[value], 0)
}

pub(crate) fn jvp(
    builder: &mut choral_ir::Builder,
    op: &choral_ir::op::SortOp,
    duals: &[crate::transform::dual::Dual],
) -> Result<Vec<crate::transform::dual::Dual>, BuildError> {
    let values = crate::transform::dual::values(duals);
    Err(crate::transform::dual::refused(builder, &op.clone().into(), &values, "STUB"))
}

pub(crate) fn transpose(
    builder: &mut choral_ir::Builder,
    op: &choral_ir::op::SortOp,
    _operands: &[choral_ir::op::Transposed],
    _cotangents: &[Option<choral_ir::Value>],
) -> Result<Vec<Option<choral_ir::Value>>, BuildError> {
    Err(crate::transform::dual::refused(builder, &op.clone().into(), &[], "STUB"))
}
