//! Regions that are known by what they compute: folds with one op, and searches for an extreme.
//!
//! Lives here: making them, and recognising them in graphs by others, so that they run fast, and so
//! that those of 16-bit floats accumulate in `f32`.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::graph::{NodeKind, Value};
use crate::op::{
    Binary, ComparisonDirection, ControlOp, Elementwise, IndexOp, Reduce, ReduceWindow, Scan, Scatter,
    SelectAndScatter, WindowOp,
};
use crate::{BuildError, Builder, DType, Graph, Op, TensorType};

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
    /// Of 2N inputs, input i and the one N places on are an accumulator and its element, or the other
    /// way round. Each of the last N results must be the sum, product, maximum or minimum of such a pair,
    /// in order; what a scan hands out before them may be that of any pair, or an input as it is.
    fn accumulating(&self) -> Option<Graph> {
        let before = self.outputs.len().checked_sub(self.inputs.len() / 2)?;
        let mut builder = Builder::new(self.name());
        let inputs: Vec<Value> =
            self.inputs.iter().map(|port| accumulator(&mut builder, self, port.value)).collect();
        let mut outputs = Vec::with_capacity(self.outputs.len());
        let mut is_coarse = false;
        for (at, port) in self.outputs.iter().enumerate() {
            let result = match (self.input_number(port.value), self.pairwise(port.value)) {
                (Some(input), _) if at < before => inputs[input],
                (_, Some((op, [left, right]))) if at < before || left.min(right) == at - before => {
                    let dtype = self.ty(port.value).dtype;
                    is_coarse |= dtype != dtype.accumulator() && matches!(op, Binary::Add | Binary::Multiply);
                    builder.binary(op, inputs[left], inputs[right]).ok()?
                }
                (_, _) => return None,
            };
            outputs.push(result);
        }
        is_coarse.then(|| builder.finish(&outputs))
    }

    /// How a value combines two inputs that are half the inputs apart, if it is a fold's step.
    fn pairwise(&self, value: Value) -> Option<(Binary, [usize; 2])> {
        let NodeKind::Op(Op::Elementwise(Elementwise::Binary(op))) = self.node(value.node()).kind else {
            return None;
        };
        let operands = self.operands(value.node());
        let [left, right] = [self.input_number(operands[0])?, self.input_number(operands[1])?];
        let folds = [Binary::Add, Binary::Multiply, Binary::Maximum, Binary::Minimum].contains(&op);
        (folds && 2 * left.abs_diff(right) == self.inputs.len()).then_some((op, [left, right]))
    }

    fn input_number(&self, value: Value) -> Option<usize> {
        self.inputs.iter().position(|port| port.value == value)
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

/// An input like a graph's, of the type that its elements accumulate in.
fn accumulator(builder: &mut Builder, graph: &Graph, input: Value) -> Value {
    let ty = graph.ty(input);
    builder.input(graph.node(input.node()).name.clone(), ty.with_dtype(ty.dtype.accumulator()))
}
