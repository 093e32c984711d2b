//! Whether the comments in a text are right: where members change places, every value that is commented with
//! their axis changes along the dimension that the comment says, and every other value stays as it is. Set
//! aside is what is made of members put together with another dimension, and of the members' numbers.

use std::collections::{HashMap, HashSet};

use choral::ir::axes::Axes;
use choral::ir::graph::Node;
use choral::ir::op::ShapeOp;
use choral::ir::{BuildError, Builder, NamedAxis, NodeKind, Op, Value, interpret_all, with_storage};
use choral::{Device, Graph, Tensor};

use crate::choices::Choices;
use crate::compare::equal;
use crate::subject::{Subject, run};

/// Checks the comments of a graph, and those inside of its branches and loops. Each of these runs by itself,
/// on inputs that have their members where the comments say.
pub(crate) fn are_right(
    subject: &Subject,
    graph: &Graph,
    axes: &Axes<'_>,
    choices: &mut Choices,
) -> Result<(), String> {
    let inputs: Vec<Vec<NamedAxis>> = graph.inputs().iter().map(|port| axes.of(port.value)).collect();
    let mut names: Vec<&str> = inputs.iter().flatten().map(|axis| &*axis.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let alone = || graph.clone().with_axes(inputs.clone(), Vec::new());
        moves_with_members(subject, graph, axes, name, choices)
            .map_err(|error| format!("{}{error}", subject.shown(&alone())))?;
    }
    for (id, node) in graph.nodes() {
        let NodeKind::Op(op) = &node.kind else { continue };
        for (region, axes) in op.regions().into_iter().zip(axes.within(id)) {
            are_right(subject, region, &axes, choices)?;
        }
    }
    Ok(())
}

fn moves_with_members(
    subject: &Subject,
    graph: &Graph,
    axes: &Axes<'_>,
    name: &str,
    choices: &mut Choices,
) -> Result<(), String> {
    let dim = |value: Value| axes.of(value).into_iter().find(|axis| &*axis.name == name).map(|axis| axis.dim);
    let ports = graph.inputs().iter().map(|port| port.value);
    let members = ports.clone().find_map(|value| Some(graph.ty(value).shape[dim(value)?]));
    let order = choices.permutation(members.unwrap_or_default());
    let moved = |value: Value, tensor: &Tensor| match dim(value) {
        Some(dim) => reordered(tensor, dim, &order),
        None => tensor.clone(),
    };
    let all = every_value(graph).map_err(|error| error.to_string())?;
    let inputs = subject.inputs(graph);
    let moved_inputs: Vec<Tensor> = ports.zip(&inputs).map(|(value, input)| moved(value, input)).collect();
    let before = by_value(graph, run(&all, Device::Reference, &inputs)?);
    let after = by_value(graph, run(&all, Device::Reference, &moved_inputs)?);
    let mut set_aside = HashSet::new();
    for (id, node) in graph.nodes() {
        let operands = graph.operands(id);
        let results: Vec<Value> = (0..node.types.len()).map(|result| id.result(result)).collect();
        let dims: Vec<Option<usize>> = operands.iter().map(|&value| dim(value)).collect();
        let is_aside = operands.iter().any(|value| set_aside.contains(value))
            || is_regrouped(node, &dims, dim(id.result(0)))
            || reads_numbers(node, &dims, operands.iter().map(|value| &before[value]), &order);
        if is_aside {
            set_aside.extend(results);
            continue;
        }
        for value in results {
            equal(&after[&value], &moved(value, &before[&value])).map_err(|error| {
                format!("%{} does not move with the members, now in the order {order:?}:\n{error}", node.name)
            })?;
        }
    }
    Ok(())
}

/// Whether a reshape puts the members together with another dimension, so that no comment can place them.
fn is_regrouped(node: &Node, operands: &[Option<usize>], result: Option<usize>) -> bool {
    matches!(node.kind, NodeKind::Op(Op::Shape(ShapeOp::Reshape(_))))
        && operands[0].is_some()
        && result.is_none()
}

/// Whether an op meets the numbers of the members: what differs from place to place, whoever stands there. So it
/// is where one member stands in for others: the one with the least number.
fn reads_numbers<'t>(
    node: &Node,
    operands: &[Option<usize>],
    tensors: impl Iterator<Item = &'t Tensor>,
    order: &[usize],
) -> bool {
    let is_elementwise = matches!(node.kind, NodeKind::Op(Op::Elementwise(_)));
    let Some(dim) = operands.iter().flatten().next().filter(|_| is_elementwise) else { return false };
    let moves =
        |tensor: &Tensor| tensor.shape().len() > *dim && !tensor.bit_eq(&reordered(tensor, *dim, order));
    operands.iter().zip(tensors).any(|(own, tensor)| own.is_none() && moves(tensor))
}

/// The graph that returns every value of a graph.
fn every_value(graph: &Graph) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let inputs: Vec<Value> =
        graph.inputs().iter().map(|port| builder.input("input", graph.ty(port.value).clone())).collect();
    let copies = interpret_all(graph, inputs, |_, node, operands| builder.copy(node, &operands))?;
    let outputs: Vec<Value> = values(graph).map(|value| copies.get(value)).collect();
    Ok(builder.finish(&outputs))
}

fn by_value(graph: &Graph, outputs: Vec<Tensor>) -> HashMap<Value, Tensor> {
    values(graph).zip(outputs).collect()
}

fn values(graph: &Graph) -> impl Iterator<Item = Value> {
    graph.nodes().flat_map(|(id, node)| (0..node.types.len()).map(move |result| id.result(result)))
}

/// The tensor with the slices along a dimension in this order.
fn reordered(tensor: &Tensor, dim: usize, order: &[usize]) -> Tensor {
    let shape = tensor.shape().to_vec();
    let inner: usize = shape[dim + 1..].iter().product();
    with_storage!(tensor.storage(), values => Tensor::from_fn(shape, |at| {
        let place = at / inner % order.len();
        values[at + order[place] * inner - place * inner]
    }))
}
