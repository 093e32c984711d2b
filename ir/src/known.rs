//! Regions that are known by what they compute: folds with one op, and searches for an extreme.
//!
//! Lives here: making them, and recognising them in graphs by others, so that they run fast, and so
//! that those of 16-bit floats accumulate in `f32`.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::graph::{Node, NodeKind, Port, Value};
use crate::op::{
    Binary, ComparisonDirection, ControlOp, Elementwise, IndexOp, Reduce, ReduceWindow, Scan, Scatter,
    SelectAndScatter, ShapeOp, WindowOp,
};
use crate::{BuildError, Builder, DType, Graph, Op, TensorType, interpret};

/// What a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    /// The greatest element: `argmax`.
    Greatest,
    /// The least element: `argmin`.
    Least,
}

impl Extreme {
    /// How a better element compares with the others.
    pub const fn order(self) -> Ordering {
        match self {
            Extreme::Greatest => Ordering::Greater,
            Extreme::Least => Ordering::Less,
        }
    }

    const fn direction(self) -> ComparisonDirection {
        match self {
            Extreme::Greatest => ComparisonDirection::Gt,
            Extreme::Least => ComparisonDirection::Lt,
        }
    }
}

impl Graph {
    /// The region that folds two scalars with one binary op.
    ///
    /// # Errors
    /// If the op does not take the element type.
    pub fn reducer(op: Binary, dtype: DType) -> Result<Graph, BuildError> {
        let mut builder = Builder::new("reducer");
        let lhs = builder.input("lhs", TensorType::scalar(dtype));
        let rhs = builder.input("rhs", TensorType::scalar(dtype));
        let result = builder.binary(op, lhs, rhs)?;
        Ok(builder.finish(&[result]))
    }

    /// The region that keeps the second of two scalars: what overwriting folds with.
    pub fn second(dtype: DType) -> Graph {
        let mut builder = Builder::new("reducer");
        builder.input("lhs", TensorType::scalar(dtype));
        let rhs = builder.input("rhs", TensorType::scalar(dtype));
        builder.finish(&[rhs])
    }

    /// The binary op, if the graph is [`Graph::reducer`] of one.
    pub fn as_reducer(&self) -> Option<Binary> {
        let (id, node) = self.nodes().next_back()?;
        let NodeKind::Op(Op::Elementwise(Elementwise::Binary(op))) = node.kind else { return None };
        let inputs: Vec<Value> = self.inputs.iter().map(|port| port.value).collect();
        let outputs: Vec<Value> = self.outputs.iter().map(|port| port.value).collect();
        let matches =
            self.len() == 3 && inputs.len() == 2 && self.operands(id) == inputs && outputs == [id.result(0)];
        matches.then_some(op)
    }

    /// The body of a fold on [accumulators](DType::accumulator), if it adds or multiplies 16-bit floats.
    ///
    /// Of 2N inputs, input i and the one N places on are an accumulator and its element, or the other way
    /// round; the last N results must be one step of each pair, in order. What a scan hands out before them
    /// may be a step or an input. Any of it may be transposed, reshaped and repeated on the way, which is
    /// what `vmap` does to the body of a scan.
    fn accumulating(&self) -> Option<Graph> {
        let parts = self.parts();
        let part = |port: &Port| parts[port.value.node().index()];
        let (handed_out, folded) =
            self.outputs.split_at(self.outputs.len().checked_sub(self.inputs.len() / 2)?);
        let is_fold = folded.iter().enumerate().all(|(pair, port)| part(port) == Some(Part::Step(pair)))
            && handed_out.iter().all(|port| part(port).is_some());
        if !is_fold || !self.nodes().any(|(_, node)| is_coarse(node)) {
            return None;
        }
        let mut builder = Builder::new(self.name());
        let inputs: Vec<Value> =
            self.inputs.iter().map(|port| accumulator(&mut builder, self, port.value)).collect();
        let outputs = interpret(self, inputs.into_iter().map(Some), |id, node, operands| {
            // What is no part of the fold is read by none.
            let operands: Option<Vec<Value>> = operands.into_iter().collect();
            match operands.filter(|_| parts[id.index()].is_some()) {
                Some(operands) => Ok(builder.copy(node, &operands)?.into_iter().map(Some).collect()),
                None => Ok::<_, BuildError>(vec![None; node.types.len()]),
            }
        });
        let outputs: Option<Vec<Value>> = outputs.ok()?.into_iter().collect();
        Some(builder.finish(&outputs?))
    }

    /// Which part of a fold's body each node is; `None` for what is none.
    fn parts(&self) -> Vec<Option<Part>> {
        let mut parts: Vec<Option<Part>> = Vec::with_capacity(self.len());
        for (id, node) in self.nodes() {
            let operands: Vec<Option<Part>> =
                self.operands(id).iter().map(|value| parts[value.node().index()]).collect();
            parts.push(match (&node.kind, operands.as_slice()) {
                (NodeKind::Input, _) => {
                    self.inputs.iter().position(|port| port.value.node() == id).map(Part::Input)
                }
                (NodeKind::Op(Op::Shape(op)), &[part]) if moves(op) => part,
                (
                    NodeKind::Op(Op::Elementwise(Elementwise::Binary(op))),
                    &[Some(Part::Input(left)), Some(Part::Input(right))],
                ) if folds(*op) && 2 * left.abs_diff(right) == self.inputs.len() => {
                    Some(Part::Step(left.min(right)))
                }
                (NodeKind::Op(_) | NodeKind::Constant(_), _) => None,
            });
        }
        parts
    }

    /// The region on accumulators of its inputs, which it takes rounded to their own types.
    fn rounding(&self) -> Option<Graph> {
        let mut builder = Builder::new(self.name());
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for port in &self.inputs {
            let wide = accumulator(&mut builder, self, port.value);
            inputs.push(builder.convert(wide, self.ty(port.value).dtype).ok()?);
        }
        let outputs = builder.inline(self, &inputs).ok()?;
        Some(builder.finish(&outputs))
    }

    /// The region of `argmax` and `argmin` as JAX writes it: `(value, place, other, other_place)`,
    /// where NaN comes before all, and of equal values the lower place.
    ///
    /// # Errors
    /// If values or places of these types have no order.
    pub fn extreme(extreme: Extreme, values: DType, places: DType) -> Result<Graph, BuildError> {
        use ComparisonDirection::{Eq, Lt, Ne};
        let mut builder = Builder::new("reducer");
        let mut input = |name: &str, dtype| builder.input(name, TensorType::scalar(dtype));
        let (value, place) = (input("value", values), input("place", places));
        let (other, other_place) = (input("other", values), input("other_place", places));
        let wins = builder.compare(extreme.direction(), value, other)?;
        let is_nan = builder.compare(Ne, value, value)?;
        let stays = builder.binary(Binary::Or, wins, is_nan)?;
        let is_equal = builder.compare(Eq, value, other)?;
        let is_lower = builder.compare(Lt, place, other_place)?;
        let is_first = builder.binary(Binary::And, is_equal, is_lower)?;
        let place_stays = builder.binary(Binary::Or, stays, is_first)?;
        let value = builder.select(stays, value, other)?;
        let place = builder.select(place_stays, place, other_place)?;
        Ok(builder.finish(&[value, place]))
    }

    /// Which extreme the graph finds, if it is [`Graph::extreme`] of one.
    pub fn as_extreme(&self) -> Option<Extreme> {
        const NODES: usize = 13;
        let [values, places, _, _] = self.inputs() else { return None };
        let (values, places) = (self.ty(values.value).dtype, self.ty(places.value).dtype);
        let is_it =
            |extreme: &Extreme| Graph::extreme(*extreme, values, places).is_ok_and(|graph| graph == *self);
        if self.len() == NODES { [Extreme::Greatest, Extreme::Least].into_iter().find(is_it) } else { None }
    }
}

impl Op {
    /// The op on [accumulators](DType::accumulator), if it is a fold that adds or multiplies `f16` or
    /// `bf16`: `reduce`, `reduce_window`, `scatter` or `select_and_scatter` with such a body, or a
    /// `scan` whose body is just the running sum or product.
    ///
    /// That is what such a fold means, on every device and in every export: its operands in `f32`, this
    /// op on them, and its results rounded once to the types that the fold declares. A body that does
    /// more than add, multiply or compare its accumulators and their elements does as it says.
    ///
    /// ```
    /// use choral_ir::op::{Binary, Reduce};
    /// use choral_ir::{DType, Graph, Op};
    /// let sum = |dtype| Graph::reducer(Binary::Add, dtype).map(|body| Reduce { dimensions: vec![0], body: body.into() });
    /// assert_eq!(Op::from(sum(DType::Bf16)?).accumulating(), Some(sum(DType::F32)?.into()));
    /// assert_eq!(Op::from(sum(DType::F32)?).accumulating(), None);
    /// # Ok::<(), choral_ir::BuildError>(())
    /// ```
    pub fn accumulating(&self) -> Option<Op> {
        let wide = |body: &Graph| body.accumulating().map(Arc::new);
        Some(match self {
            Op::Reduce(op) => Reduce { body: wide(&op.body)?, ..op.clone() }.into(),
            Op::Window(WindowOp::ReduceWindow(op)) => {
                ReduceWindow { body: wide(&op.body)?, ..op.clone() }.into()
            }
            Op::Window(WindowOp::SelectAndScatter(op)) => {
                let (scatter, select) = (wide(&op.scatter)?, op.select.rounding()?.into());
                SelectAndScatter { select, scatter, ..op.clone() }.into()
            }
            Op::Index(IndexOp::Scatter(op)) => Scatter { body: wide(&op.body)?, ..op.clone() }.into(),
            Op::Control(ControlOp::Scan(op)) if 2 * op.inputs == op.body.inputs().len() => {
                Scan { body: wide(&op.body)?, ..op.clone() }.into()
            }
            Op::Index(IndexOp::Gather(_) | IndexOp::DynamicSlice(_) | IndexOp::DynamicUpdateSlice(_))
            | Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Dot(_)
            | Op::Convolution(_)
            | Op::Sort(_)
            | Op::Linalg(_)
            | Op::Control(_)
            | Op::Random(_)
            | Op::Collective(_)
            | Op::Custom(_) => return None,
        })
    }
}

/// A part of a fold's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The input of this number.
    Input(usize),
    /// The fold of the input of this number with the one that it is paired with.
    Step(usize),
}

/// Whether what an op makes is its operand's elements, elsewhere.
fn moves(op: &ShapeOp) -> bool {
    matches!(op, ShapeOp::Transpose(_) | ShapeOp::Reshape(_) | ShapeOp::BroadcastInDim(_))
}

/// The steps of folds that are the same in any order, and so mean a sum, a product or an extreme.
fn folds(op: Binary) -> bool {
    [Binary::Add, Binary::Multiply, Binary::Maximum, Binary::Minimum].contains(&op)
}

/// Whether a step rounds often enough that its fold needs a wider accumulator.
fn is_coarse(node: &Node) -> bool {
    let sums = [Binary::Add, Binary::Multiply].map(|op| NodeKind::Op(Op::from(Elementwise::Binary(op))));
    sums.contains(&node.kind) && node.types.iter().any(|ty| ty.dtype != ty.dtype.accumulator())
}

/// An input like a graph's, of the type that its elements accumulate in.
fn accumulator(builder: &mut Builder, graph: &Graph, input: Value) -> Value {
    let ty = graph.ty(input);
    builder.input(graph.node(input.node()).name.clone(), ty.with_dtype(ty.dtype.accumulator()))
}
