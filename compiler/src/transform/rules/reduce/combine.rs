//! Folds of values with their tangents, by any body, in other ops: the body's rule of tangents, at every place of
//! tensors at once.
//!
//! Must not live here: what folds that are known by name do to tangents (`derivative.rs`).

use std::ops::Range;

use choral_ir::graph::Port;
use choral_ir::op::{Binary, ControlOp, Elementwise, Scan, Slice};
use choral_ir::{BuildError, Builder, Fold, Graph, Op, Reducer, Value};

use crate::transform::differentiate::forward;
use crate::transform::dual::{Dual, linear};
use crate::transform::lane::MappedBuilder;
use crate::transform::rules::shape::reshaped;
use crate::transform::rules::{control, elementwise};
use crate::transform::walk;

/// Whether elements may be folded in another grouping: by a body that is known by name to allow it.
fn is_associative(fold: Fold) -> bool {
    match fold {
        Fold::Binary(
            Binary::Add
            | Binary::And
            | Binary::Maximum
            | Binary::Minimum
            | Binary::Multiply
            | Binary::Or
            | Binary::Xor,
        )
        | Fold::Extreme(_)
        | Fold::Second => true,
        Fold::Binary(
            Binary::Atan2
            | Binary::Divide
            | Binary::Mulhi
            | Binary::NextAfter
            | Binary::Polygamma
            | Binary::Power
            | Binary::Remainder
            | Binary::ShiftLeft
            | Binary::ShiftRightArithmetic
            | Binary::ShiftRightLogical
            | Binary::Subtract
            | Binary::Zeta,
        )
        | Fold::Body => false,
    }
}

/// The body of a fold, on its accumulators.
pub(in crate::transform::rules) fn accumulating(body: &Reducer, op: &Op) -> Reducer {
    let wide = op.accumulating();
    let wide = wide.as_ref().and_then(|op| op.regions().into_iter().next().cloned());
    wide.map_or_else(|| body.clone(), Reducer::from)
}

/// What a body makes of accumulators and elements, all of one shape.
pub(in crate::transform::rules) fn combined(
    builder: &mut Builder,
    body: &Reducer,
    sofar: &[Dual],
    elements: &[Dual],
) -> Result<Vec<Dual>, BuildError> {
    if let Fold::Binary(op) = body.fold() {
        return elementwise::jvp(builder, &Elementwise::Binary(op), &[sofar[0], elements[0]]);
    }
    let ty = builder.graph().ty(sofar[0].value).clone();
    let mut lines = Vec::with_capacity(sofar.len() + elements.len());
    for dual in sofar.iter().chain(elements) {
        lines.push(dual.map(|value| reshaped(builder, value, &[ty.len()]))?);
    }
    let everywhere = at_every_place(body.graph(), ty.len())?;
    let folded = forward::outputs(builder, &everywhere, &lines)?;
    folded.into_iter().map(|dual| dual.map(|value| reshaped(builder, value, &ty.shape))).collect()
}

/// A body of scalars, of vectors.
fn at_every_place(body: &Graph, places: usize) -> Result<Graph, BuildError> {
    let cx = MappedBuilder::new(body.name(), places, "".into());
    let at = |count: usize| vec![Some(0); count];
    walk::region(&cx, body, &at(body.inputs().len()), &at(body.outputs().len()))
}

/// The fold of the first dimension of elements, from accumulators on: by halves where the body allows it, else in
/// order.
pub(in crate::transform::rules) fn fold_first(
    builder: &mut Builder,
    body: &Reducer,
    sofar: Vec<Dual>,
    elements: Vec<Dual>,
) -> Result<Vec<Dual>, BuildError> {
    if builder.graph().ty(elements[0].value).shape[0] == 0 {
        return Ok(sofar);
    }
    if !is_associative(body.fold()) {
        return in_order(builder, body, &sofar, &elements);
    }
    let folded = by_halves(builder, body, elements)?;
    combined(builder, body, &sofar, &folded)
}

/// A loop over the first dimension.
fn in_order(
    builder: &mut Builder,
    body: &Reducer,
    sofar: &[Dual],
    elements: &[Dual],
) -> Result<Vec<Dual>, BuildError> {
    let ty = builder.graph().ty(sofar[0].value).clone();
    let length = builder.graph().ty(elements[0].value).shape[0];
    let mut operands = Vec::with_capacity(sofar.len() + elements.len());
    for dual in elements {
        operands.push(dual.map(|value| reshaped(builder, value, &[length, ty.len()]))?);
    }
    for dual in sofar {
        operands.push(dual.map(|value| reshaped(builder, value, &[ty.len()]))?);
    }
    let body = at_every_place(&elements_first(body.graph())?, ty.len())?.into();
    let carried = sofar.len();
    let scan = Scan { dimension: 0, is_reverse: false, length, inputs: carried, carried, body };
    let folded = control::jvp(builder, &ControlOp::Scan(scan), &operands)?;
    folded.into_iter().map(|dual| dual.map(|value| reshaped(builder, value, &ty.shape))).collect()
}

/// A body that takes elements before accumulators.
fn elements_first(body: &Graph) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(body.name());
    let count = body.inputs().len() / 2;
    let mut input =
        |port: &Port| builder.input(body.node(port.value.node()).name.clone(), body.ty(port.value).clone());
    let (sofar, elements) = body.inputs().split_at(count);
    let elements: Vec<Value> = elements.iter().map(&mut input).collect();
    let sofar: Vec<Value> = sofar.iter().map(&mut input).collect();
    let outputs = builder.inline(body, &[sofar, elements].concat())?;
    Ok(builder.finish(&outputs))
}

/// The fold of the first dimension, of which there is something, neighbours first.
fn by_halves(
    builder: &mut Builder,
    body: &Reducer,
    mut elements: Vec<Dual>,
) -> Result<Vec<Dual>, BuildError> {
    let mut steps = builder.graph().ty(elements[0].value).shape[0];
    let mut last = Vec::new();
    while steps > 1 {
        let pairs = 2 * (steps / 2);
        if steps > pairs {
            last.push(rows(builder, &elements, pairs..steps, 1)?);
        }
        let left = rows(builder, &elements, 0..pairs, 2)?;
        let right = rows(builder, &elements, 1..pairs, 2)?;
        elements = combined(builder, body, &left, &right)?;
        steps /= 2;
    }
    // What was left over last lies before what was left over first.
    for rest in last.into_iter().rev() {
        elements = combined(builder, body, &elements, &rest)?;
    }
    let without_first = |dual: Dual| {
        dual.map(|value| {
            let shape = builder.graph().ty(value).shape[1..].to_vec();
            builder.reshape(value, shape)
        })
    };
    elements.into_iter().map(without_first).collect()
}

/// Every `stride`-th row of a range.
fn rows(
    builder: &mut Builder,
    duals: &[Dual],
    range: Range<usize>,
    stride: usize,
) -> Result<Vec<Dual>, BuildError> {
    let shape = builder.graph().ty(duals[0].value).shape.clone();
    let mut op = Slice { start: vec![0; shape.len()], limit: shape.clone(), strides: vec![1; shape.len()] };
    (op.start[0], op.limit[0], op.strides[0]) = (range.start, range.end, stride);
    let op: Op = op.into();
    let mut taken = Vec::with_capacity(duals.len());
    for &dual in duals {
        taken.extend(linear(builder, &op, &[dual])?);
    }
    Ok(taken)
}
