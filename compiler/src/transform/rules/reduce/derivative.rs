//! Tangents and cotangents of folds.
//!
//! Sums are linear. Of a greatest or least element, the elements that equal it share its tangent.

use choral_ir::op::{Binary, BroadcastInDim, ComparisonDirection, Elementwise, Reduce, Transposed};
use choral_ir::{BuildError, Builder, Fold, TensorType, Value};

use super::combine::{accumulating, fold_first};
use crate::transform::dual::{
    Dual, full_like, is_filled, is_linear, not_linear, sum, type_of, values, zeros_like,
};
use crate::transform::rules::elementwise;
use crate::transform::rules::shape::{reshaped, total};
use crate::transform::views;

/// The results and their tangents.
pub(crate) fn jvp(builder: &mut Builder, op: &Reduce, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let (inputs, inits) = duals.split_at(duals.len() / 2);
    match op.body.fold() {
        Fold::Binary(Binary::Add) => Ok(vec![add(builder, op, inputs[0], inits[0])?]),
        Fold::Binary(fold @ (Binary::Maximum | Binary::Minimum)) => {
            let neutral = neutral(builder, fold, inits[0].value);
            let folded = extreme(builder, op, inputs[0], neutral)?;
            if is_neutral(builder, fold, inits[0]) {
                return Ok(vec![folded]);
            }
            let shape = builder.graph().ty(folded.value).shape.clone();
            let init = initial(builder, inits[0], &shape)?;
            elementwise::jvp(builder, &Elementwise::Binary(fold), &[folded, init])
        }
        Fold::Binary(_) | Fold::Extreme(_) | Fold::Second | Fold::Body => by_body(builder, op, inputs, inits),
    }
}

/// The tangents of a fold by any body: it folds elements with their tangents, beside the op itself.
fn by_body(
    builder: &mut Builder,
    op: &Reduce,
    inputs: &[Dual],
    inits: &[Dual],
) -> Result<Vec<Dual>, BuildError> {
    let results = builder.push_all(op.clone(), &[values(inputs), values(inits)].concat())?;
    let body = accumulating(&op.body, &op.clone().into());
    let shape = builder.graph().ty(inputs[0].value).shape.clone();
    let mut walked = op.dimensions.clone();
    walked.sort_unstable();
    let kept: Vec<usize> = (0..shape.len()).filter(|dim| !walked.contains(dim)).collect();
    let steps: usize = walked.iter().map(|&dim| shape[dim]).product();
    let result: Vec<usize> = kept.iter().map(|&dim| shape[dim]).collect();
    let lines = [vec![steps], result.clone()].concat();
    let order = [walked, kept].concat();
    let types = body.graph().input_types();
    let (mut elements, mut sofar) = (Vec::with_capacity(inputs.len()), Vec::with_capacity(inits.len()));
    for ((&input, &init), ty) in inputs.iter().zip(inits).zip(&types) {
        elements.push(input.map(|value| {
            let value = builder.as_dtype(value, ty.dtype)?;
            let value = views::permute(builder, value, &order)?;
            reshaped(builder, value, &lines)
        })?);
        let init = initial(builder, init, &result)?;
        sofar.push(init.map(|value| builder.as_dtype(value, ty.dtype))?);
    }
    let folded = fold_first(builder, &body, sofar, elements)?;
    let mut duals = Vec::with_capacity(results.len());
    for (value, dual) in results.into_iter().zip(folded) {
        let dtype = builder.graph().ty(value).dtype;
        let tangent = dual.tangent.map(|tangent| builder.as_dtype(tangent, dtype)).transpose()?;
        duals.push(Dual { value, tangent });
    }
    Ok(duals)
}

/// A sum of tangents.
fn add(builder: &mut Builder, op: &Reduce, input: Dual, init: Dual) -> Result<Dual, BuildError> {
    let value = builder.push(op.clone(), &[input.value, init.value])?;
    let of_input = input.tangent.map(|tangent| total(builder, tangent, op.dimensions.clone())).transpose()?;
    let shape = builder.graph().ty(value).shape.clone();
    let of_init = initial(builder, init, &shape)?.tangent;
    Ok(Dual { value, tangent: sum(builder, of_input, of_init)? })
}

/// An initial value in the shape of the result.
pub(in crate::transform::rules) fn initial(
    builder: &mut Builder,
    init: Dual,
    shape: &[usize],
) -> Result<Dual, BuildError> {
    init.map(|value| {
        let dims: Vec<usize> = (0..builder.graph().ty(value).rank()).collect();
        views::stretch(builder, value, shape, &dims)
    })
}

/// What changes no number under a maximum or minimum.
fn neutral_of(fold: Binary) -> f64 {
    if fold == Binary::Minimum { f64::INFINITY } else { f64::NEG_INFINITY }
}

/// What changes no number under a maximum or minimum, as a scalar of a value's element type.
pub(in crate::transform::rules) fn neutral(builder: &mut Builder, fold: Binary, like: Value) -> Value {
    let dtype = builder.graph().ty(like).dtype;
    builder.full(neutral_of(fold), dtype, [])
}

/// Whether an initial value is known to be [`neutral`].
pub(in crate::transform::rules) fn is_neutral(builder: &Builder, fold: Binary, init: Dual) -> bool {
    init.tangent.is_none() && is_filled(builder.graph(), init.value, neutral_of(fold))
}

/// The mean of the tangents of the elements that equal the result, from a neutral initial value on.
fn extreme(builder: &mut Builder, op: &Reduce, input: Dual, init: Value) -> Result<Dual, BuildError> {
    let value = builder.push(op.clone(), &[input.value, init])?;
    let ty = builder.graph().ty(input.value).clone();
    let Some(tangent) = input.tangent.filter(|_| !ty.is_empty()) else { return Ok(Dual::constant(value)) };
    let everywhere = repeated(builder, op, value, &ty)?;
    let is_result = builder.compare(ComparisonDirection::Eq, input.value, everywhere)?;
    let one = full_like(builder, input.value, 1.0);
    let zero = zeros_like(builder, input.value);
    let ones = builder.select(is_result, one, zero)?;
    let count = total(builder, ones, op.dimensions.clone())?;
    let chosen = builder.select(is_result, tangent, zero)?;
    let chosen = total(builder, chosen, op.dimensions.clone())?;
    let tangent = builder.binary(Binary::Divide, chosen, count)?;
    Ok(Dual { value, tangent: Some(tangent) })
}

/// A value of the result's shape, repeated along the folded dimensions.
fn repeated(builder: &mut Builder, op: &Reduce, value: Value, ty: &TensorType) -> Result<Value, BuildError> {
    let dims = (0..ty.rank()).filter(|dim| !op.dimensions.contains(dim)).collect();
    builder.push(BroadcastInDim { shape: ty.shape.clone(), dims }, &[value])
}

/// Each element of a sum gets the cotangent of the sum.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &Reduce,
    operands: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    let (Fold::Binary(Binary::Add), [Some(cotangent)]) = (op.body.fold(), cotangents) else {
        return Err(not_linear(&op.clone().into()));
    };
    let ty = type_of(builder, &operands[0]);
    let of_input = match is_linear(&operands[0]) {
        true => Some(repeated(builder, op, *cotangent, &ty)?),
        false => None,
    };
    let of_init = match is_linear(&operands[1]) {
        true => {
            let is_scalar = type_of(builder, &operands[1]).rank() == 0;
            let rank = builder.graph().ty(*cotangent).rank();
            let summed = if is_scalar { (0..rank).collect() } else { Vec::new() };
            Some(total(builder, *cotangent, summed)?)
        }
        false => None,
    };
    Ok(vec![of_input, of_init])
}
