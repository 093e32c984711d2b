//! Bodies of loops cut in two: what stays in the loop, and what goes before it.
//!
//! Lives here: which values depend on what, which of them are worth moving, and graphs between values of a
//! graph. Must not live here: loops themselves ([`super::tables`]).
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use choral_ir::graph::Node;
use choral_ir::op::{ControlOp, ShapeOp};
use choral_ir::{BuildError, Builder, Graph, NodeId, NodeKind, Op, Value, interpret_all};

use crate::transform::rewrite::{dead_code, input_like};

/// Whether a loop's body returns the carried value of this number unchanged.
pub(super) fn handed_on(body: &Graph, at: usize) -> bool {
    body.outputs().get(at).is_some_and(|output| output.value == body.inputs()[at].value)
}

/// The inputs of a graph, as values.
pub(super) fn inputs(graph: &Graph) -> Vec<Value> {
    graph.inputs().iter().map(|port| port.value).collect()
}

/// The outputs of a graph, as values.
pub(super) fn outputs(graph: &Graph) -> Vec<Value> {
    graph.outputs().iter().map(|port| port.value).collect()
}

/// What a graph does between some of its values: a graph that takes those in `inputs`, in this order, and
/// returns those in `outputs`.
///
/// # Errors
/// If an output needs an input of the graph that is not among `inputs`.
pub(super) fn between(graph: &Graph, inputs: &[Value], outputs: &[Value]) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let given: Vec<Value> = inputs.iter().map(|&value| input_like(&mut builder, graph, value)).collect();
    let find = |value: Value| inputs.iter().position(|&other| other == value).map(|at| given[at]);
    let own = graph.inputs().iter().map(|port| find(port.value));
    let values = interpret_all(graph, own, |id, node, operands| {
        // What lacks an operand stands for nothing, and so does every reader of it.
        let operands: Option<Vec<Value>> = operands.into_iter().collect();
        let copies = match operands {
            Some(operands) => builder.copy(node, &operands)?.into_iter().map(Some).collect(),
            None => vec![None; node.types.len()],
        };
        let given_or = |(at, copy): (usize, Option<Value>)| find(id.result(at)).or(copy);
        Ok::<_, BuildError>(copies.into_iter().enumerate().map(given_or).collect())
    })?;
    let there = |&value: &Value| {
        values.get(value).ok_or_else(|| BuildError::inconsistency("between", "a value was left out"))
    };
    let outputs: Vec<Value> = outputs.iter().map(there).collect::<Result<_, _>>()?;
    dead_code(&builder.finish(&outputs))
}

/// Which nodes of a graph these values are made by, or depend on.
pub(super) fn needed(graph: &Graph, values: &[Value]) -> Vec<bool> {
    let mut needed = vec![false; graph.len()];
    values.iter().for_each(|value| needed[value.node().index()] = true);
    for (id, _) in graph.nodes().rev() {
        if needed[id.index()] {
            graph.operands(id).iter().for_each(|operand| needed[operand.node().index()] = true);
        }
    }
    needed
}

/// For each node, what `join` makes of what its operands have; `of_input` says what inputs have.
pub(super) fn flow<T: Copy>(
    graph: &Graph,
    of_input: impl Fn(usize) -> T,
    mut join: impl FnMut(&Node, &[T]) -> T,
) -> Vec<T> {
    let mut made: Vec<Option<T>> = vec![None; graph.len()];
    for (at, port) in graph.inputs().iter().enumerate() {
        made[port.value.node().index()] = Some(of_input(at));
    }
    for (id, node) in graph.nodes() {
        if made[id.index()].is_none() {
            let operands: Vec<T> =
                graph.operands(id).iter().filter_map(|value| made[value.node().index()]).collect();
            made[id.index()] = Some(join(node, &operands));
        }
    }
    made.into_iter().flatten().collect()
}

/// Whether a node may run in another place, and as often as it takes: it ends, and it is none that a user
/// defines, or that other ops must not pass.
pub(super) fn may_move(node: &Node) -> bool {
    let all_may = |region: &Graph| region.nodes().all(|(_, node)| may_move(node));
    match &node.kind {
        NodeKind::Op(Op::Control(ControlOp::While(_) | ControlOp::OptimizationBarrier))
        | NodeKind::Op(Op::Collective(_) | Op::Custom(_)) => false,
        NodeKind::Op(op) => op.regions().into_iter().all(all_may),
        NodeKind::Input | NodeKind::Constant(_) => true,
    }
}

/// Whether a node makes its values of others: what only shows them in another way is better made where it is
/// read.
pub(super) fn is_work(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Input | NodeKind::Constant(_) => false,
        NodeKind::Op(Op::Shape(op)) => match op {
            ShapeOp::Pad(_) | ShapeOp::Concatenate(_) => true,
            ShapeOp::Iota(_)
            | ShapeOp::BitcastConvert(_)
            | ShapeOp::BroadcastInDim(_)
            | ShapeOp::Reshape(_)
            | ShapeOp::Transpose(_)
            | ShapeOp::Reverse(_)
            | ShapeOp::Slice(_) => false,
        },
        NodeKind::Op(
            Op::Elementwise(_)
            | Op::Dot(_)
            | Op::Convolution(_)
            | Op::Reduce(_)
            | Op::Window(_)
            | Op::Index(_)
            | Op::Sort(_)
            | Op::Linalg(_)
            | Op::Control(_)
            | Op::Random(_)
            | Op::Collective(_)
            | Op::Custom(_),
        ) => true,
    }
}

/// The values that nodes which go make for those that stay, or for the outputs; in order.
pub(super) fn frontier(graph: &Graph, goes: &[bool]) -> Vec<Value> {
    let stays = |id: &NodeId| !goes[id.index()];
    let read = graph.nodes().map(|(id, _)| id).filter(stays).flat_map(|id| graph.operands(id));
    let mut values: Vec<Value> =
        read.chain(outputs(graph)).filter(|value| goes[value.node().index()]).collect();
    values.sort_unstable();
    values.dedup();
    values
}
