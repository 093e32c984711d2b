//! User-defined ops that have a body: replaced by it.

use choral_ir::graph::Node;
use choral_ir::{BuildError, Graph, NodeKind, Op};

use super::rebuilt;

/// The graph with every op that has a body replaced by it.
///
/// # Errors
/// Never for a verified graph.
pub fn expand(graph: &Graph) -> Result<Graph, BuildError> {
    rebuilt(graph, |builder, id, operands| match &graph.node(id).kind {
        NodeKind::Op(Op::Custom(op)) => match op.op().body() {
            Some(body) => builder.inline(&expand(body)?, operands),
            None => builder.push_all(op.clone(), operands),
        },
        NodeKind::Op(op) => builder.push_all(op.map_regions(expand)?, operands),
        NodeKind::Input | NodeKind::Constant(_) => builder.copy(graph.node(id), operands),
    })
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
