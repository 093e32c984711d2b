//! Whether the comments in a text are right: where members change places, every value that is commented with
//! their axis changes along the dimension that the comment says, and every other value stays as it is.

use choral::ir::axes::Axes;
use choral::ir::{BuildError, Builder, NamedAxis, NodeKind, Value, interpret_all, with_storage};
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
    let (values, all) = every_value(graph).map_err(|error| error.to_string())?;
    let inputs = subject.inputs(graph);
    let moved_inputs: Vec<Tensor> = ports.zip(&inputs).map(|(value, input)| moved(value, input)).collect();
    let before = run(&all, Device::Reference, &inputs)?;
    let after = run(&all, Device::Reference, &moved_inputs)?;
    for ((value, before), after) in values.into_iter().zip(&before).zip(&after) {
        let name = &graph.node(value.node()).name;
        equal(after, &moved(value, before)).map_err(|error| {
            format!("%{name} does not move with the members, which are in the order {order:?}:\n{error}")
        })?;
    }
    Ok(())
}

/// What the ops of a graph make, and the graph that returns all of it.
fn every_value(graph: &Graph) -> Result<(Vec<Value>, Graph), BuildError> {
    let mut builder = Builder::new(graph.name());
    let inputs: Vec<Value> =
        graph.inputs().iter().map(|port| builder.input("input", graph.ty(port.value).clone())).collect();
    let copies = interpret_all(graph, inputs, |_, node, operands| builder.copy(node, &operands))?;
    let made = graph.nodes().filter(|(_, node)| matches!(node.kind, NodeKind::Op(_)));
    let values: Vec<Value> =
        made.flat_map(|(id, node)| (0..node.types.len()).map(move |result| id.result(result))).collect();
    let outputs: Vec<Value> = values.iter().map(|&value| copies.get(value)).collect();
    Ok((values, builder.finish(&outputs)))
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
