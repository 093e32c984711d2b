//! Clean-up of graphs, and their export.
//!
//! A pass reads one graph and builds another; nothing is changed in place.

mod common;
mod expand;
mod export;

use choral_ir::graph::Port;
use choral_ir::{BuildError, Builder, Graph, NamedAxis, Value};

pub use common::common_subexpressions;
pub use expand::expand;
pub(crate) use expand::written_out;
pub use export::export;

/// The graph without ops and constants that no output depends on; inputs stay.
///
/// # Errors
/// Never for a verified graph.
pub fn dead_code(graph: &Graph) -> Result<Graph, BuildError> {
    let live = live_nodes(graph);
    let mut builder = Builder::new(graph.name());
    let inputs = copy_inputs(&mut builder, graph);
    let outputs = builder.inline_where(graph, &inputs, |id| live[id.index()])?;
    Ok(builder.finish(&outputs).with_axes(axes(graph.inputs()), axes(graph.outputs())))
}

/// The named axes of each port.
pub(crate) fn axes(ports: &[Port]) -> Vec<Vec<NamedAxis>> {
    ports.iter().map(|port| port.axes.clone()).collect()
}

/// The graph's inputs, added to the graph in the making.
pub(crate) fn copy_inputs(builder: &mut Builder, graph: &Graph) -> Vec<Value> {
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
