//! Moving, repeating and selecting elements by place.

use choral_ir::op::{
    BitcastConvert, BroadcastInDim, Concatenate, Iota, Pad, Reverse, ShapeOp, Slice, Transpose,
};
use choral_ir::{Storage, Tensor, TensorType};

use super::places::{indices, place};
use crate::error::Error;

/// The result of an op of the family.
///
/// # Errors
/// Only if a tensor does not hold what its type says.
pub fn evaluate(op: &ShapeOp, operands: &[&Tensor], ty: &TensorType) -> Result<Tensor, Error> {
    let shape = &ty.shape;
    match op {
        ShapeOp::Iota(op) => iota(op),
        ShapeOp::BitcastConvert(op) => bitcast_convert(op, operands[0], shape),
        ShapeOp::BroadcastInDim(op) => broadcast_in_dim(op, operands[0]),
        ShapeOp::Reshape(_) => Ok(operands[0].reshape(shape.clone())?),
        ShapeOp::Transpose(op) => transpose(op, operands[0], shape),
        ShapeOp::Reverse(op) => reverse(op, operands[0]),
        ShapeOp::Slice(op) => slice(op, operands[0], shape),
        ShapeOp::Pad(op) => pad(op, operands[0], operands[1], shape),
        ShapeOp::Concatenate(op) => concatenate(op, operands, shape),
    }
}

/// A tensor of `shape` whose element at each index is `operand`'s at `source(index)`.
pub(crate) fn pick(
    operand: &Tensor,
    shape: &[usize],
    source: impl Fn(&[usize]) -> Vec<usize>,
) -> Result<Tensor, Error> {
    let places: Vec<usize> = indices(shape).map(|index| place(operand.shape(), &source(&index))).collect();
    Ok(Tensor::pick(&[operand], shape, &places)?)
}

/// A value at its full type: a scalar under a larger type fills it.
pub(crate) fn filled(tensor: &Tensor, ty: &TensorType) -> Result<Tensor, Error> {
    if tensor.ty() == ty { Ok(tensor.clone()) } else { fill(tensor, &ty.shape) }
}

/// A scalar repeated over a shape.
fn fill(scalar: &Tensor, shape: &[usize]) -> Result<Tensor, Error> {
    pick(scalar, shape, |_| Vec::new())
}

fn iota(Iota { shape, dtype, dimension }: &Iota) -> Result<Tensor, Error> {
    let values: Vec<f64> = indices(shape).map(|index| index[*dimension] as f64).collect();
    Ok(Tensor::from_storage(shape.as_slice(), Storage::from_f64(*dtype, &values))?)
}

fn bitcast_convert(
    BitcastConvert { dtype }: &BitcastConvert,
    operand: &Tensor,
    shape: &[usize],
) -> Result<Tensor, Error> {
    let (from, to) = (operand.dtype().bits(), dtype.bits());
    let bits = operand.storage().bits();
    let split = |whole: &u64| (0..from / to).map(|part| *whole >> (part * to)).collect::<Vec<_>>();
    let join =
        |parts: &[u64]| parts.iter().enumerate().fold(0, |whole, (at, part)| whole | part << (at * from));
    let bits: Vec<u64> = if from >= to {
        bits.iter().flat_map(split).collect()
    } else {
        bits.chunks(to / from).map(join).collect()
    };
    Ok(Tensor::from_storage(shape, Storage::from_bits(*dtype, &bits))?)
}

fn broadcast_in_dim(
    BroadcastInDim { shape, dims }: &BroadcastInDim,
    operand: &Tensor,
) -> Result<Tensor, Error> {
    let sizes = operand.shape();
    pick(operand, shape, |index| {
        let at = |(&dim, &size): (&usize, &usize)| if size == 1 { 0 } else { index[dim] };
        dims.iter().zip(sizes).map(at).collect()
    })
}

fn transpose(
    Transpose { permutation }: &Transpose,
    operand: &Tensor,
    shape: &[usize],
) -> Result<Tensor, Error> {
    pick(operand, shape, |index| {
        let mut source = vec![0; index.len()];
        permutation.iter().zip(index).for_each(|(&dim, &at)| source[dim] = at);
        source
    })
}

fn reverse(Reverse { dims }: &Reverse, operand: &Tensor) -> Result<Tensor, Error> {
    let shape = operand.shape();
    pick(operand, shape, |index| {
        let mut source = index.to_vec();
        dims.iter().for_each(|&dim| source[dim] = shape[dim] - 1 - index[dim]);
        source
    })
}

fn slice(
    Slice { start, limit: _, strides }: &Slice,
    operand: &Tensor,
    shape: &[usize],
) -> Result<Tensor, Error> {
    pick(operand, shape, |index| {
        index
            .iter()
            .zip(start.iter().zip(strides))
            .map(|(&at, (&start, &stride))| start + at * stride)
            .collect()
    })
}

fn pad(
    Pad { low, high: _, interior }: &Pad,
    operand: &Tensor,
    padding: &Tensor,
    shape: &[usize],
) -> Result<Tensor, Error> {
    let source = |index: &[usize]| -> Option<usize> {
        let along = |dim: usize| {
            let behind = usize::try_from(index[dim] as i64 - low[dim]).ok()?;
            let step = interior[dim] + 1;
            (behind.is_multiple_of(step) && behind / step < operand.shape()[dim]).then_some(behind / step)
        };
        let source: Vec<usize> = (0..index.len()).map(along).collect::<Option<_>>()?;
        Some(place(operand.shape(), &source))
    };
    // The padding's only element comes after the operand's.
    let places: Vec<usize> = indices(shape).map(|index| source(&index).unwrap_or(operand.len())).collect();
    Ok(Tensor::pick(&[operand, padding], shape, &places)?)
}

pub(super) fn concatenate(
    Concatenate { dimension }: &Concatenate,
    operands: &[&Tensor],
    shape: &[usize],
) -> Result<Tensor, Error> {
    let rows: usize = shape[..*dimension].iter().product();
    let mut places = Vec::new();
    for row in 0..rows {
        let mut start = 0;
        for operand in operands {
            let width = operand.len() / rows;
            places.extend(start + row * width..start + (row + 1) * width);
            start += operand.len();
        }
    }
    Ok(Tensor::pick(operands, shape, &places)?)
}
