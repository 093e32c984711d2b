//! What names stand for: the graph being read, the graphs around it, and what regions read from them.

use std::collections::HashMap;

use crate::check::Check;
use crate::graph::Value;
use crate::region::constant;
use crate::{Builder, Graph, TensorType};

/// A graph being read, and what its names stand for.
pub(super) struct Block<'a> {
    pub(super) builder: Builder,
    pub(super) scope: Scope<'a>,
    /// Checks of the function, with the value and the expected value.
    pub(super) checks: Vec<(Check, [Value; 2])>,
    /// What a region reads from around it, in the order of its inputs.
    pub(super) captures: Vec<Capture>,
}

/// The graphs being built: the one at hand, and those around it, outermost first.
pub(super) struct Graphs<'a> {
    pub(super) here: Block<'a>,
    around: Vec<Block<'a>>,
}

/// What names stand for in a function or region.
#[derive(Default)]
pub(super) struct Scope<'a> {
    names: HashMap<&'a str, Vec<Value>>,
    /// The values here of what is read from around, by name and result.
    captured: HashMap<(&'a str, usize), Value>,
    /// Whether this is a region, which reads what stands around it.
    is_region: bool,
}

/// A value of the graph around a region that the region reads.
#[derive(Clone)]
pub(super) struct Capture {
    pub(super) outer: Value,
    pub(super) name: String,
    pub(super) ty: TensorType,
}

/// A region as it was read: its inputs are its arguments, then what it captures.
pub(super) struct Region {
    pub(super) graph: Graph,
    pub(super) captures: Vec<Capture>,
}

/// What a line calls its results.
pub(super) struct Names<'a> {
    pub(super) at: usize,
    /// Place, name and number of values of each name.
    pub(super) names: Vec<(usize, &'a str, usize)>,
    /// How many nodes the graph had before.
    pub(super) known: usize,
}

impl<'a> Block<'a> {
    pub(super) fn function(name: &str) -> Self {
        Block {
            builder: Builder::new(name),
            scope: Scope::default(),
            checks: Vec::new(),
            captures: Vec::new(),
        }
    }

    pub(super) fn region() -> Self {
        let scope = Scope { is_region: true, ..Scope::default() };
        Block { scope, ..Block::function("region") }
    }

    /// A new input that stands for a value around the region.
    fn capture(&mut self, name: (&'a str, usize), capture: Capture) -> Value {
        let value = self.builder.input(capture.name.clone(), capture.ty.clone());
        self.scope.captured.insert(name, value);
        self.captures.push(capture);
        value
    }
}

impl<'a> Scope<'a> {
    fn value(&self, name: &'a str, result: usize) -> Option<Value> {
        let defined = self.names.get(name).and_then(|values| values.get(result));
        defined.or_else(|| self.captured.get(&(name, result))).copied()
    }
}

impl<'a> Graphs<'a> {
    pub(super) fn new() -> Self {
        Graphs { here: Block::function(""), around: Vec::new() }
    }

    /// Begins a graph within the one at hand.
    pub(super) fn open(&mut self, block: Block<'a>) {
        let outer = std::mem::replace(&mut self.here, block);
        self.around.push(outer);
    }

    /// Goes back to the graph around the one at hand, and returns this.
    pub(super) fn close(&mut self) -> Block<'a> {
        let outer = self.around.pop().unwrap_or_else(|| Block::function(""));
        std::mem::replace(&mut self.here, outer)
    }

    /// Makes a name stand for values; whether it is new.
    pub(super) fn define(&mut self, name: &'a str, values: Vec<Value>) -> bool {
        self.here.scope.names.insert(name, values).is_none()
    }

    /// The types of values of the graph at hand.
    pub(super) fn types(&self, values: &[Value]) -> Vec<TensorType> {
        values.iter().map(|&value| self.here.builder.graph().ty(value).clone()).collect()
    }

    /// The value here of a name: defined here, or around this region.
    pub(super) fn find(&mut self, name: &'a str, result: usize) -> Option<Value> {
        let here = self.around.len();
        let depth = (0..=here).rev().find(|&depth| {
            let scope = &self.at_depth(depth).scope;
            scope.value(name, result).is_some() || !scope.is_region
        })?;
        let mut value = self.at_depth(depth).scope.value(name, result)?;
        let graph = self.at_depth(depth).builder.graph();
        let known = constant(graph, value).map(|(tensor, ty)| (tensor.clone(), ty.clone()));
        if let (Some((tensor, ty)), true) = (known, depth < here) {
            let copy = self.here.builder.literal(tensor, ty);
            self.here.scope.captured.insert((name, result), copy);
            return Some(copy);
        }
        for depth in depth..here {
            let graph = self.at_depth(depth).builder.graph();
            let (outer, ty) = (value, graph.ty(value).clone());
            let capture = Capture { outer, name: graph.node(value.node()).name.clone(), ty };
            value = self.at_depth(depth + 1).capture((name, result), capture);
        }
        Some(value)
    }

    /// The graph this many levels in; the current one is the innermost.
    fn at_depth(&mut self, depth: usize) -> &mut Block<'a> {
        self.around.get_mut(depth).unwrap_or(&mut self.here)
    }
}
