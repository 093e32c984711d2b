//! Names of values in text: the user's, made legal for MLIR and unique.

use std::collections::{HashMap, HashSet};

use crate::Graph;
use crate::graph::{NodeId, NodeKind, Value};

/// Names of the nodes of one graph; those of the graphs around it are not given again.
pub(super) struct Names<'a> {
    names: Vec<String>,
    taken: Taken<'a>,
}

/// The names that are in use, here and in the graphs around.
struct Taken<'a> {
    here: HashSet<String>,
    /// How often each name was asked for, so that the next number is found at once.
    asked: HashMap<String, usize>,
    around: Option<&'a Taken<'a>>,
}

impl<'a> Names<'a> {
    /// Names for a function: inputs choose first, then the other nodes in order.
    pub(super) fn of(graph: &Graph) -> Names<'a> {
        Names::choose(graph, &[], Taken::within(None))
    }

    /// Names for a region; MLIR forbids it to reuse a name of the graph around it. Inputs that are
    /// declared there have the names in `arguments`.
    pub(super) fn within(&'a self, region: &Graph, arguments: &[String]) -> Names<'a> {
        let mut taken = Taken::within(Some(&self.taken));
        taken.here.extend(arguments.iter().cloned());
        Names::choose(region, arguments, taken)
    }

    /// Names like these that no value of this graph has.
    pub(super) fn fresh<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<String> {
        let mut taken = Taken::within(Some(&self.taken));
        names.map(|name| taken.unique(identifier(name))).collect()
    }

    fn choose(graph: &Graph, arguments: &[String], mut taken: Taken<'a>) -> Names<'a> {
        let mut names = vec![String::new(); graph.len()];
        let is_input = |id: NodeId| matches!(graph.node(id).kind, NodeKind::Input);
        let inputs = graph.nodes().filter(|(id, _)| is_input(*id));
        let others = graph.nodes().filter(|(id, _)| !is_input(*id));
        for (position, (id, node)) in inputs.enumerate() {
            let given = arguments.get(position).cloned();
            names[id.index()] = given.unwrap_or_else(|| taken.unique(identifier(&node.name)));
        }
        for (id, node) in others {
            names[id.index()] = taken.unique(identifier(&node.name));
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

impl<'a> Taken<'a> {
    fn within(around: Option<&'a Taken<'a>>) -> Taken<'a> {
        Taken { here: HashSet::new(), asked: HashMap::new(), around }
    }

    fn contains(&self, name: &str) -> bool {
        self.here.contains(name) || self.around.is_some_and(|around| around.contains(name))
    }

    fn unique(&mut self, name: String) -> String {
        let mut candidate = name.clone();
        let mut count = self.asked.get(&name).copied().unwrap_or(0);
        while self.contains(&candidate) {
            count += 1;
            candidate = format!("{name}_{count}");
        }
        self.asked.insert(name, count);
        self.here.insert(candidate.clone());
        candidate
    }
}

/// The name with what MLIR refuses replaced by `_`; one that starts with a digit gets a `_` in front.
pub(super) fn identifier(name: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$') { c } else { '_' };
    let body: String = name.chars().map(legal).collect();
    let starts_well = body.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts_well { body } else { format!("_{body}") }
}
