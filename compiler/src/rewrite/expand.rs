//! Ops of users' own that are known by a body, written out.

use std::collections::HashMap;

use choral_ir::graph::Node;
use choral_ir::{BuildError, Builder, Graph, NodeKind, Op, Value};

use super::{axes, copy_inputs};

/// The graph with every op that has a body replaced by it.
///
/// # Errors
/// Never for a verified graph.
pub fn expand(graph: &Graph) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let inputs = copy_inputs(&mut builder, graph);
    let mut values: HashMap<Value, Value> =
        graph.inputs().iter().map(|port| port.value).zip(inputs).collect();
    for (id, node) in graph.nodes() {
        let operands: Vec<Value> = graph.operands(id).iter().map(|value| values[value]).collect();
        builder.describe(Some(node.name.clone()), node.location.clone());
        let results = match &node.kind {
            NodeKind::Op(Op::Custom(op)) => match op.op().body() {
                Some(body) => builder.inline(&expand(body)?, &operands)?,
                None => builder.push_all(op.clone(), &operands)?,
            },
            NodeKind::Op(op) => builder.push_all(op.map_regions(expand)?, &operands)?,
            NodeKind::Input | NodeKind::Constant(_) => builder.copy(node, &operands)?,
        };
        values.extend(results.into_iter().enumerate().map(|(at, value)| (id.result(at), value)));
    }
    let outputs: Vec<Value> = graph.outputs().iter().map(|port| values[&port.value]).collect();
    Ok(builder.finish(&outputs).with_axes(axes(graph.inputs()), axes(graph.outputs())))
}

/// The graph with every op that has a body written out, once nothing maps it any more.
///
/// # Errors
/// As [`expand`].
pub(crate) fn written_out(graph: Graph) -> Result<Graph, BuildError> {
    if graph.nodes().any(|(_, node)| has_body(node)) { expand(&graph) } else { Ok(graph) }
}

fn has_body(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Op(Op::Custom(op)) => op.op().body().is_some(),
        NodeKind::Op(op) => {
            op.regions().into_iter().any(|region| region.nodes().any(|(_, node)| has_body(node)))
        }
        NodeKind::Input | NodeKind::Constant(_) => false,
    }
}
