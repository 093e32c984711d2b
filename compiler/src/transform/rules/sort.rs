//! Batching ops that order elements: along any dimension but the members'. Derivatives stand in `sort/derivative.rs`.

mod derivative;

pub(crate) use derivative::{jvp, transpose};

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
