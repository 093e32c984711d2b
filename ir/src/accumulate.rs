//! Folds on accumulators wider than their own types: what adding and multiplying 16-bit floats means.
//!
//! Lives here: the same op on accumulators. Which bodies ask for them says [`crate::fold`].

use crate::fold::{accumulates, parts};
use crate::op::{ControlOp, IndexOp, Reduce, ReduceWindow, Scan, Scatter, SelectAndScatter, WindowOp};
use crate::{BuildError, Builder, Graph, Op, Reducer, Value, interpret};

impl Op {
    /// The op on [accumulators](crate::DType::accumulator), if it is a fold that adds or multiplies `f16`
    /// or `bf16`: `reduce`, `reduce_window`, `scatter` or `select_and_scatter` with such a body, or a
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
        let wide = |body: &Reducer| match body.accumulates() {
            true => widened(body.graph()).map(Reducer::from),
            false => None,
        };
        Some(match self {
            Op::Reduce(op) => Reduce { body: wide(&op.body)?, ..op.clone() }.into(),
            Op::Window(WindowOp::ReduceWindow(op)) => {
                ReduceWindow { body: wide(&op.body)?, ..op.clone() }.into()
            }
            Op::Window(WindowOp::SelectAndScatter(op)) => {
                let (scatter, select) = (wide(&op.scatter)?, rounding(op.select.graph())?.into());
                SelectAndScatter { select, scatter, ..op.clone() }.into()
            }
            Op::Index(IndexOp::Scatter(op)) => Scatter { body: wide(&op.body)?, ..op.clone() }.into(),
            Op::Control(ControlOp::Scan(op))
                if op.inputs == op.carried
                    && 2 * op.inputs == op.body.inputs().len()
                    && accumulates(&op.body) =>
            {
                Scan { body: widened(&op.body)?.into(), ..op.clone() }.into()
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

/// A body that accumulates, on accumulators.
fn widened(body: &Graph) -> Option<Graph> {
    let parts = parts(body);
    let mut builder = Builder::new(body.name());
    let inputs: Vec<Value> =
        body.inputs().iter().map(|port| accumulator(&mut builder, body, port.value)).collect();
    let outputs = interpret(body, inputs.into_iter().map(Some), |id, node, operands| {
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

/// A body on accumulators of its inputs, which it takes rounded to their own types.
fn rounding(body: &Graph) -> Option<Graph> {
    let mut builder = Builder::new(body.name());
    let mut inputs = Vec::with_capacity(body.inputs().len());
    for port in body.inputs() {
        let wide = accumulator(&mut builder, body, port.value);
        inputs.push(builder.convert(wide, body.ty(port.value).dtype).ok()?);
    }
    let outputs = builder.inline(body, &inputs).ok()?;
    Some(builder.finish(&outputs))
}

/// An input like a body's, of the type that its elements accumulate in.
fn accumulator(builder: &mut Builder, body: &Graph, input: Value) -> Value {
    let ty = body.ty(input);
    builder.input(body.node(input.node()).name.clone(), ty.with_dtype(ty.dtype.accumulator()))
}
