//! The walk of `jvp`: a graph's ops, each beside what it does to tangents.
//!
//! Lives here: the walk, and regions that compute tangents, too. Must not live here: rules of ops
//! ([`crate::transform::rules`]).

use choral_ir::graph::Node;
use choral_ir::{BuildError, Builder, Graph, NodeKind, Value, interpret};

use super::smooth;
use crate::transform::dual::{Dual, tangent_of, values};
use crate::transform::rewrite;
use crate::transform::rules;

/// The graph's outputs and their tangents, its ops added to the graph being built.
pub(crate) fn outputs(
    builder: &mut Builder,
    graph: &Graph,
    inputs: &[Dual],
) -> Result<Vec<Dual>, BuildError> {
    let (name, location) = builder.description();
    let smooth = smooth::maxima(graph);
    let outputs = interpret(graph, inputs.iter().copied(), |id, node, operands| {
        step(builder, node, &operands, smooth.contains(&id))
    })?;
    builder.describe(name, location);
    Ok(outputs)
}

/// The results of one node, which may be a smooth maximum; what depends on no tangent is copied.
fn step(
    builder: &mut Builder,
    node: &Node,
    operands: &[Dual],
    is_smooth: bool,
) -> Result<Vec<Dual>, BuildError> {
    builder.describe(Some(node.name.clone()), node.location.clone());
    match &node.kind {
        NodeKind::Op(op) if operands.iter().any(|dual| dual.tangent.is_some()) => {
            let results = match is_smooth {
                true => rules::elementwise::jvp_in_logaddexp(builder, operands)?,
                false => rules::jvp(builder, op, operands)?,
            };
            for dual in &results {
                if let Some(tangent) =
                    dual.tangent.filter(|&tangent| is_own(builder, node, tangent, operands))
                {
                    builder.rename(tangent, format!("{}.tangent", node.name));
                }
            }
            Ok(results)
        }
        NodeKind::Input | NodeKind::Constant(_) | NodeKind::Op(_) => {
            Ok(builder.copy(node, &values(operands))?.into_iter().map(Dual::constant).collect())
        }
    }
}

/// Whether a tangent was made for this node alone: by a node of its name and of one result.
fn is_own(builder: &Builder, node: &Node, tangent: Value, operands: &[Dual]) -> bool {
    let made_by = builder.graph().node(tangent.node());
    made_by.name == node.name
        && made_by.types.len() == 1
        && !operands.iter().any(|dual| dual.value == tangent || dual.tangent == Some(tangent))
}

/// A region that takes its inputs, then a tangent for each input that `inputs` says has one, and returns
/// its outputs, then a tangent for each that `outputs` names, zeros where it has none.
///
/// `outputs` must name every output that has a tangent ([`has_tangents`]).
pub(crate) fn region(graph: &Graph, inputs: &[bool], outputs: &[bool]) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let duals = dual_inputs(&mut builder, graph, inputs);
    let results = self::outputs(&mut builder, graph, &duals)?;
    let mut returned = values(&results);
    for (&dual, _) in results.iter().zip(outputs).filter(|(_, named)| **named) {
        returned.push(tangent_of(&mut builder, dual));
    }
    rewrite::common_subexpressions(&rewrite::dead_code(&builder.finish(&returned))?)
}

/// Which outputs of a region have tangents, where `inputs` says which of its inputs do.
pub(crate) fn has_tangents(graph: &Graph, inputs: &[bool]) -> Result<Vec<bool>, BuildError> {
    let mut builder = Builder::new(graph.name());
    let duals = dual_inputs(&mut builder, graph, inputs);
    let results = outputs(&mut builder, graph, &duals)?;
    Ok(results.iter().map(|dual| dual.tangent.is_some()).collect())
}

/// The graph's inputs, then tangents of those that `has_tangent` names, in the graph being built.
pub(super) fn dual_inputs(builder: &mut Builder, graph: &Graph, has_tangent: &[bool]) -> Vec<Dual> {
    let mut duals: Vec<Dual> = rewrite::copy_inputs(builder, graph).into_iter().map(Dual::constant).collect();
    for (dual, _) in duals.iter_mut().zip(has_tangent).filter(|(_, has_tangent)| **has_tangent) {
        let name = builder.graph().node(dual.value.node()).name.clone();
        let ty = builder.graph().ty(dual.value).clone();
        dual.tangent = Some(builder.input(format!("{name}.tangent"), ty));
    }
    duals
}
