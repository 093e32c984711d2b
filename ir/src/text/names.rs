//! Names of values in text: the user's, made legal for MLIR and unique.

use std::collections::HashSet;

use crate::Graph;
use crate::graph::{NodeId, NodeKind, Value};

/// Names of the nodes of one graph, and of the graphs around it.
pub(super) struct Names {
    names: Vec<String>,
    taken: HashSet<String>,
}

impl Names {
    /// Names for a function: inputs choose first, then the other nodes in order.
    pub(super) fn of(graph: &Graph) -> Names {
        Names::choose(graph, HashSet::new())
    }

    /// Names for a region; MLIR forbids it to reuse a name of the graph around it.
    pub(super) fn within(&self, region: &Graph) -> Names {
        Names::choose(region, self.taken.clone())
    }

    fn choose(graph: &Graph, mut taken: HashSet<String>) -> Names {
        let mut names = vec![String::new(); graph.len()];
        let is_input = |id: NodeId| matches!(graph.node(id).kind, NodeKind::Input);
        let inputs = graph.nodes().filter(|(id, _)| is_input(*id));
        let others = graph.nodes().filter(|(id, _)| !is_input(*id));
        for (id, node) in inputs.chain(others) {
            names[id.index()] = unique(identifier(&node.name), &mut taken);
        }
        Names { names, taken }
    }

    /// The name that a node's results are defined under, with their number if there are several.
    pub(super) fn definition(&self, id: NodeId, results: usize) -> String {
        let name = &self.names[id.index()];
        if results == 1 { format!("%{name}") } else { format!("%{name}:{results}") }
    }

    /// The name that a value is used under.
    pub(super) fn value(&self, graph: &Graph, value: Value) -> String {
        let name = &self.names[value.node().index()];
        let several = graph.node(value.node()).types.len() > 1;
        if several { format!("%{name}#{}", value.result()) } else { format!("%{name}") }
    }
}

/// The name with what MLIR refuses replaced by `_`; one that starts with a digit gets a `_` in front.
pub(super) fn identifier(name: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$') { c } else { '_' };
    let body: String = name.chars().map(legal).collect();
    let starts_well = body.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts_well { body } else { format!("_{body}") }
}

fn unique(name: String, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.clone();
    let mut count = 0;
    while !taken.insert(candidate.clone()) {
        count += 1;
        candidate = format!("{name}_{count}");
    }
    candidate
}
