//! Clean-up of graphs, and the copying that passes are built from.
//!
//! A pass reads one graph and builds another; nothing is changed in place.

mod common;

use std::collections::HashMap;

use choral_ir::graph::{Node, Port};
use choral_ir::{BuildError, Builder, Graph, NamedAxis, NodeId, NodeKind, Value};

pub use common::common_subexpressions;

/// The graph without ops and constants that no output depends on; inputs stay.
///
/// # Errors
/// Never for a verified graph.
pub fn dead_code(graph: &Graph) -> Result<Graph, BuildError> {
    let live = live_nodes(graph);
    let mut builder = Builder::new(graph.name());
    let inputs = copy_inputs(&mut builder, graph);
    let outputs = copy(&mut builder, graph, &inputs, |id| live[id.index()])?;
    Ok(builder.finish(&outputs).with_axes(axes(graph.inputs()), axes(graph.outputs())))
}

/// Puts `graph` into `builder`, reading `inputs`, and returns its outputs there.
///
/// # Errors
/// If the inputs do not have the graph's input types.
pub fn inline(builder: &mut Builder, graph: &Graph, inputs: &[Value]) -> Result<Vec<Value>, BuildError> {
    copy(builder, graph, inputs, |_| true)
}

/// The named axes of each port.
pub(crate) fn axes(ports: &[Port]) -> Vec<Vec<NamedAxis>> {
    ports.iter().map(|port| port.axes.clone()).collect()
}

fn copy_inputs(builder: &mut Builder, graph: &Graph) -> Vec<Value> {
    let copy_input = |port: &Port| {
        let node = graph.node(port.value.node());
        builder.describe(None, node.location.clone());
        builder.input(node.name.clone(), node.types[0].clone())
    };
    graph.inputs().iter().map(copy_input).collect()
}

fn live_nodes(graph: &Graph) -> Vec<bool> {
    let mut live = vec![false; graph.len()];
    for port in graph.outputs() {
        live[port.value.node().index()] = true;
    }
    for (id, _) in graph.nodes().rev() {
        if live[id.index()] {
            graph.operands(id).iter().for_each(|operand| live[operand.node().index()] = true);
        }
    }
    live
}

fn copy(
    builder: &mut Builder,
    graph: &Graph,
    inputs: &[Value],
    keep: impl Fn(NodeId) -> bool,
) -> Result<Vec<Value>, BuildError> {
    let mut copies: HashMap<Value, Value> =
        graph.inputs().iter().map(|port| port.value).zip(inputs.iter().copied()).collect();
    for (id, node) in graph.nodes().filter(|(id, _)| keep(*id)) {
        let operands: Vec<Value> = graph.operands(id).iter().map(|value| copies[value]).collect();
        let results = copy_node(builder, node, &operands)?;
        copies.extend(results.into_iter().enumerate().map(|(at, copied)| (id.result(at), copied)));
    }
    Ok(graph.outputs().iter().map(|port| copies[&port.value]).collect())
}

/// The node's results in the new graph; an input has its copy already.
fn copy_node(builder: &mut Builder, node: &Node, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
    builder.describe(Some(node.name.clone()), node.location.clone());
    match &node.kind {
        NodeKind::Input => Ok(Vec::new()),
        NodeKind::Constant(tensor) => Ok(vec![builder.literal(tensor.clone(), node.types[0].clone())]),
        NodeKind::Op(op) => builder.push_all(op.clone(), operands),
    }
}
