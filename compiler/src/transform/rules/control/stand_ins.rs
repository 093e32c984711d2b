//! Stand-ins: whose operands members use to run code that they do not take.

use choral_ir::op::{Binary, ControlOp, Iota};
use choral_ir::{BuildError, DType, Graph, NodeKind, Op, Value};

use crate::transform::between::{any_in, exchanges};
use crate::transform::lane::Lane::Mapped;
use crate::transform::lane::{Lane, MappedBuilder};
use crate::transform::views;

/// Whether members outside the mask run the code as a member inside it. They do not where members
/// exchange values, along any axis, because each must give its own there: then its loops must end
/// for all of them.
pub(super) fn needs_stand_ins(code: &Graph) -> bool {
    holds_a_loop(code) && !any_in(code, &exchanges)
}

/// Whether a run might not end, or might fail: there is a loop, or a user-defined op made of code, whose
/// batching rule may loop.
fn holds_a_loop(graph: &Graph) -> bool {
    graph.nodes().any(|(_, node)| match &node.kind {
        NodeKind::Op(Op::Control(ControlOp::While(_))) => true,
        NodeKind::Op(Op::Custom(op)) => match op.op().body() {
            Some(body) if op.op().made_of().is_some() => holds_a_loop(body),
            Some(_) | None => true,
        },
        NodeKind::Op(op) => op.regions().into_iter().any(holds_a_loop),
        NodeKind::Input | NodeKind::Constant(_) => false,
    })
}

/// The operands, each member outside `mask` with those of the first member in it.
pub(super) fn stand_ins(
    cx: &mut MappedBuilder,
    mask: Value,
    operands: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    if cx.size == 0 {
        return Ok(operands.to_vec());
    }
    let own = cx.push(Iota { shape: vec![cx.size], dtype: DType::I32, dimension: 0 }, &[])?;
    let last = cx.builder.full((cx.size - 1) as f64, DType::I32, []);
    let lasts = cx.builder.full((cx.size - 1) as f64, DType::I32, [cx.size]);
    let candidates = cx.builder.select(mask, own, lasts)?;
    let first = cx.builder.reduce(candidates, last, vec![0], Binary::Minimum)?;
    let firsts = views::stretch(&mut cx.builder, first, &[cx.size], &[])?;
    let source = cx.builder.select(mask, own, firsts)?;
    let source = cx.builder.reshape(source, [cx.size, 1])?;
    operands.iter().map(|&lane| taken(cx, lane, source)).collect()
}

/// The operand with each member's slice taken from the member that `source` names.
fn taken(cx: &mut MappedBuilder, lane: Lane, source: Value) -> Result<Lane, BuildError> {
    let Mapped(..) = lane else { return Ok(lane) };
    let value = cx.at_front(lane)?;
    Ok(Mapped(cx.slices_of(value, source)?, 0))
}
