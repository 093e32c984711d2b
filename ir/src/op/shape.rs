//! Ops that move, repeat and select elements by their place alone.

use serde::{Deserialize, Serialize};

use super::convolution::extent;
use super::{TypeError, arity, distinct, ensure, overflow, spelled};
use crate::{DType, TensorType};

/// A shape op.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ShapeOp {
    /// See [`Iota`].
    Iota(Iota),
    /// See [`BitcastConvert`].
    BitcastConvert(BitcastConvert),
    /// See [`BroadcastInDim`].
    BroadcastInDim(BroadcastInDim),
    /// See [`Reshape`].
    Reshape(Reshape),
    /// See [`Transpose`].
    Transpose(Transpose),
    /// See [`Reverse`].
    Reverse(Reverse),
    /// See [`Slice`].
    Slice(Slice),
    /// See [`Pad`].
    Pad(Pad),
    /// See [`Concatenate`].
    Concatenate(Concatenate),
}

/// `result[i] = i[dimension]`. (C1) `dimension` is in range; (C2) the elements are numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Iota {
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// Element type of the result.
    pub dtype: DType,
    /// The dimension along which the values grow.
    pub dimension: usize,
}

/// The operand's bits read as another element type; `i1` is one bit wide.
///
/// (C1) of a narrower type, a new last dimension holds the parts of each element, the lowest bits
/// first; of a wider type, the last dimension holds the parts of each result element and goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BitcastConvert {
    /// Element type of the result.
    pub dtype: DType,
}

/// `result[i] = operand[j]` with `j[d] = i[dims[d]]`, or 0 where the operand's dimension is 1.
///
/// (C2) one entry of `dims` per operand dimension; (C3, C4) in range and distinct; (C5) an operand
/// dimension is 1 or the result's size.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BroadcastInDim {
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// Where each operand dimension goes.
    pub dims: Vec<usize>,
}

/// The same elements in row-major order under another shape. (C1) the number of elements stays.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reshape {
    /// Shape of the result.
    pub shape: Vec<usize>,
}

/// `result` dimension `d` is operand dimension `permutation[d]`. (C2) a permutation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transpose {
    /// Operand dimension of each result dimension.
    pub permutation: Vec<usize>,
}

/// Reverses the order along `dims`. (C2, C3) distinct and in range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reverse {
    /// The dimensions to reverse.
    pub dims: Vec<usize>,
}

/// Elements `start, start + stride, ..` below `limit` in every dimension.
///
/// (C2) one entry per dimension; (C3) `start <= limit <= size`; (C4) `stride >= 1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slice {
    /// First index taken.
    pub start: Vec<usize>,
    /// First index not taken.
    pub limit: Vec<usize>,
    /// Distance between indices taken.
    pub strides: Vec<usize>,
}

/// Operands `operand` and a scalar `padding_value`: room before, after and between elements;
/// negative `low` and `high` remove.
///
/// (C1) one element type; (C2) one entry per dimension; (C3) no result size is below zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pad {
    /// Elements added before the first.
    pub low: Vec<i64>,
    /// Elements added after the last.
    pub high: Vec<i64>,
    /// Elements added between each two.
    pub interior: Vec<usize>,
}

/// The operands one after another along `dimension`.
///
/// (C1) one element type; (C2) same sizes but along `dimension`; (C3) at least one operand; (C4) in range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Concatenate {
    /// The dimension that grows.
    pub dimension: usize,
}

macro_rules! family {
    ($($Op:ident $name:literal;)*) => {
        impl ShapeOp {
            /// The name in StableHLO text.
            pub const fn name(&self) -> &'static str {
                match self { $(ShapeOp::$Op(_) => $name),* }
            }
        }
        $(impl From<$Op> for crate::Op {
            fn from(op: $Op) -> crate::Op { crate::Op::Shape(ShapeOp::$Op(op)) }
        })*
    };
}
family! {
    Iota "stablehlo.iota";
    BitcastConvert "stablehlo.bitcast_convert";
    BroadcastInDim "stablehlo.broadcast_in_dim";
    Reshape "stablehlo.reshape";
    Transpose "stablehlo.transpose";
    Reverse "stablehlo.reverse";
    Slice "stablehlo.slice";
    Pad "stablehlo.pad";
    Concatenate "stablehlo.concatenate";
}

impl Slice {
    /// Shape of the result.
    pub fn result_shape(&self) -> Vec<usize> {
        let bounds = self.limit.iter().zip(&self.start).zip(&self.strides);
        bounds.map(|((limit, start), stride)| (limit - start).div_ceil(*stride)).collect()
    }
}

impl Pad {
    /// Size of a padded dimension, which may be below zero; `None` if one of its places, counted from
    /// the operand's first element or from the start of the padding, overflows.
    fn result_size(&self, dim: usize, size: usize) -> Option<i64> {
        let (low, high) = (self.low[dim], self.high[dim]);
        let size = extent(size, self.interior[dim].checked_add(1)?)?.checked_add(low)?.checked_add(high)?;
        low.checked_neg()?.checked_add(size.max(0))?;
        Some(size)
    }
}

/// Type rule of the family; the constraints stand at each op's attributes.
pub fn infer(op: &ShapeOp, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    let result = match op {
        ShapeOp::Iota(op) => infer_iota(op, operands)?,
        ShapeOp::BitcastConvert(op) => infer_bitcast_convert(op, operands)?,
        ShapeOp::BroadcastInDim(op) => infer_broadcast_in_dim(op, operands)?,
        ShapeOp::Reshape(Reshape { shape }) => {
            arity(1, operands)?;
            let result = operands[0].with_shape(shape.clone());
            ensure!(
                result.len() == operands[0].len(),
                "C1",
                "{} has {} elements, but {result} has {}",
                operands[0],
                operands[0].len(),
                result.len()
            );
            result
        }
        ShapeOp::Transpose(Transpose { permutation }) => {
            arity(1, operands)?;
            let ty = operands[0];
            ensure!(
                permutation.len() == ty.rank(),
                "C2",
                "permutation {permutation:?} needs one entry per dimension of {ty}"
            );
            distinct("permutation", permutation, ty.rank())?;
            ty.with_shape(permutation.iter().map(|&dim| ty.shape[dim]).collect::<Vec<_>>())
        }
        ShapeOp::Reverse(Reverse { dims }) => {
            arity(1, operands)?;
            distinct("dims", dims, operands[0].rank())?;
            operands[0].clone()
        }
        ShapeOp::Slice(op) => infer_slice(op, operands)?,
        ShapeOp::Pad(op) => infer_pad(op, operands)?,
        ShapeOp::Concatenate(op) => infer_concatenate(op, operands)?,
    };
    Ok(vec![result])
}

fn infer_bitcast_convert(
    BitcastConvert { dtype }: &BitcastConvert,
    operands: &[&TensorType],
) -> Result<TensorType, TypeError> {
    arity(1, operands)?;
    let ty = operands[0];
    let (from, to) = (ty.dtype.bits(), dtype.bits());
    let mut shape = ty.shape.clone();
    if from > to {
        shape.push(from / to);
    } else if from < to {
        let last = shape.pop();
        ensure!(
            last == Some(to / from),
            "C1",
            "the last dimension of {ty} must hold the {} parts of each {dtype}",
            to / from
        );
    }
    Ok(TensorType::new(shape, *dtype))
}

fn infer_iota(
    Iota { shape, dtype, dimension }: &Iota,
    operands: &[&TensorType],
) -> Result<TensorType, TypeError> {
    arity(0, operands)?;
    ensure!(*dimension < shape.len(), "C1", "dimension {dimension} is out of range for shape {shape:?}");
    ensure!(*dtype != DType::I1, "C2", "expected numbers, got i1");
    Ok(TensorType::new(shape.clone(), *dtype))
}

fn infer_broadcast_in_dim(op: &BroadcastInDim, operands: &[&TensorType]) -> Result<TensorType, TypeError> {
    let BroadcastInDim { shape, dims } = op;
    arity(1, operands)?;
    let ty = operands[0];
    ensure!(dims.len() == ty.rank(), "C2", "dims {dims:?} needs one entry per dimension of {ty}");
    distinct("dims", dims, shape.len())?;
    for (dim, (&size, &to)) in ty.shape.iter().zip(dims).enumerate() {
        ensure!(
            size == 1 || size == shape[to],
            "C5",
            "dimension {dim} of {ty} cannot be repeated to size {} of dimension {to} in {shape:?}",
            shape[to]
        );
    }
    Ok(ty.with_shape(shape.clone()))
}

fn infer_slice(op: &Slice, operands: &[&TensorType]) -> Result<TensorType, TypeError> {
    let Slice { start, limit, strides } = op;
    arity(1, operands)?;
    let ty = operands[0];
    ensure!(
        [start.len(), limit.len(), strides.len()] == [ty.rank(); 3],
        "C2",
        "start, limit and strides need one entry per dimension of {ty}"
    );
    for dim in 0..ty.rank() {
        ensure!(
            start[dim] <= limit[dim] && limit[dim] <= ty.shape[dim],
            "C3",
            "slice {}:{} does not lie within dimension {dim} of {ty}",
            start[dim],
            limit[dim]
        );
        ensure!(strides[dim] > 0, "C4", "stride of dimension {dim} must be at least 1");
    }
    spelled("a stride", strides)?;
    Ok(ty.with_shape(op.result_shape()))
}

fn infer_pad(op: &Pad, operands: &[&TensorType]) -> Result<TensorType, TypeError> {
    arity(2, operands)?;
    let (ty, value) = (operands[0], operands[1]);
    ensure!(
        *value == TensorType::scalar(ty.dtype),
        "C1",
        "the padding value of {ty} must be a scalar of its element type, got {value}"
    );
    ensure!(
        [op.low.len(), op.high.len(), op.interior.len()] == [ty.rank(); 3],
        "C2",
        "low, high and interior need one entry per dimension of {ty}"
    );
    spelled("interior padding", &op.interior)?;
    let mut shape = Vec::with_capacity(ty.rank());
    for (dim, &size) in ty.shape.iter().enumerate() {
        let result = op.result_size(dim, size);
        let result = result.ok_or_else(|| overflow(format_args!("padded dimension {dim} of {ty}")))?;
        let size = usize::try_from(result);
        ensure!(
            size.is_ok(),
            "C3",
            "negative padding removes more elements than there are in dimension {dim} of {ty}"
        );
        shape.extend(size);
    }
    Ok(ty.with_shape(shape))
}

fn infer_concatenate(op: &Concatenate, operands: &[&TensorType]) -> Result<TensorType, TypeError> {
    let Concatenate { dimension } = *op;
    ensure!(!operands.is_empty(), "C3", "expected at least one operand");
    let first = operands[0];
    ensure!(dimension < first.rank(), "C4", "dimension {dimension} is out of range for {first}");
    let mut result = first.clone();
    for (position, other) in operands.iter().enumerate().skip(1) {
        let mut expected = first.clone();
        if other.rank() == first.rank() {
            expected.shape[dimension] = other.shape[dimension];
            let size = result.shape[dimension].checked_add(other.shape[dimension]);
            result.shape[dimension] =
                size.ok_or_else(|| overflow(format_args!("dimension {dimension} of the result")))?;
        }
        ensure!(
            **other == expected,
            "C2",
            "operands may differ only in dimension {dimension}, but operand 0 is {first} and operand {position} is {other}"
        );
    }
    Ok(result)
}

/// Where a dimension of an operand goes. A reshape keeps it while nothing before it is regrouped; what
/// reorders it, or leaves some of it out, does not.
pub(super) fn follow(op: &ShapeOp, operands: &[&TensorType], dim: usize) -> Option<usize> {
    let size = operands[0].shape[dim];
    let stays = match op {
        ShapeOp::BroadcastInDim(op) => return (op.shape[op.dims[dim]] == size).then_some(op.dims[dim]),
        ShapeOp::Transpose(op) => return op.permutation.iter().position(|&from| from == dim),
        ShapeOp::Reshape(op) => return regrouped(&operands[0].shape, &op.shape, dim),
        ShapeOp::BitcastConvert(_) => true,
        ShapeOp::Iota(_) => false,
        ShapeOp::Reverse(op) => !op.dims.contains(&dim),
        ShapeOp::Slice(op) => (op.start[dim], op.limit[dim], op.strides[dim]) == (0, size, 1),
        ShapeOp::Pad(op) => (op.low[dim], op.high[dim], op.interior[dim]) == (0, 0, 0),
        ShapeOp::Concatenate(op) => dim != op.dimension,
    };
    stays.then_some(dim)
}

/// The dimension of the new shape that has the old one's size, behind as many elements.
fn regrouped(from: &[usize], to: &[usize], dim: usize) -> Option<usize> {
    let before = from[..dim].iter().product::<usize>();
    (0..to.len()).find(|&at| to[at] == from[dim] && to[..at].iter().product::<usize>() == before)
}
