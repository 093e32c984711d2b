//! Legalisation: a graph whose every op has a kernel, with the same bits.
//!
//! A pass before planning. Ops that kernels lack become others: as few and as cheap ones as there are, and loops where a
//! body is more than elementwise ops. Shapes lose dimensions of size 1, so that planning sees which ops go together.
//!
//! | module | holds |
//! |---|---|
//! | `accumulate` | folds on wider accumulators, with conversions around |
//! | `body` | bodies of scalars: at every place of tensors at once, or one after another |
//! | `contraction` | products whose operands or results need another type |
//! | `fold` | `reduce`, `reduce_window`, `select_and_scatter` |
//! | `index`, `sort` | scatters, gathers of nothing, comparators |
//! | `squeeze` | elementwise ops, folds and contractions without dimensions of size 1 |
//! | `shape` | bits of integers narrower than a byte; long counts |
//!
//! What stays, and runs by its definition: user-defined ops; scatters and sorts by bodies that hold loops or products;
//! what no memory holds. Must not live here: which kernel runs what ([`crate::plan`]), and rewrites that are for speed.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

mod accumulate;
mod body;
mod contraction;
mod fold;
mod index;
mod shape;
mod sort;
mod squeeze;

use choral_ir::graph::Node;
use choral_ir::op::{ControlOp, IndexOp, ShapeOp, SortOp, WindowOp};
use choral_ir::{BuildError, Builder, Graph, NodeKind, Op, TensorType, Value, interpret};

/// What an op became; `None` for one that has a kernel as it is.
type Made = Result<Option<Vec<Value>>, BuildError>;

/// A graph in the making, whose ops have kernels.
pub(crate) struct Legaliser {
    builder: Builder,
}

/// A graph that gives the same to the bit, whose ops have kernels, in regions that are planned, too.
///
/// # Errors
/// Only for a graph that is not verified.
pub(crate) fn legalised(graph: &Graph) -> Result<Graph, BuildError> {
    let mut legal = Legaliser { builder: Builder::new(graph.name()) };
    let inputs = graph.inputs().iter().map(|port| port.value);
    let inputs: Vec<Value> = inputs
        .map(|value| legal.builder.input(graph.node(value.node()).name.clone(), graph.ty(value).clone()))
        .collect();
    let outputs = interpret(graph, inputs, |_, node, operands| legal.node(node, &operands))?;
    Ok(legal.builder.finish(&outputs))
}

impl Legaliser {
    fn node(&mut self, node: &Node, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        self.builder.describe(Some(node.name.clone()), node.location.clone());
        match &node.kind {
            NodeKind::Input => Ok(Vec::new()),
            NodeKind::Constant(tensor) => {
                Ok(vec![self.builder.literal(tensor.clone(), node.types[0].clone())])
            }
            NodeKind::Op(op) => self.op(op, operands),
        }
    }

    /// The results of an op, by ops with kernels.
    fn op(&mut self, op: &Op, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        match self.rewritten(op, operands)? {
            Some(results) => Ok(results),
            None => self.builder.push_all(op.clone(), operands),
        }
    }

    fn rewritten(&mut self, op: &Op, operands: &[Value]) -> Made {
        match op {
            Op::Shape(ShapeOp::Iota(op)) => shape::iota(self, op),
            Op::Shape(ShapeOp::BitcastConvert(op)) => shape::bitcast_convert(self, op, operands[0]),
            Op::Dot(op) => match squeeze::dot(self, op, operands)? {
                Some(squeezed) => Ok(Some(squeezed)),
                None => contraction::dot(self, op, operands),
            },
            Op::Convolution(op) => contraction::convolution(self, op, operands),
            Op::Reduce(op) => fold::reduce(self, op, operands),
            Op::Window(WindowOp::ReduceWindow(op)) => fold::reduce_window(self, op, operands),
            Op::Window(WindowOp::SelectAndScatter(op)) => fold::select_and_scatter(self, op, operands),
            Op::Index(IndexOp::Gather(op)) => index::gather(self, op, operands),
            Op::Index(IndexOp::Scatter(op)) => index::scatter(self, op, operands),
            Op::Sort(SortOp::Sort(op)) => sort::sort(self, op, operands),
            Op::Control(ControlOp::Map(op)) => body::at_each(self, &op.computation, operands).map(Some),
            Op::Control(control) => self.control(control, operands),
            Op::Elementwise(_) => squeeze::elementwise(self, op, operands),
            Op::Shape(
                ShapeOp::BroadcastInDim(_)
                | ShapeOp::Reshape(_)
                | ShapeOp::Transpose(_)
                | ShapeOp::Reverse(_)
                | ShapeOp::Slice(_)
                | ShapeOp::Pad(_)
                | ShapeOp::Concatenate(_),
            )
            | Op::Index(IndexOp::DynamicSlice(_) | IndexOp::DynamicUpdateSlice(_))
            | Op::Sort(SortOp::TopK(_))
            | Op::Linalg(_)
            | Op::Random(_)
            | Op::Collective(_)
            | Op::Custom(_) => Ok(None),
        }
    }

    /// Branches and loops, whose regions are planned, too.
    fn control(&mut self, op: &ControlOp, operands: &[Value]) -> Made {
        let op = Op::from(op.clone());
        match op.accumulating() {
            Some(wide) => accumulate::accumulated(self, (&op, &wide), operands).map(Some),
            None => self.builder.push_all(op.map_regions(legalised)?, operands).map(Some),
        }
    }

    fn ty(&self, value: Value) -> TensorType {
        self.builder.graph().ty(value).clone()
    }

    fn types(&self, values: &[Value]) -> Vec<TensorType> {
        values.iter().map(|&value| self.ty(value)).collect()
    }

    /// The only result of an op.
    fn one(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Value, BuildError> {
        Ok(self.op(&op.into(), operands)?[0])
    }
}
