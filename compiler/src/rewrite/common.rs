//! Common subexpressions: what gives the same values is computed once.

use std::collections::HashMap;

use choral_ir::graph::Node;
use choral_ir::{BuildError, Graph, NodeKind, Value};

use super::rebuilt;

/// The graph with ops and constants that give the same values made one; the first keeps its name.
///
/// # Errors
/// Never for a verified graph.
pub fn common_subexpressions(graph: &Graph) -> Result<Graph, BuildError> {
    let mut known: HashMap<Vec<Value>, Vec<(&Node, Vec<Value>)>> = HashMap::new();
    rebuilt(graph, |builder, id, operands| {
        let node = graph.node(id);
        let alike = known.entry(operands.to_vec()).or_default();
        if let Some((_, results)) = alike.iter().find(|(other, _)| is_same(other, node)) {
            return Ok(results.clone());
        }
        let results = builder.copy(node, operands)?;
        alike.push((node, results.clone()));
        Ok(results)
    })
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
