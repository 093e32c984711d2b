//! Named axes in text: stored at the boundary, recomputed inside so that a reader sees them.

use crate::graph::{NamedAxis, Node, NodeId, NodeKind, Port, Value};
use crate::{Graph, op};

/// The attribute of a boundary value with these axes, empty without any.
pub(super) fn attribute(port: &Port) -> String {
    if port.axes.is_empty() { String::new() } else { format!(" {{choral.axes = \"{}\"}}", spell(&port.axes)) }
}

fn spell(axes: &[NamedAxis]) -> String {
    axes.iter().map(NamedAxis::to_string).collect::<Vec<_>>().join(" ")
}

/// The axes that `members@0 batch@1` spells, if it spells any.
pub(super) fn read(text: &str) -> Option<Vec<NamedAxis>> {
    let axis = |part: &str| {
        let (name, dim) = part.rsplit_once('@')?;
        Some(NamedAxis { name: name.into(), dim: dim.parse().ok()? })
    };
    text.split_whitespace().map(axis).collect()
}

/// Where each named axis of the inputs lies in each node's results.
pub(super) struct Tracked {
    axes: Vec<Vec<NamedAxis>>,
}

impl Tracked {
    /// Follows every named axis of the inputs through the graph.
    pub(super) fn of(graph: &Graph) -> Tracked {
        let mut axes = vec![Vec::new(); graph.len()];
        let mut names: Vec<_> =
            graph.inputs().iter().flat_map(|port| &port.axes).map(|axis| &axis.name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            for (id, dim) in places(graph, name).into_iter().enumerate() {
                axes[id].extend(dim.map(|dim| NamedAxis { name: name.clone(), dim }));
            }
        }
        axes.iter_mut().for_each(|axes| axes.sort_by_key(|axis| axis.dim));
        Tracked { axes }
    }

    /// The comment that closes the line of a node, empty where no axis is known.
    pub(super) fn comment(&self, id: NodeId) -> String {
        let axes = &self.axes[id.index()];
        if axes.is_empty() { String::new() } else { format!("  // {}", spell(axes)) }
    }
}

/// Dimension of the named axis in each node's results.
fn places(graph: &Graph, name: &str) -> Vec<Option<usize>> {
    let mut places = vec![None; graph.len()];
    for port in graph.inputs() {
        let axis = port.axes.iter().find(|axis| &*axis.name == name);
        places[port.value.node().index()] = axis.map(|axis| axis.dim);
    }
    for (id, node) in graph.nodes() {
        if let NodeKind::Op(op) = &node.kind {
            places[id.index()] = place(graph, id, node, op, &places);
        }
    }
    places
}

fn place(graph: &Graph, id: NodeId, node: &Node, op: &op::Op, places: &[Option<usize>]) -> Option<usize> {
    let operands = graph.operands(id);
    let dims: Vec<_> = operands.iter().map(|value: &Value| places[value.node().index()]).collect();
    dims.iter().flatten().next()?;
    let types: Vec<_> = operands.iter().map(|&value| graph.ty(value)).collect();
    op::follow(op, &types, &dims).filter(|&dim| node.types.iter().all(|ty| dim < ty.rank()))
}
