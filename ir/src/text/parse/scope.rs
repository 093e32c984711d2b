//! What names stand for: the graph being read, the graphs around it, and what regions read from them.

use std::collections::HashMap;

use super::cursor::Parser;
use super::error::Fault;
use super::lexer::Kind;
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
    captures: Vec<Capture>,
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

/// An argument of a region: its place, name and type.
pub(super) type Argument<'a> = (usize, &'a str, TensorType);

impl<'a> Block<'a> {
    pub(super) fn function(name: &str) -> Self {
        Block {
            builder: Builder::new(name),
            scope: Scope::default(),
            checks: Vec::new(),
            captures: Vec::new(),
        }
    }

    fn region() -> Self {
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

impl<'a> Parser<'a> {
    /// A region on these arguments, its `{` taken; `}` is taken too.
    pub(super) fn region_of(&mut self, arguments: &[Argument<'a>]) -> Result<Region, Fault> {
        let at = self.at();
        self.deeper(|parser| {
            let outer = std::mem::replace(&mut parser.block, Block::region());
            parser.outer.push(outer);
            arguments.iter().try_for_each(|argument| parser.input(argument))?;
            let outputs = parser.body()?;
            parser.expect('}')?;
            let Some(outer) = parser.outer.pop() else {
                return Err(parser.error(at, "expected a region within an op"));
            };
            let block = std::mem::replace(&mut parser.block, outer);
            if !block.checks.is_empty() {
                return Err(parser.error(at, "expected checks in functions alone, found one in a region"));
            }
            Ok(Region { graph: block.builder.finish(&outputs), captures: block.captures })
        })
    }

    /// Makes a name stand for values.
    pub(super) fn define(&mut self, at: usize, name: &'a str, values: Vec<Value>) -> Result<(), Fault> {
        match self.block.scope.names.insert(name, values) {
            None => Ok(()),
            Some(_) => Err(self.error(at, format!("expected a new name, found %{name} once more"))),
        }
    }

    /// `%x` or `%pair#1`.
    pub(super) fn operand(&mut self) -> Result<Value, Fault> {
        let at = self.at();
        let name = self.value_name()?;
        let result = match self.peek() {
            Kind::Hash(number) => number.parse().ok(),
            _ => Some(0),
        };
        if let Kind::Hash(_) = self.peek() {
            self.advance();
        }
        result.and_then(|result| self.find(name, result)).ok_or_else(|| {
            let found = &self.source[at..self.end_of_last()];
            self.error(at, format!("expected a value defined above, found {found}"))
        })
    }

    /// The value here of a name: defined here, or around this region.
    fn find(&mut self, name: &'a str, result: usize) -> Option<Value> {
        let here = self.outer.len();
        let depth = (0..=here).rev().find(|&depth| {
            let scope = &self.at_depth(depth).scope;
            scope.value(name, result).is_some() || !scope.is_region
        })?;
        let mut value = self.at_depth(depth).scope.value(name, result)?;
        let graph = self.at_depth(depth).builder.graph();
        let known = constant(graph, value).map(|(tensor, ty)| (tensor.clone(), ty.clone()));
        if let (Some((tensor, ty)), true) = (known, depth < here) {
            let copy = self.block.builder.literal(tensor, ty);
            self.block.scope.captured.insert((name, result), copy);
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
        self.outer.get_mut(depth).unwrap_or(&mut self.block)
    }

    /// The types of values of the graph at hand.
    pub(super) fn types(&self, values: &[Value]) -> Vec<TensorType> {
        values.iter().map(|&value| self.block.builder.graph().ty(value).clone()).collect()
    }
}
