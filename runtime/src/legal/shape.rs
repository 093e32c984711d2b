//! Bits of integers that are narrower than a byte as another type, and counts longer than any that are kept.

use choral_ir::op::{Binary, BitcastConvert, Iota, Slice};
use choral_ir::{BuildError, DType, TensorType, Value};

use super::{Legaliser, Made};
use crate::lower::number::COUNTED;

/// Bits of whole bytes are read where they lie; others are shifted out of integers, or into them.
pub(super) fn bitcast_convert(legal: &mut Legaliser, op: &BitcastConvert, operand: Value) -> Made {
    let from = legal.ty(operand).dtype;
    if from == op.dtype {
        return Ok(Some(vec![operand]));
    }
    if from.bits() >= 8 && op.dtype.bits() >= 8 {
        return Ok(None);
    }
    let bits = unsigned(legal, operand)?;
    let bits = match from.bits().cmp(&op.dtype.bits()) {
        std::cmp::Ordering::Greater => split(legal, bits, from, op.dtype)?,
        std::cmp::Ordering::Equal => bits,
        std::cmp::Ordering::Less => join(legal, bits, from, op.dtype)?,
    };
    Ok(Some(vec![signed(legal, bits, op.dtype)?]))
}

/// The unsigned type of so many bits, or of a byte for fewer.
fn unsigned_type(bits: usize) -> DType {
    match bits {
        0..=8 => DType::Ui8,
        9..=16 => DType::Ui16,
        17..=32 => DType::Ui32,
        _ => DType::Ui64,
    }
}

/// The bits of elements as unsigned integers of whole bytes.
fn unsigned(legal: &mut Legaliser, x: Value) -> Result<Value, BuildError> {
    let dtype = legal.ty(x).dtype;
    let own = match dtype.bits() {
        1 => DType::I1,
        2 => DType::Ui2,
        4 => DType::Ui4,
        bits => return legal.builder.push(BitcastConvert { dtype: unsigned_type(bits) }, &[x]),
    };
    let own = legal.builder.as_dtype(x, own)?;
    legal.builder.convert(own, DType::Ui8)
}

/// Unsigned integers of whole bytes as elements with these bits.
fn signed(legal: &mut Legaliser, bits: Value, dtype: DType) -> Result<Value, BuildError> {
    match dtype.bits() {
        1..8 => legal.builder.convert(bits, dtype),
        _ => legal.builder.push(BitcastConvert { dtype }, &[bits]),
    }
}

/// How far the bits of each part of a whole are shifted, in a shape whose last dimension numbers the parts.
fn distances(legal: &mut Legaliser, ty: &TensorType, bits: usize) -> Result<Value, BuildError> {
    let TensorType { shape, dtype } = ty.clone();
    let last = shape.len().saturating_sub(1);
    let counting = legal.one(Iota { shape: shape.clone(), dtype, dimension: last }, &[])?;
    let bits = legal.builder.full(bits as f64, dtype, shape);
    legal.builder.binary(Binary::Multiply, counting, bits)
}

/// Parts of unsigned integers, the lowest bits first.
fn split(legal: &mut Legaliser, whole: Value, from: DType, to: DType) -> Result<Value, BuildError> {
    let TensorType { mut shape, dtype } = legal.ty(whole);
    let dims = (0..shape.len()).collect();
    shape.push(from.bits() / to.bits());
    let whole = legal.builder.broadcast_in_dim(whole, shape.clone(), dims)?;
    let distances = distances(legal, &TensorType::new(shape.clone(), dtype), to.bits())?;
    let shifted = legal.builder.binary(Binary::ShiftRightLogical, whole, distances)?;
    let mask = legal.builder.full(((1u32 << to.bits()) - 1).into(), dtype, shape);
    let parts = legal.builder.binary(Binary::And, shifted, mask)?;
    legal.builder.as_dtype(parts, DType::Ui8)
}

/// Unsigned integers of parts, the lowest bits first.
fn join(legal: &mut Legaliser, parts: Value, from: DType, to: DType) -> Result<Value, BuildError> {
    let dtype = unsigned_type(to.bits());
    let parts = legal.builder.as_dtype(parts, dtype)?;
    let ty = legal.ty(parts);
    let distances = distances(legal, &ty, from.bits())?;
    let shifted = legal.builder.binary(Binary::ShiftLeft, parts, distances)?;
    let zero = legal.builder.full(0.0, dtype, []);
    legal.builder.reduce(shifted, zero, vec![ty.rank() - 1], Binary::Or)
}

/// Longer counts than are kept are computed, of two that are about as long as each other: of rows, and of numbers within.
pub(super) fn iota(legal: &mut Legaliser, op: &Iota) -> Made {
    let length = op.shape[op.dimension];
    if length <= COUNTED {
        return Ok(None);
    }
    let width = 1 << length.ilog2().div_ceil(2);
    let shape = vec![length.div_ceil(width), width];
    if shape[0] > COUNTED {
        return Ok(None);
    }
    let counting = |dimension| Iota { shape: shape.clone(), dtype: DType::I64, dimension };
    let row = legal.builder.push(counting(0), &[])?;
    let within = legal.builder.push(counting(1), &[])?;
    let step = legal.builder.full(width as f64, DType::I64, shape.clone());
    let row = legal.builder.binary(Binary::Multiply, row, step)?;
    let mut count = legal.builder.binary(Binary::Add, row, within)?;
    // Integers stop at their greatest number.
    if let Some((_, most)) = op.dtype.limits().filter(|&(_, most)| most < length as i128) {
        let most = legal.builder.full(most as f64, DType::I64, shape.clone());
        count = legal.builder.binary(Binary::Minimum, count, most)?;
    }
    let count = legal.builder.as_dtype(count, op.dtype)?;
    let count = legal.builder.reshape(count, [shape.iter().product()])?;
    let first = Slice { start: vec![0], limit: vec![length], strides: vec![1] };
    let count = legal.builder.push(first, &[count])?;
    Ok(Some(vec![legal.builder.broadcast_in_dim(count, op.shape.clone(), vec![op.dimension])?]))
}
