//! Clean-up of graphs.
//!
//! A pass reads one graph and builds another; nothing is changed in place.

mod common;
mod counted;
mod expand;
mod optimise;
mod part;

use choral_ir::graph::Port;
use choral_ir::{BuildError, Builder, Graph, NamedAxis, NodeId, NodeKind, Value, interpret};

pub use common::common_subexpressions;
pub use counted::counted_loops;
pub use expand::expand;
pub(crate) use expand::{expand_where, written_out};
pub use optimise::{Evaluate, Rewrite, Rewrites, optimise};
pub(crate) use part::part;

/// The graph without ops and constants that no output depends on; inputs stay.
///
/// # Errors
/// Never for a verified graph.
pub fn dead_code(graph: &Graph) -> Result<Graph, BuildError> {
    let live = live_nodes(graph);
    let is_kept = |id: NodeId| live[id.index()] || matches!(graph.node(id).kind, NodeKind::Input);
    let outputs: Vec<Value> = graph.outputs().iter().map(|port| port.value).collect();
    Ok(part(graph, &[], is_kept, &outputs)?.with_axes(axes(graph.inputs()), axes(graph.outputs())))
}

/// The graph with each node replaced by what `replace` builds for it, on what stands for its operands.
pub(crate) fn rebuilt(
    graph: &Graph,
    mut replace: impl FnMut(&mut Builder, NodeId, &[Value]) -> Result<Vec<Value>, BuildError>,
) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let inputs = copy_inputs(&mut builder, graph);
    let outputs = interpret(graph, inputs, |id, node, operands| {
        builder.describe(Some(node.name.clone()), node.location.clone());
        replace(&mut builder, id, &operands)
    })?;
    Ok(builder.finish(&outputs).with_axes(axes(graph.inputs()), axes(graph.outputs())))
}

/// The named axes of each port.
pub(crate) fn axes(ports: &[Port]) -> Vec<Vec<NamedAxis>> {
    ports.iter().map(|port| port.axes.clone()).collect()
}

/// The graph's inputs, added to the graph being built.
pub(crate) fn copy_inputs(builder: &mut Builder, graph: &Graph) -> Vec<Value> {
    graph.inputs().iter().map(|port| input_like(builder, graph, port.value)).collect()
}

/// An input that stands for a value of a graph.
fn input_like(builder: &mut Builder, graph: &Graph, value: Value) -> Value {
    let node = graph.node(value.node());
    builder.describe(None, node.location.clone());
    builder.input(node.name.clone(), graph.ty(value).clone())
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
