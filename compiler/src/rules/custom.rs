//! Batching ops of users' own: by the rule that they bring.

use choral_ir::op::Custom;

use super::Lane::{Mapped, Shared};
use super::{Batch, Lane, Lanes};

/// The op's own rule.
pub(crate) fn batch(cx: &mut Batch, op: &Custom, lanes: &[Lane]) -> Lanes {
    let operands: Vec<_> = lanes.iter().map(|lane| (lane.value(), lane.dim())).collect();
    let results = op.op().batch(&mut cx.builder, cx.size, &operands)?;
    let lane = |(value, dim): (_, Option<usize>)| dim.map_or(Shared(value), |dim| Mapped(value, dim));
    Ok(results.into_iter().map(lane).collect())
}
