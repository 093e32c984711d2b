//! Loops of a given number of rounds, along a dimension where there are slices.

use choral_ir::BuildError;
use choral_ir::op::Scan;

use super::{MemberDims, at_dim, is_mapped, lanes};
use crate::transform::dependence::{self, Sources};
use crate::transform::lane::{Lane, MappedBuilder};
use crate::transform::walk;

/// Members lie behind the dimension that is walked along, so that slices of shared inputs
/// stay shared; carried values have them first, and constants where they are.
pub(super) fn scan(cx: &mut MappedBuilder, op: &Scan, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let (in_dims, out_dims) = scanned_dims(cx, op, lanes);
    let body = walk::region(cx, &op.body, &in_dims, &out_dims)?.into();
    let mut operands = Vec::with_capacity(lanes.len());
    for (position, (&lane, dim)) in lanes.iter().zip(&in_dims).enumerate() {
        let behind = usize::from(position < op.inputs);
        operands.push(dim.map_or(Ok(lane.value()), |dim| cx.at(lane, dim + behind))?);
    }
    let results = cx.builder.push_all(Scan { body, ..op.clone() }, &operands)?;
    let behind = |(at, dim): (usize, &Option<usize>)| dim.map(|dim| dim + usize::from(at < op.outputs()));
    Ok(self::lanes(results, &out_dims.iter().enumerate().map(behind).collect::<Vec<_>>()))
}

/// Where the body of a scan has the members in its inputs and outputs.
pub(super) fn scanned_dims(cx: &MappedBuilder, op: &Scan, lanes: &[Lane]) -> (MemberDims, MemberDims) {
    let mapped = is_mapped(lanes);
    let differ = |sources: &[Sources]| sources.iter().map(|sources| sources.is_mapped(&mapped)).collect();
    let sources = dependence::of_scan(op, &cx.axis, lanes.len());
    let (carried, results): (Vec<bool>, Vec<bool>) = (differ(&sources.carried), differ(&sources.results));
    let slices = at_dim(&mapped[..op.inputs], op.dimension);
    let constants = lanes[op.inputs + op.carried..].iter().map(|lane| lane.dim()).collect();
    let in_dims = [slices, at_dim(&carried, 0), constants].concat();
    let out_dims = [at_dim(&results[..op.outputs()], op.dimension), at_dim(&carried, 0)].concat();
    (in_dims, out_dims)
}
