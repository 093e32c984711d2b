//! Folds of values with their tangents, by any associative body, in ordinary ops: the body's rule of tangents, at
//! every place of tensors at once.
//!
//! Must not live here: what folds that are known by name do to tangents (`derivative.rs`).

use choral_ir::op::{Binary, Elementwise, Slice};
use choral_ir::{BuildError, Builder, Fold, Graph, Op, Reducer};

use crate::transform::differentiate::forward;
use crate::transform::dual::{Dual, linear};
use crate::transform::lane::MappedBuilder;
use crate::transform::rules::elementwise;
use crate::transform::rules::shape::reshaped;
use crate::transform::walk;

/// Whether elements may be folded in another grouping. A body without a name is taken to be what the specification
/// demands of every body: a monoid, with its initial value.
pub(in crate::transform::rules) fn is_associative(fold: Fold) -> bool {
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
        | Fold::Second
        | Fold::Body => true,
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
        ) => false,
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

/// The fold of the first dimension, neighbours first; `None` if there is nothing to fold.
pub(in crate::transform::rules) fn fold_first(
    builder: &mut Builder,
    body: &Reducer,
    mut elements: Vec<Dual>,
) -> Result<Option<Vec<Dual>>, BuildError> {
    let mut steps = builder.graph().ty(elements[0].value).shape[0];
    if steps == 0 {
        return Ok(None);
    }
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
    let mut folded = Vec::with_capacity(elements.len());
    for dual in elements {
        folded.push(dual.map(|value| {
            let shape = builder.graph().ty(value).shape[1..].to_vec();
            builder.reshape(value, shape)
        })?);
    }
    Ok(Some(folded))
}

/// Every `stride`-th row of a range.
fn rows(
    builder: &mut Builder,
    duals: &[Dual],
    range: std::ops::Range<usize>,
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
