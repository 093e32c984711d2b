//! Tangents and cotangents of folds.
//!
//! Sums are linear. Of a greatest or least element, the elements that equal it share its tangent.

use choral_ir::op::{Binary, BroadcastInDim, ComparisonDirection, Elementwise, Reduce, Transposed};
use choral_ir::{BuildError, Builder, Fold, TensorType, Value};

use crate::transform::dual::{
    Dual, full_like, is_linear, not_linear, refused, sum, type_of, values, zeros_like,
};
use crate::transform::rules::elementwise;
use crate::transform::rules::shape::total;

/// The results and their tangents.
pub(crate) fn jvp(builder: &mut Builder, op: &Reduce, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let (inputs, inits) = duals.split_at(duals.len() / 2);
    match op.body.fold() {
        Fold::Binary(Binary::Add) => Ok(vec![add(builder, op, inputs[0], inits[0])?]),
        Fold::Binary(fold @ (Binary::Maximum | Binary::Minimum)) => {
            let folded = extreme(builder, op, inputs[0], inits[0])?;
            if inits[0].tangent.is_none() {
                return Ok(vec![folded]);
            }
            let init = in_result(builder, inits[0], folded)?;
            elementwise::jvp(builder, &Elementwise::Binary(fold), &[folded, init])
        }
        Fold::Binary(_) | Fold::Extreme(_) | Fold::Second | Fold::Body => {
            Err(refused(builder, &op.clone().into(), &values(duals), "it has no derivative yet"))
        }
    }
}

/// A sum of tangents.
fn add(builder: &mut Builder, op: &Reduce, input: Dual, init: Dual) -> Result<Dual, BuildError> {
    let value = builder.push(op.clone(), &[input.value, init.value])?;
    let of_input = input.tangent.map(|tangent| total(builder, tangent, op.dimensions.clone())).transpose()?;
    let folded = Dual { value, tangent: of_input };
    let of_init = in_result(builder, init, folded)?.tangent;
    Ok(Dual { value, tangent: sum(builder, of_input, of_init)? })
}

/// An initial value in the shape of the result.
fn in_result(builder: &mut Builder, init: Dual, result: Dual) -> Result<Dual, BuildError> {
    let shape = builder.graph().ty(result.value).shape.clone();
    let mut stretched = |value: Value| {
        let is_scalar = builder.graph().ty(value).rank() == 0 && !shape.is_empty();
        if is_scalar { builder.broadcast_in_dim(value, shape.clone(), Vec::new()) } else { Ok(value) }
    };
    Ok(Dual { value: stretched(init.value)?, tangent: init.tangent.map(&mut stretched).transpose()? })
}

/// The mean of the tangents of the elements that equal the result.
fn extreme(builder: &mut Builder, op: &Reduce, input: Dual, init: Dual) -> Result<Dual, BuildError> {
    let value = builder.push(op.clone(), &[input.value, init.value])?;
    let Some(tangent) = input.tangent else { return Ok(Dual::constant(value)) };
    let ty = builder.graph().ty(input.value).clone();
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
