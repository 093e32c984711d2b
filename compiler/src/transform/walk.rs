//! The walk over a graph that `vmap` is: what depends on no mapped value is copied, and computed
//! once; the rest goes through the rule of its op's family.
//!
//! Lives here: the walk, and regions over all members. Must not live here: rules of ops
//! ([`crate::transform::rules`]), and what users say about dimensions ([`mod@crate::front::vmap`]).

use choral_ir::graph::Node;
use choral_ir::{BuildError, Builder, Graph, NodeKind, Value, interpret};

use crate::transform::between;
use crate::transform::lane::{Lane, MappedBuilder};
use crate::transform::rewrite;
use crate::transform::rules;

/// The graph's outputs, its ops added to the graph being built.
pub(crate) fn outputs(
    cx: &mut MappedBuilder,
    graph: &Graph,
    inputs: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (name, location) = cx.builder.description();
    let outputs = interpret(graph, inputs.iter().copied(), |_, node, operands| step(cx, node, &operands))?;
    cx.builder.describe(name, location);
    Ok(outputs)
}

/// The results of one node, its ops added to the graph being built.
pub(crate) fn step(cx: &mut MappedBuilder, node: &Node, operands: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    cx.builder.describe(Some(node.name.clone()), node.location.clone());
    match &node.kind {
        NodeKind::Op(op)
            if operands.iter().any(|lane| lane.dim().is_some()) || between::is_along(op, &cx.axis) =>
        {
            rules::batch(cx, op, operands)
        }
        NodeKind::Input | NodeKind::Constant(_) | NodeKind::Op(_) => {
            let values: Vec<Value> = operands.iter().map(|lane| lane.value()).collect();
            Ok(cx.builder.copy(node, &values)?.into_iter().map(Lane::Shared).collect())
        }
    }
}

/// A region over all members: inputs are mapped along `in_dims`, outputs along `out_dims`, which
/// must name every output that is mapped.
pub(crate) fn region(
    outer: &MappedBuilder,
    region: &Graph,
    in_dims: &[Option<usize>],
    out_dims: &[Option<usize>],
) -> Result<Graph, BuildError> {
    filled(outer.within(region.name()), region, in_dims, out_dims)
}

/// As [`region`], in a graph begun by the caller.
pub(crate) fn filled(
    mut cx: MappedBuilder,
    region: &Graph,
    in_dims: &[Option<usize>],
    out_dims: &[Option<usize>],
) -> Result<Graph, BuildError> {
    let inputs = inputs(&mut cx, region, in_dims);
    let lanes = outputs(&mut cx, region, &inputs)?;
    let mut values = Vec::with_capacity(lanes.len());
    for (lane, dim) in lanes.into_iter().zip(out_dims) {
        values.push(dim.map_or(Ok(lane.value()), |dim| cx.at(lane, dim))?);
    }
    finished(cx.builder, &values)
}

/// Which outputs of a graph differ between members, where `mapped` says which of its inputs do.
pub(crate) fn differ_between_members(
    graph: &Graph,
    members: usize,
    mapped: &[bool],
) -> Result<Vec<bool>, BuildError> {
    let mut cx = unnamed(graph, members);
    let inputs = inputs(&mut cx, graph, &first(mapped));
    Ok(outputs(&mut cx, graph, &inputs)?.iter().map(|lane| lane.dim().is_some()).collect())
}

/// A graph without collectives over all members, which come first in the inputs that are `mapped`, and in the outputs
/// that `results` names: at least all that differ between members.
pub(crate) fn over_members(
    graph: &Graph,
    members: usize,
    mapped: &[bool],
    results: &[bool],
) -> Result<Graph, BuildError> {
    filled(unnamed(graph, members), graph, &first(mapped), &first(results))
}

/// An empty graph for members along an axis that no collective can name.
fn unnamed(graph: &Graph, members: usize) -> MappedBuilder {
    MappedBuilder::new(graph.name(), members, "".into())
}

fn first(mapped: &[bool]) -> Vec<Option<usize>> {
    mapped.iter().map(|mapped| mapped.then_some(0)).collect()
}

/// The graph with these outputs, cleaned up.
pub(crate) fn finished(builder: Builder, outputs: &[Value]) -> Result<Graph, BuildError> {
    rewrite::common_subexpressions(&rewrite::dead_code(&builder.finish(outputs))?)
}

/// The graph's inputs, in the graph being built.
pub(crate) fn inputs(cx: &mut MappedBuilder, graph: &Graph, in_dims: &[Option<usize>]) -> Vec<Lane> {
    let input = |(port, &dim): (&choral_ir::graph::Port, &Option<usize>)| {
        let node = graph.node(port.value.node());
        let mut ty = node.types[0].clone();
        cx.builder.describe(None, node.location.clone());
        match dim {
            Some(at) => {
                ty.shape.insert(at, cx.size);
                Lane::Mapped(cx.builder.input(node.name.clone(), ty), at)
            }
            None => Lane::Shared(cx.builder.input(node.name.clone(), ty)),
        }
    };
    graph.inputs().iter().zip(in_dims).map(input).collect()
}
