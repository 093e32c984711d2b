//! The number of each member along the mapped axis, as an operand of the ops whose regions ask for it.
//!
//! Inside a region it is unknown: the members may be a chunk of all, and a member that does not take
//! a branch or a loop runs it as a stand-in, with another member's number. So it is computed
//! outside, before the walk, and passed in: branches and scans take it, a `while` carries it.

use std::borrow::Cow;
use std::sync::Arc;

use choral_ir::graph::Node;
use choral_ir::op::{AxisIndex, CollectiveOp, ControlOp, MemberKey, Randomness, While};
use choral_ir::{BuildError, Builder, Graph, NodeKind, Op, TensorType, Value, interpret};

use crate::transform::between::any_collective;
use crate::transform::rewrite::{axes, copy_inputs};
use crate::transform::views;

/// The graph with no region left that asks for the number along `axis`.
pub(crate) fn out_of_regions<'a>(graph: &'a Graph, axis: &Arc<str>) -> Result<Cow<'a, Graph>, BuildError> {
    if !graph.nodes().any(|(_, node)| region_asks(node, axis)) {
        return Ok(Cow::Borrowed(graph));
    }
    let mut builder = Builder::new(graph.name());
    let inputs = copy_inputs(&mut builder, graph);
    builder.describe(Some("number".to_owned()), None);
    let number = builder.push(AxisIndex { axis: Arc::clone(axis) }, &[])?;
    let outputs = answered(&mut builder, graph, &inputs, axis, number)?;
    Ok(Cow::Owned(builder.finish(&outputs).with_axes(axes(graph.inputs()), axes(graph.outputs()))))
}

/// Whether a node of the graph, or one in its regions, asks for the number along the axis.
pub(crate) fn is_asked_in(graph: &Graph, axis: &Arc<str>) -> bool {
    graph.nodes().any(|(_, node)| is_asked_by(node, axis))
}

/// Whether a node, or one in its regions, asks for the number along the axis.
pub(crate) fn is_asked_by(node: &Node, axis: &Arc<str>) -> bool {
    matches!(&node.kind, NodeKind::Op(op) if any_collective(op, &|op| asks(op, axis)))
}

fn asks(op: &CollectiveOp, axis: &Arc<str>) -> bool {
    match op {
        CollectiveOp::AxisIndex(op) => op.axis == *axis,
        CollectiveOp::MemberKey(MemberKey { axis: along, level, randomness }) => {
            along == axis && *level == 0 && *randomness == Randomness::Different
        }
        CollectiveOp::AllReduce(_)
        | CollectiveOp::AllGather(_)
        | CollectiveOp::Permute(_)
        | CollectiveOp::AllToAll(_) => false,
    }
}

/// Whether the node is a branch or a loop with a region that asks.
fn region_asks(node: &Node, axis: &Arc<str>) -> bool {
    matches!(node.kind, NodeKind::Op(Op::Control(_))) && is_asked_by(node, axis)
}

/// The graph's outputs, its ops added to the graph being built; `number` gives the member number.
fn answered(
    builder: &mut Builder,
    graph: &Graph,
    inputs: &[Value],
    axis: &Arc<str>,
    number: Value,
) -> Result<Vec<Value>, BuildError> {
    interpret(graph, inputs.iter().copied(), |_, node, operands| {
        builder.describe(Some(node.name.clone()), node.location.clone());
        match &node.kind {
            NodeKind::Op(Op::Collective(CollectiveOp::AxisIndex(op))) if op.axis == *axis => Ok(vec![number]),
            NodeKind::Op(Op::Collective(op)) if asks(op, axis) => {
                builder.push_all(Op::Collective(op.clone()), &[operands[0], number])
            }
            NodeKind::Op(Op::Control(op)) if region_asks(node, axis) => {
                let number = operand_of(builder, op, &operands, number)?;
                let op = handing_in(op, axis)?;
                let mut results = builder.push_all(op, &[operands, vec![number]].concat())?;
                results.truncate(node.types.len());
                Ok(results)
            }
            NodeKind::Input | NodeKind::Constant(_) | NodeKind::Op(_) => builder.copy(node, &operands),
        }
    })
}

/// The number as an operand of the op: `map` takes one for each element.
fn operand_of(
    builder: &mut Builder,
    op: &ControlOp,
    operands: &[Value],
    number: Value,
) -> Result<Value, BuildError> {
    match op {
        ControlOp::Map(_) => {
            let shape = builder.graph().ty(operands[0]).shape.clone();
            views::stretch(builder, number, &shape, &[])
        }
        ControlOp::If(_)
        | ControlOp::Case(_)
        | ControlOp::While(_)
        | ControlOp::Scan(_)
        | ControlOp::OptimizationBarrier => Ok(number),
    }
}

/// The op with the number as its last operand.
fn handing_in(op: &ControlOp, axis: &Arc<str>) -> Result<Op, BuildError> {
    let numbered = |region: &Graph| numbered(region, axis, false);
    let carrying = |region: &Graph| self::numbered(region, axis, true);
    match op {
        ControlOp::While(While { cond, body }) => {
            Ok(While { cond: numbered(cond)?.into(), body: carrying(body)?.into() }.into())
        }
        ControlOp::If(_)
        | ControlOp::Case(_)
        | ControlOp::Scan(_)
        | ControlOp::Map(_)
        | ControlOp::OptimizationBarrier => Op::Control(op.clone()).map_regions(numbered),
    }
}

/// The region with the number as its last input, and as its last output where it is carried.
fn numbered(region: &Graph, axis: &Arc<str>, is_carried: bool) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(region.name());
    let inputs = copy_inputs(&mut builder, region);
    let number = builder.input("number", TensorType::scalar(choral_ir::DType::I32));
    let mut outputs = answered(&mut builder, region, &inputs, axis, number)?;
    outputs.extend(is_carried.then_some(number));
    Ok(builder.finish(&outputs))
}
