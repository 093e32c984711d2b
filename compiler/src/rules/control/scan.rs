//! Loops along a dimension.

use std::sync::Arc;

use choral_ir::BuildError;
use choral_ir::op::Scan;

use super::{MemberDims, at_dim, either, lanes};
use crate::rules::{Batch, Lane, Lanes};
use crate::walk;

/// Members lie behind the dimension that is walked along, so that slices of inputs that all share
/// stay shared; carried values have them first.
pub(super) fn scan(cx: &mut Batch, op: &Scan, lanes: &[Lane]) -> Lanes {
    let Scan { dimension, is_reverse, inputs, body } = op;
    let outputs = body.outputs().len() - (lanes.len() - inputs);
    let (in_dims, out_dims) = scanned_dims(cx, op, lanes)?;
    let body = Arc::new(walk::region(cx, body, &in_dims, &out_dims)?);
    let mut operands = Vec::with_capacity(lanes.len());
    for (position, (&lane, dim)) in lanes.iter().zip(&in_dims).enumerate() {
        let behind = usize::from(position < *inputs);
        operands.push(dim.map_or(Ok(lane.value()), |dim| cx.at(lane, dim + behind))?);
    }
    let op = Scan { dimension: *dimension, is_reverse: *is_reverse, inputs: *inputs, body };
    let results = cx.builder.push_all(op, &operands)?;
    let behind = |(at, dim): (usize, &Option<usize>)| dim.map(|dim| dim + usize::from(at < outputs));
    Ok(self::lanes(results, &out_dims.iter().enumerate().map(behind).collect::<Vec<_>>()))
}

/// Where the body of a scan has the members in its inputs and outputs, once nothing changes any more.
pub(super) fn scanned_dims(
    cx: &Batch,
    Scan { dimension, is_reverse: _, inputs, body }: &Scan,
    lanes: &[Lane],
) -> Result<(MemberDims, MemberDims), BuildError> {
    let (taken, carried) = lanes.split_at(*inputs);
    let outputs = body.outputs().len() - carried.len();
    let taken_dims: Vec<Option<usize>> = taken.iter().map(|lane| lane.dim().map(|_| *dimension)).collect();
    let mut mapped: Vec<bool> = carried.iter().map(|lane| lane.dim().is_some()).collect();
    loop {
        let in_dims = [taken_dims.clone(), at_dim(&mapped, 0)].concat();
        let out_mapped = walk::mapped_outputs(cx, body, &in_dims)?;
        let next = either(&mapped, &out_mapped[outputs..]);
        if next == mapped {
            let out_dims = [at_dim(&out_mapped[..outputs], *dimension), at_dim(&mapped, 0)].concat();
            return Ok((in_dims, out_dims));
        }
        mapped = next;
    }
}
