//! User-defined ops that have a body: replaced by it.

use std::borrow::Cow;

use choral_ir::graph::Node;
use choral_ir::{BuildError, Graph, NodeKind, Op};

use super::rebuilt;

/// The graph with every op that has a body replaced by it.
///
/// # Errors
/// Never for a verified graph.
pub fn expand(graph: &Graph) -> Result<Graph, BuildError> {
    Ok(expand_where(graph, &|_| true)?.into_owned())
}

/// The graph with every op that has a body written out, once nothing maps it any more.
///
/// # Errors
/// As [`expand`].
pub(crate) fn written_out(graph: Graph) -> Result<Graph, BuildError> {
    Ok(match expand_where(&graph, &|_| true)? {
        Cow::Owned(expanded) => expanded,
        Cow::Borrowed(_) => graph,
    })
}

/// The graph with every op replaced by its body that has one for which `holds` holds.
///
/// # Errors
/// As [`expand`].
pub(crate) fn expand_where<'a>(
    graph: &'a Graph,
    holds: &dyn Fn(&Graph) -> bool,
) -> Result<Cow<'a, Graph>, BuildError> {
    if !graph.nodes().any(|(_, node)| has_body(node, holds)) {
        return Ok(Cow::Borrowed(graph));
    }
    let expanded = |graph: &Graph| Ok(expand_where(graph, holds)?.into_owned());
    let graph = rebuilt(graph, |builder, id, operands| match &graph.node(id).kind {
        NodeKind::Op(Op::Custom(op)) => match op.op().body().filter(|body| holds(body)) {
            Some(body) => builder.inline(&expanded(body)?, operands),
            None => builder.push_all(op.clone(), operands),
        },
        NodeKind::Op(op) => builder.push_all(op.map_regions(expanded)?, operands),
        NodeKind::Input | NodeKind::Constant(_) => builder.copy(graph.node(id), operands),
    })?;
    Ok(Cow::Owned(graph))
}

fn has_body(node: &Node, holds: &dyn Fn(&Graph) -> bool) -> bool {
    let has_body = |(_, node): (_, &Node)| has_body(node, holds);
    match &node.kind {
        NodeKind::Op(Op::Custom(op)) => op.op().body().is_some_and(holds),
        NodeKind::Op(op) => op.regions().into_iter().any(|region| region.nodes().any(has_body)),
        NodeKind::Input | NodeKind::Constant(_) => false,
    }
}
