//! What builds a graph through the tables: every op that is added is rewritten first, and shared with one
//! that does the same.
//!
//! Must not live here: rewrites ([`super::tables`]).

use std::collections::{HashMap, HashSet};

use choral_ir::graph::Node;
use choral_ir::op::{ControlOp, IndexOp, Scan, SortOp, WindowOp};
use choral_ir::{
    BuildError, Builder, Fold, Graph, NodeKind, Op, Order, Reducer, Tensor, TensorType, Value, interpret,
};

use super::join::Joins;
use super::number::condensed;
use super::regions::handed_on;
use super::site::{After, Kind, Site};
use super::tables::{self, DEAD, SHARED};
use super::{Context, Rule};
use crate::transform::rewrite::common::Meaning;
use crate::transform::rewrite::{axes, copy_inputs, dead_code};

/// The graph once every op was offered to every rewrite; `is_fixed` says which inputs are the same in each
/// round of the loop that the graph is the body of.
pub(super) fn round(
    graph: &Graph,
    cx: &mut Context,
    is_fixed: &dyn Fn(usize) -> bool,
) -> Result<Graph, BuildError> {
    let live = dead_code(graph)?;
    if cx.allows(DEAD) {
        cx.fired.add(DEAD, graph.len() - live.len());
    }
    let joins = Joins::of(&live, cx, is_fixed);
    let mut rewriter = Rewriter { builder: Builder::new(live.name()), known: HashMap::new(), joins, cx };
    let inputs = copy_inputs(&mut rewriter.builder, &live);
    let returned: HashSet<Value> = live.outputs().iter().map(|port| port.value).collect();
    let outputs = interpret(&live, inputs, |id, node, operands| {
        rewriter.describe(node);
        if let Some(joined) = rewriter.joined(id, &live, &operands)? {
            return Ok(joined);
        }
        let is_read = |at: usize| {
            let value = id.result(at);
            returned.contains(&value) || live.uses(value).next().is_some()
        };
        let read = (0..node.types.len()).map(is_read).collect();
        rewriter.node(node, &operands, read)
    })?;
    let built = rewriter.builder.finish(&outputs).with_axes(axes(live.inputs()), axes(live.outputs()));
    dead_code(&built)
}

/// A graph that is built through the tables.
pub(super) struct Rewriter<'c> {
    pub(super) builder: Builder,
    known: HashMap<Meaning, Vec<Value>>,
    joins: Joins,
    pub(super) cx: &'c mut Context,
}

/// An op with regions that is about to be built.
pub(super) struct LoopSite<'a> {
    pub(super) op: &'a Op,
    pub(super) operands: &'a [Value],
    /// Which results are read.
    pub(super) read: Vec<bool>,
}

impl Rewriter<'_> {
    pub(super) fn ty(&self, value: Value) -> &TensorType {
        self.builder.graph().ty(value)
    }

    fn describe(&mut self, node: &Node) {
        self.builder.describe(Some(node.name.clone()), node.location.clone());
    }

    /// What stands for a node of another graph.
    fn node(&mut self, node: &Node, operands: &[Value], read: Vec<bool>) -> Result<Vec<Value>, BuildError> {
        match &node.kind {
            NodeKind::Input => Ok(Vec::new()),
            NodeKind::Constant(tensor) => Ok(vec![self.constant(tensor.clone(), node.types[0].clone())]),
            NodeKind::Op(op) => {
                let op = self.within(op, operands)?;
                self.push_read(op, operands, read)
            }
        }
    }

    /// What stands for the outputs of another graph on these inputs.
    pub(super) fn inline(&mut self, graph: &Graph, inputs: &[Value]) -> Result<Vec<Value>, BuildError> {
        let (name, location) = self.builder.description();
        let outputs = interpret(graph, inputs.iter().copied(), |_, node, operands| {
            self.describe(node);
            self.node(node, &operands, vec![true; node.types.len()])
        })?;
        self.builder.describe(name, location);
        Ok(outputs)
    }

    /// A constant; those of one element are made once.
    pub(super) fn constant(&mut self, tensor: Tensor, ty: TensorType) -> Value {
        let tensor = condensed(tensor);
        let Some(meaning) = Meaning::of_constant(&tensor, &ty).filter(|_| self.cx.allows(SHARED)) else {
            return self.builder.literal(tensor, ty);
        };
        let made = self.known.entry(meaning).or_insert_with(|| vec![self.builder.literal(tensor, ty)]);
        made[0]
    }

    /// The results of an op, or of what does the same.
    pub(super) fn push(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        self.push_read(op.into(), operands, Vec::new())
    }

    /// As [`Rewriter::push`], if these results are read; all if the list is empty.
    fn push_read(
        &mut self,
        op: Op,
        operands: &[Value],
        mut read: Vec<bool>,
    ) -> Result<Vec<Value>, BuildError> {
        for rewrite in tables::of(&op).iter().copied().flatten() {
            if !self.cx.allows(rewrite.name) {
                continue;
            }
            let found = match rewrite.rule {
                Rule::Term(rule) => {
                    let evaluate = self.cx.evaluate;
                    let site = Site { graph: self.builder.graph(), op: &op, operands, evaluate };
                    rule(&site).map(|after| self.build(after)).transpose()?
                }
                Rule::Loop(rule) => {
                    let site = LoopSite { op: &op, operands, read };
                    let found = rule(self, &site)?;
                    read = site.read;
                    found
                }
                Rule::Graph => None,
            };
            if let Some(results) = found {
                self.cx.fired.add(rewrite.name, 1);
                return Ok(results);
            }
        }
        self.share(op, operands)
    }

    /// The results of an op as it is, or of one that is there and the same.
    fn share(&mut self, op: Op, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        if !self.cx.allows(SHARED) {
            return self.builder.push_all(op, operands);
        }
        let meaning = Meaning::Op(op.clone(), operands.to_vec());
        if let Some(results) = self.known.get(&meaning) {
            self.cx.fired.add(SHARED, 1);
            return Ok(results.clone());
        }
        let results = self.builder.push_all(op, operands)?;
        self.known.insert(meaning, results.clone());
        Ok(results)
    }

    fn build(&mut self, after: After) -> Result<Vec<Value>, BuildError> {
        match after {
            After::Value(value) => Ok(vec![value]),
            After::Constant(tensor, ty) => Ok(vec![self.constant(tensor, ty)]),
            After::Op(op, operands) => {
                let operands = self.build_each(operands)?;
                self.push(op, &operands)
            }
            After::Body(graph, inputs) => {
                let inputs = self.build_each(inputs)?;
                self.inline(&graph, &inputs)
            }
            After::Each(results) => self.build_each(results),
        }
    }

    fn build_each(&mut self, all: Vec<After>) -> Result<Vec<Value>, BuildError> {
        all.into_iter().map(|after| Ok(self.build(after)?[0])).collect()
    }

    /// The op with its regions rewritten.
    fn within(&mut self, op: &Op, operands: &[Value]) -> Result<Op, BuildError> {
        if op.regions().is_empty() {
            return Ok(op.clone());
        }
        let before = self.cx.fired.clone();
        let is_fixed = |at: usize| is_fixed(op, at);
        let rewritten = op.map_regions(|region| round(region, self.cx, &is_fixed))?;
        let types: Vec<TensorType> = operands.iter().map(|&value| self.ty(value).clone()).collect();
        if self.cx.fired == before || !folds_alike(op, &rewritten, &types) {
            self.cx.fired = before;
            return Ok(op.clone());
        }
        Ok(rewritten)
    }

    pub(super) fn joins(&mut self) -> &mut Joins {
        &mut self.joins
    }
}

/// Whether an input of the op's regions is the same in each round.
fn is_fixed(op: &Op, input: usize) -> bool {
    match op {
        Op::Control(ControlOp::Scan(scan)) => input >= scan.inputs + scan.carried,
        Op::Control(ControlOp::While(op)) => handed_on(&op.body, input),
        Op::Control(
            ControlOp::If(_) | ControlOp::Case(_) | ControlOp::Map(_) | ControlOp::OptimizationBarrier,
        )
        | Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Dot(_)
        | Op::Convolution(_)
        | Op::Reduce(_)
        | Op::Window(_)
        | Op::Index(_)
        | Op::Sort(_)
        | Op::Linalg(_)
        | Op::Random(_)
        | Op::Collective(_)
        | Op::Custom(_) => false,
    }
}

/// Whether an op with other regions folds in the same order and type: bodies that are known by name, and
/// running sums of halves, are computed in their own ways.
fn folds_alike(before: &Op, after: &Op, types: &[TensorType]) -> bool {
    let is_running = |op: &Op| Scan::of(op).is_some() && accumulates(op, types);
    bodies(before) == bodies(after) && is_running(before) == is_running(after)
}

/// The folds of an op, whether they accumulate in a wider type, and its order.
fn bodies(op: &Op) -> (Option<(Fold, bool)>, Option<Order>) {
    let fold = |body: &Reducer| Some((body.fold(), body.accumulates()));
    match op {
        Op::Reduce(op) => (fold(&op.body), None),
        Op::Window(WindowOp::ReduceWindow(op)) => (fold(&op.body), None),
        Op::Window(WindowOp::SelectAndScatter(op)) => (fold(&op.scatter), Some(op.select.order())),
        Op::Index(IndexOp::Scatter(op)) => (fold(&op.body), None),
        Op::Sort(SortOp::Sort(op)) => (None, Some(op.comparator.order())),
        Op::Index(IndexOp::Gather(_) | IndexOp::DynamicSlice(_) | IndexOp::DynamicUpdateSlice(_))
        | Op::Sort(SortOp::TopK(_))
        | Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Dot(_)
        | Op::Convolution(_)
        | Op::Linalg(_)
        | Op::Control(_)
        | Op::Random(_)
        | Op::Collective(_)
        | Op::Custom(_) => (None, None),
    }
}

/// Whether an op accumulates in a wider type, once it is built: that leaves out what its body does not read.
pub(super) fn accumulates(op: &Op, types: &[TensorType]) -> bool {
    let mut builder = Builder::new("fold");
    let operands: Vec<Value> = types.iter().map(|ty| builder.input("x", ty.clone())).collect();
    let built = builder.push_all(op.clone(), &operands).ok();
    let made = built.and_then(|results| results.first().copied());
    made.is_some_and(|value| match &builder.graph().node(value.node()).kind {
        NodeKind::Op(op) => op.accumulating().is_some(),
        NodeKind::Input | NodeKind::Constant(_) => false,
    })
}
