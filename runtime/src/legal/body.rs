//! Bodies of scalars: at every place of tensors at once if they are elementwise ops, and else at one place after another.

use std::sync::Arc;

use choral_ir::op::Scan;
use choral_ir::{BuildError, Builder, Graph, NodeKind, Op, Tensor, TensorType, Value, interpret};

use super::{Legaliser, legalised};
use crate::lower::expression::expression;

/// A body as kernels take it.
pub(super) enum Body {
    /// It is one of elementwise ops.
    Elementwise,
    /// This is one of elementwise ops, and does the same.
    Legalised(Graph),
    /// It is more.
    More,
}

pub(super) fn of(body: &Graph) -> Result<Body, BuildError> {
    if expression(body).is_some() {
        return Ok(Body::Elementwise);
    }
    let body = legalised(body)?;
    Ok(if expression(&body).is_some() { Body::Legalised(body) } else { Body::More })
}

/// The results of a body at each place of operands of one shape.
pub(super) fn at_each(
    legal: &mut Legaliser,
    body: &Graph,
    operands: &[Value],
) -> Result<Vec<Value>, BuildError> {
    match of(body)? {
        Body::Elementwise => at_once(legal, body, operands),
        Body::Legalised(body) => at_once(legal, &body, operands),
        Body::More => one_by_one(legal, body, operands),
    }
}

/// An elementwise body, whose scalars become tensors.
fn at_once(legal: &mut Legaliser, body: &Graph, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
    let shape = legal.ty(operands[0]).shape;
    interpret(body, operands.iter().copied(), |_, node, operands| match &node.kind {
        NodeKind::Input => Ok(Vec::new()),
        NodeKind::Constant(tensor) => Ok(vec![legal.builder.splat(scalar(tensor), shape.clone())]),
        // Of a body of scalars, it moves none.
        NodeKind::Op(Op::Shape(_)) => Ok(operands),
        NodeKind::Op(op) => legal.builder.push_all(op.clone(), &operands),
    })
}

/// The only element of a constant in an elementwise body.
fn scalar(tensor: &Tensor) -> Tensor {
    tensor.reshape([]).unwrap_or_else(|_| tensor.clone())
}

/// A body that runs at one place after another.
fn one_by_one(legal: &mut Legaliser, body: &Graph, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
    let shape = legal.ty(operands[0]).shape;
    let length = shape.iter().product();
    let rows: Vec<Value> =
        operands.iter().map(|&operand| legal.builder.reshape(operand, [length])).collect::<Result<_, _>>()?;
    let each = along(length, rows.len(), 0, body.clone());
    let results = legal.op(&each, &rows)?;
    results.into_iter().map(|result| legal.builder.reshape(result, shape.clone())).collect()
}

/// A body along the first dimension, of inputs and carried values.
pub(super) fn along(length: usize, inputs: usize, carried: usize, body: Graph) -> Op {
    Scan { dimension: 0, is_reverse: false, length, inputs, carried, body: Arc::new(body) }.into()
}

/// The region that folds rows of so many elements each by a body `(accumulators.., elements..) -> accumulators..`:
/// `(rows.., initial values..) -> accumulators..`.
pub(super) fn row(body: &Graph, length: usize) -> Result<Graph, BuildError> {
    let scalars = body.output_types();
    let rows: Vec<TensorType> = scalars.iter().map(|ty| ty.with_shape([length])).collect();
    let mut builder = Builder::new("row");
    let operands: Vec<Value> =
        rows.iter().chain(&scalars).map(|ty| builder.input("operand", ty.clone())).collect();
    let folds = along(length, rows.len(), scalars.len(), elements_first(body)?);
    let results = builder.push_all(folds, &operands)?;
    Ok(builder.finish(&results))
}

/// A fold's body with its elements before its accumulators.
fn elements_first(body: &Graph) -> Result<Graph, BuildError> {
    let scalars = body.output_types();
    let mut builder = Builder::new(body.name());
    let inputs: Vec<Value> =
        scalars.iter().chain(&scalars).map(|ty| builder.input("operand", ty.clone())).collect();
    let (elements, accumulators) = inputs.split_at(scalars.len());
    let results = builder.inline(body, &[accumulators, elements].concat())?;
    Ok(builder.finish(&results))
}
