//! The walk of transposition: a graph that is linear in some of its inputs, from its outputs back to these.
//!
//! What depends on known values alone is computed on the way out; on the way back each linear op turns
//! cotangents of its results into cotangents of its operands, which are added where a value is used more
//! than once. Must not live here: rules of ops ([`crate::transform::rules`]), and how a graph comes to have
//! ops that are linear or known as a whole (`split.rs`).

use choral_ir::graph::Port;
use choral_ir::op::Transposed;
use choral_ir::{BuildError, Builder, Graph, NodeId, NodeKind, Value, interpret};

use crate::transform::dual::{if_known, is_linear, sum, zeros};
use crate::transform::rewrite;
use crate::transform::rules;

/// Values, some of which are not there: cotangents of zeros, and outputs that are not known.
pub(super) type MaybeValues = Vec<Option<Value>>;

/// The cotangents of the graph's linear inputs, one for each input in order, its known ops and the
/// transposed ones added to the graph being built. `None` stands for zeros, and for a known input.
///
/// Every op that depends on a linear input must be linear in what it gets of them
/// ([`split`](super::split::split)).
pub(crate) fn cotangents(
    builder: &mut Builder,
    graph: &Graph,
    inputs: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    Ok(cotangents_and_known(builder, graph, inputs, cotangents)?.0)
}

/// As [`cotangents`], with the graph's outputs that are known.
pub(super) fn cotangents_and_known(
    builder: &mut Builder,
    graph: &Graph,
    inputs: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<(MaybeValues, MaybeValues), BuildError> {
    let description = builder.description();
    let (of_nodes, outputs) = operands_of(builder, graph, inputs)?;
    let mut found = Cotangents::of(graph);
    for (port, &cotangent) in graph.outputs().iter().zip(cotangents) {
        found.add(builder, port.value, cotangent)?;
    }
    for (id, node) in graph.nodes().rev() {
        let NodeKind::Op(op) = &node.kind else { continue };
        let operands = &of_nodes[id.index()];
        let results = found.of_node(id);
        if results.iter().all(Option::is_none) || !operands.iter().any(is_linear) {
            continue;
        }
        let name = format!("{}.cotangent", without_suffix(&node.name));
        builder.describe(Some(name), node.location.clone());
        let back = rules::transpose(builder, op, operands, &results)?;
        for ((operand, value), cotangent) in operands.iter().zip(graph.operands(id)).zip(back) {
            if is_linear(operand) {
                found.add(builder, value, cotangent)?;
            }
        }
    }
    builder.describe(description.0, description.1);
    let of_inputs = graph.inputs().iter().map(|port| found.of_node(port.value.node())[0]).collect();
    Ok((of_inputs, outputs))
}

/// What the ops of each node get: known values, computed on the way, and types of linear ones; and the outputs
/// that are known.
fn operands_of(
    builder: &mut Builder,
    graph: &Graph,
    inputs: &[Transposed],
) -> Result<(Vec<Vec<Transposed>>, MaybeValues), BuildError> {
    let mut of_nodes = vec![Vec::new(); graph.len()];
    let outputs = interpret(graph, inputs.iter().cloned(), |id, node, operands| {
        let known: Option<Vec<Value>> = operands.iter().map(if_known).collect();
        of_nodes[id.index()] = operands;
        Ok(match known {
            Some(values) => builder.copy(node, &values)?.into_iter().map(Transposed::Known).collect(),
            None => node.types.iter().cloned().map(Transposed::Linear).collect(),
        })
    })?;
    Ok((of_nodes, outputs.iter().map(if_known).collect()))
}

/// The cotangents found so far, of every value of a graph.
struct Cotangents {
    of_nodes: Vec<Vec<Option<Value>>>,
}

impl Cotangents {
    fn of(graph: &Graph) -> Cotangents {
        Cotangents { of_nodes: graph.nodes().map(|(_, node)| vec![None; node.types.len()]).collect() }
    }

    fn of_node(&self, id: NodeId) -> Vec<Option<Value>> {
        self.of_nodes[id.index()].clone()
    }

    fn add(&mut self, builder: &mut Builder, of: Value, cotangent: Option<Value>) -> Result<(), BuildError> {
        let total = &mut self.of_nodes[of.node().index()][of.result()];
        *total = sum(builder, *total, cotangent)?;
        Ok(())
    }
}

/// A region that is linear in the inputs that `linear` names, transposed: it takes the known inputs, then
/// a cotangent for each output that `given` names, and returns the cotangents of the inputs that `returned` names,
/// zeros where there is none.
///
/// `returned` must name every input that has a cotangent ([`has_cotangents`]).
pub(crate) fn region(
    graph: &Graph,
    linear: &[bool],
    given: &[bool],
    returned: &[bool],
) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let found = of_inputs(&mut builder, graph, linear, given)?;
    let mut outputs = Vec::new();
    for ((cotangent, ty), _) in
        found.into_iter().zip(graph.input_types()).zip(returned).filter(|(_, returned)| **returned)
    {
        outputs.push(cotangent.unwrap_or_else(|| zeros(&mut builder, &ty)));
    }
    rewrite::common_subexpressions(&rewrite::dead_code(&builder.finish(&outputs))?)
}

/// Which inputs of a region have cotangents, where it is linear in those that `linear` names, and `given` says
/// which of its outputs have cotangents.
pub(crate) fn has_cotangents(
    graph: &Graph,
    linear: &[bool],
    given: &[bool],
) -> Result<Vec<bool>, BuildError> {
    let found = of_inputs(&mut Builder::new(graph.name()), graph, linear, given)?;
    Ok(found.iter().map(Option::is_some).collect())
}

/// The cotangents of a region's inputs, in a graph of its known inputs and the cotangents of its outputs.
fn of_inputs(
    builder: &mut Builder,
    graph: &Graph,
    linear: &[bool],
    given: &[bool],
) -> Result<Vec<Option<Value>>, BuildError> {
    let operand = |(port, &linear): (&Port, &bool)| {
        let node = graph.node(port.value.node());
        let ty = graph.ty(port.value).clone();
        builder.describe(None, node.location.clone());
        if linear { Transposed::Linear(ty) } else { Transposed::Known(builder.input(node.name.clone(), ty)) }
    };
    let inputs: Vec<Transposed> = graph.inputs().iter().zip(linear).map(operand).collect();
    let cotangent = |(port, &given): (&Port, &bool)| {
        let name = format!("{}.cotangent", without_suffix(&graph.node(port.value.node()).name));
        given.then(|| builder.input(name, graph.ty(port.value).clone()))
    };
    let given: Vec<Option<Value>> = graph.outputs().iter().zip(given).map(cotangent).collect();
    cotangents(builder, graph, &inputs, &given)
}

/// The name of a value, without saying that it is a tangent.
fn without_suffix(name: &str) -> &str {
    name.strip_suffix(".tangent").unwrap_or(name)
}
