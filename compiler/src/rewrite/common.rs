//! Common subexpressions: what gives the same values is computed once.

use std::collections::HashMap;

use choral_ir::graph::Node;
use choral_ir::{BuildError, Builder, Graph, NodeKind, Value};

use super::{axes, copy_inputs};

/// The graph with ops and constants that give the same values made one; the first keeps its name.
///
/// # Errors
/// Never for a verified graph.
pub fn common_subexpressions(graph: &Graph) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let inputs = copy_inputs(&mut builder, graph);
    let mut copies: HashMap<Value, Value> =
        graph.inputs().iter().map(|port| port.value).zip(inputs).collect();
    let mut known: HashMap<Vec<Value>, Vec<(&Node, Vec<Value>)>> = HashMap::new();
    for (id, node) in graph.nodes() {
        let operands: Vec<Value> = graph.operands(id).iter().map(|value| copies[value]).collect();
        let alike = known.entry(operands.clone()).or_default();
        let results = match alike.iter().find(|(other, _)| is_same(other, node)) {
            Some((_, results)) => results.clone(),
            None => {
                let results = builder.copy(node, &operands)?;
                alike.push((node, results.clone()));
                results
            }
        };
        copies.extend(results.into_iter().enumerate().map(|(at, copy)| (id.result(at), copy)));
    }
    let outputs: Vec<Value> = graph.outputs().iter().map(|port| copies[&port.value]).collect();
    Ok(builder.finish(&outputs).with_axes(axes(graph.inputs()), axes(graph.outputs())))
}

/// Whether two nodes with the same operands give the same values. Large constants are not compared.
fn is_same(node: &Node, other: &Node) -> bool {
    match (&node.kind, &other.kind) {
        (NodeKind::Op(op), NodeKind::Op(other)) => op == other,
        (NodeKind::Constant(tensor), NodeKind::Constant(twin)) => {
            node.types == other.types && tensor.shape().is_empty() && tensor.bit_eq(twin)
        }
        (NodeKind::Input | NodeKind::Op(_) | NodeKind::Constant(_), _) => false,
    }
}
