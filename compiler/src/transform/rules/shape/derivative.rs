//! Tangents and cotangents of ops that move, repeat and select elements by place. All are linear; the way back adds
//! up what was repeated, and fills what was left out with zeros.

use choral_ir::op::{Binary, BroadcastInDim, Concatenate, Pad, ShapeOp, Slice, Transposed};
use choral_ir::{BuildError, Builder, DType, Op, Tensor, Value};

use crate::transform::dual::{Dual, constants, is_linear, linear, moved_with_mask, type_of, zeros};
use crate::transform::views;

/// The result and its tangent.
pub(crate) fn jvp(builder: &mut Builder, op: &ShapeOp, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let any: Op = op.clone().into();
    match op {
        // Bits have no derivative.
        ShapeOp::Iota(_) | ShapeOp::BitcastConvert(_) => constants(builder, &any, duals),
        ShapeOp::BroadcastInDim(_)
        | ShapeOp::Reshape(_)
        | ShapeOp::Transpose(_)
        | ShapeOp::Reverse(_)
        | ShapeOp::Slice(_)
        | ShapeOp::Pad(_)
        | ShapeOp::Concatenate(_) => linear(builder, &any, duals),
    }
}

/// The cotangents of the operands.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &ShapeOp,
    operands: &[Transposed],
    cotangent: Value,
) -> Result<Vec<Option<Value>>, BuildError> {
    let shape_of = |builder: &Builder, at: usize| type_of(builder, &operands[at]).shape;
    let back = match op {
        ShapeOp::Iota(_) => return Ok(Vec::new()),
        ShapeOp::BitcastConvert(_) => return Ok(vec![None]),
        ShapeOp::BroadcastInDim(op) => {
            let shape = shape_of(builder, 0);
            broadcast_in_dim(builder, op, &shape, cotangent)?
        }
        ShapeOp::Reshape(_) => {
            let shape = shape_of(builder, 0);
            moved_with_mask(builder, cotangent, |builder, value| builder.reshape(value, shape.clone()))?
        }
        ShapeOp::Transpose(op) => {
            let mut permutation = vec![0; op.permutation.len()];
            op.permutation.iter().enumerate().for_each(|(to, &from)| permutation[from] = to);
            moved_with_mask(builder, cotangent, |builder, value| {
                views::permute(builder, value, &permutation)
            })?
        }
        ShapeOp::Reverse(op) => {
            moved_with_mask(builder, cotangent, |builder, value| builder.push(op.clone(), &[value]))?
        }
        ShapeOp::Slice(op) => {
            let shape = shape_of(builder, 0);
            slice(builder, op, &shape, cotangent)?
        }
        ShapeOp::Pad(op) => return pad(builder, op, operands, cotangent),
        ShapeOp::Concatenate(op) => return concatenate(builder, op, operands, cotangent),
    };
    Ok(vec![Some(back)])
}

/// The sum over the dimensions along which elements were repeated.
fn broadcast_in_dim(
    builder: &mut Builder,
    BroadcastInDim { shape, dims }: &BroadcastInDim,
    operand: &[usize],
    cotangent: Value,
) -> Result<Value, BuildError> {
    let is_kept =
        |dim: usize| dims.iter().position(|&to| to == dim).is_some_and(|from| operand[from] == shape[dim]);
    let summed: Vec<usize> = (0..shape.len()).filter(|&dim| !is_kept(dim)).collect();
    let total = total(builder, cotangent, summed)?;
    // What is left are the operand's dimensions of their full size, in the result's order.
    let mut kept: Vec<usize> =
        (0..operand.len()).filter(|&from| operand[from] == shape[dims[from]]).collect();
    let in_order = kept.clone();
    kept.sort_by_key(|&from| dims[from]);
    let place = |from: &usize| kept.iter().position(|at| at == from).unwrap_or_default();
    let permutation: Vec<usize> = in_order.iter().map(place).collect();
    let total = views::permute(builder, total, &permutation)?;
    reshaped(builder, total, operand)
}

/// The value in a shape; itself if that is its own.
pub(in crate::transform::rules) fn reshaped(
    builder: &mut Builder,
    value: Value,
    shape: &[usize],
) -> Result<Value, BuildError> {
    if builder.graph().ty(value).shape == shape { Ok(value) } else { builder.reshape(value, shape) }
}

/// The sum over dimensions; the value itself over none.
pub(in crate::transform::rules) fn total(
    builder: &mut Builder,
    value: Value,
    dimensions: Vec<usize>,
) -> Result<Value, BuildError> {
    if dimensions.is_empty() {
        return Ok(value);
    }
    let dtype = builder.graph().ty(value).dtype;
    let zero = builder.full(0.0, dtype, []);
    builder.reduce(value, zero, dimensions, Binary::Add)
}

/// The cotangent where elements were taken, zeros elsewhere.
fn slice(
    builder: &mut Builder,
    Slice { start, limit: _, strides }: &Slice,
    operand: &[usize],
    cotangent: Value,
) -> Result<Value, BuildError> {
    let ty = builder.graph().ty(cotangent).clone();
    if ty.is_empty() {
        return Ok(zeros(builder, &ty.with_shape(operand)));
    }
    let high = |dim: usize| {
        let last = start[dim] + (ty.shape[dim] - 1) * strides[dim];
        (operand[dim] - last - 1) as i64
    };
    let op = Pad {
        low: start.iter().map(|&start| start as i64).collect(),
        high: (0..operand.len()).map(high).collect(),
        interior: strides.iter().map(|stride| stride - 1).collect(),
    };
    let zero = builder.full(0.0, ty.dtype, []);
    builder.push(op, &[cotangent, zero])
}

/// The operand gets what lies where its elements went, the padding value the sum of the rest.
fn pad(
    builder: &mut Builder,
    op: &Pad,
    operands: &[Transposed],
    cotangent: Value,
) -> Result<Vec<Option<Value>>, BuildError> {
    let of_operand = match is_linear(&operands[0]) {
        true => {
            let shape = type_of(builder, &operands[0]).shape;
            Some(unpadded(builder, op, &shape, cotangent)?)
        }
        false => None,
    };
    let of_padding = match is_linear(&operands[1]) {
        true => {
            let shape = type_of(builder, &operands[0]).shape;
            let inside = builder.splat(Tensor::scalar(true), shape);
            let outside = builder.full(0.0, DType::I1, []);
            let is_operand = builder.push(op.clone(), &[inside, outside])?;
            let ty = builder.graph().ty(cotangent).clone();
            let zeros = zeros(builder, &ty);
            let rest = builder.select(is_operand, zeros, cotangent)?;
            Some(total(builder, rest, (0..ty.rank()).collect())?)
        }
        false => None,
    };
    Ok(vec![of_operand, of_padding])
}

/// The elements at the places of a padded operand of `shape`; zeros where padding removed them.
fn unpadded(
    builder: &mut Builder,
    Pad { low, high, interior }: &Pad,
    shape: &[usize],
    cotangent: Value,
) -> Result<Value, BuildError> {
    let ty = builder.graph().ty(cotangent).clone();
    if shape.contains(&0) {
        return Ok(zeros(builder, &ty.with_shape(shape)));
    }
    let opposite = |sizes: &[i64]| sizes.iter().map(|size| -size).collect::<Vec<i64>>();
    let back = Pad { low: opposite(low), high: opposite(high), interior: vec![0; low.len()] };
    let zero = builder.full(0.0, ty.dtype, []);
    let whole = builder.push(back, &[cotangent, zero])?;
    let op = Slice {
        start: vec![0; shape.len()],
        limit: builder.graph().ty(whole).shape.clone(),
        strides: interior.iter().map(|interior| interior + 1).collect(),
    };
    if op.strides.iter().all(|&stride| stride == 1) { Ok(whole) } else { builder.push(op, &[whole]) }
}

/// Each operand gets its part.
fn concatenate(
    builder: &mut Builder,
    Concatenate { dimension }: &Concatenate,
    operands: &[Transposed],
    cotangent: Value,
) -> Result<Vec<Option<Value>>, BuildError> {
    let shape = builder.graph().ty(cotangent).shape.clone();
    let (mut parts, mut at) = (Vec::with_capacity(operands.len()), 0);
    for operand in operands {
        let next = at + type_of(builder, operand).shape[*dimension];
        let mut op =
            Slice { start: vec![0; shape.len()], limit: shape.clone(), strides: vec![1; shape.len()] };
        (op.start[*dimension], op.limit[*dimension]) = (at, next);
        parts.push(if is_linear(operand) { Some(builder.push(op, &[cotangent])?) } else { None });
        at = next;
    }
    Ok(parts)
}
