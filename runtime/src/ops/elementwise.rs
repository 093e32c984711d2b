//! Elementwise ops: [`crate::ops::scalar`] at every place.

use std::cmp::Ordering;

use choral_ir::op::{
    Binary, Compare, ComparisonDirection, ComparisonType, Elementwise, ReducePrecision, Unary,
};
use choral_ir::{DType, Storage, Tensor, with_storage};

use choral_kernels::cpu::machine::choose::rounded;

use super::scalar::Scalar;
use crate::error::Error;

/// The result of an elementwise op.
///
/// # Errors
/// Only if a tensor does not hold what its type says.
pub fn evaluate(op: &Elementwise, operands: &[&Tensor]) -> Result<Tensor, Error> {
    let first = operands[0];
    let data = match op {
        Elementwise::Unary(op) if op.is_predicate() => predicate(*op, first),
        Elementwise::Unary(op) => unary(*op, first),
        Elementwise::Binary(op) => binary(*op, first, operands[1])?,
        Elementwise::Compare(op) => compare(op, first, operands[1])?,
        Elementwise::Select => return select(first, operands[1], operands[2]),
        Elementwise::Clamp => clamp(first, operands[1], operands[2])?,
        Elementwise::Convert(dtype) => convert(first, *dtype),
        Elementwise::ReducePrecision(op) => reduce_precision(op, first),
    };
    Ok(Tensor::from_storage(first.shape(), data)?)
}

fn predicate(op: Unary, x: &Tensor) -> Storage {
    Storage::I1(x.to_f64_vec().into_iter().map(|x| f64::unary(op, x) != 0.0).collect())
}

fn unary(op: Unary, x: &Tensor) -> Storage {
    fn map<T: Scalar>(op: Unary, values: &[T]) -> Storage {
        T::store(values.iter().map(|&x| T::unary(op, x)).collect())
    }
    with_storage!(x.storage(), values => map(op, values))
}

fn binary(op: Binary, x: &Tensor, y: &Tensor) -> Result<Storage, Error> {
    fn zip<T: Scalar>(op: Binary, x: &[T], y: &[T]) -> Storage {
        T::store(x.iter().zip(y).map(|(&x, &y)| T::binary(op, x, y)).collect())
    }
    Ok(with_storage!(x.storage(), values => zip(op, values, y.as_slice()?)))
}

fn compare(op: &Compare, x: &Tensor, y: &Tensor) -> Result<Storage, Error> {
    let Compare { direction, compare_type } = *op;
    fn orders<T: Scalar>(kind: ComparisonType, x: &[T], y: &[T]) -> Vec<Option<Ordering>> {
        x.iter().zip(y).map(|(&x, &y)| T::order(kind, x, y)).collect()
    }
    let orders = with_storage!(x.storage(), values => orders(compare_type, values, y.as_slice()?));
    Ok(Storage::I1(orders.into_iter().map(|order| holds(direction, order)).collect()))
}

/// Whether the relation holds for this order; without one (NaN) only "not equal" does.
pub(super) fn holds(direction: ComparisonDirection, order: Option<Ordering>) -> bool {
    match direction {
        ComparisonDirection::Eq => order == Some(Ordering::Equal),
        ComparisonDirection::Ne => order != Some(Ordering::Equal),
        ComparisonDirection::Ge => order.is_some_and(Ordering::is_ge),
        ComparisonDirection::Gt => order.is_some_and(Ordering::is_gt),
        ComparisonDirection::Le => order.is_some_and(Ordering::is_le),
        ComparisonDirection::Lt => order.is_some_and(Ordering::is_lt),
    }
}

fn select(predicate: &Tensor, on_true: &Tensor, on_false: &Tensor) -> Result<Tensor, Error> {
    let chosen = |(place, &holds): (usize, &bool)| if holds { place } else { on_true.len() + place };
    let places: Vec<usize> = predicate.as_slice::<bool>()?.iter().enumerate().map(chosen).collect();
    Ok(Tensor::pick(&[on_true, on_false], on_true.shape(), &places)?)
}

fn clamp(min: &Tensor, x: &Tensor, max: &Tensor) -> Result<Storage, Error> {
    let from_below = Tensor::from_storage(x.shape(), binary(Binary::Maximum, x, min)?)?;
    binary(Binary::Minimum, &from_below, max)
}

/// Integers among themselves wrap; floats to integers truncate, saturate and take NaN to 0;
/// anything to `i1` asks whether it is not 0; all to floats round once.
fn convert(x: &Tensor, dtype: DType) -> Storage {
    let is_integer = |dtype: DType| !dtype.is_float() && dtype != DType::I1;
    let is_wide = is_integer(x.dtype()) && x.dtype().bytes() == 8;
    let is_signed = x.dtype().is_signed_integer();
    let whole = |bits: u64| if is_signed { i128::from(bits as i64) } else { i128::from(bits) };
    if !x.dtype().is_float() && is_integer(dtype) {
        return Storage::from_bits(dtype, &extended(x));
    }
    if is_wide && dtype.is_float() && dtype != DType::F64 {
        let numbers: Vec<f64> = extended(x).into_iter().map(|bits| to_odd(whole(bits))).collect();
        return Storage::from_f64(dtype, &numbers);
    }
    Storage::from_f64(dtype, &x.to_f64_vec())
}

/// Integers in 64 bits, negative ones in two's complement.
fn extended(x: &Tensor) -> Vec<u64> {
    match x.dtype().bytes() < 8 {
        true => x.to_f64_vec().into_iter().map(|number| number as i64 as u64).collect(),
        false => x.storage().bits(),
    }
}

/// A number in `f64` from which narrower floats round as from the integer itself: between two of them, the one
/// whose last bit is odd, which no narrower float and no middle of two is.
fn to_odd(value: i128) -> f64 {
    let size = value.unsigned_abs();
    let near = size as f64;
    let bits = match (near as u128).cmp(&size) {
        Ordering::Less => near.to_bits() | 1,
        Ordering::Equal => near.to_bits(),
        Ordering::Greater => (near.to_bits() - 1) | 1,
    };
    f64::from_bits(bits).copysign(if value < 0 { -1.0 } else { 1.0 })
}

/// Every float goes through `f64`, which holds all of them, and back: exact, since the result lies
/// between the operand and its neighbour in the coarser format.
fn reduce_precision(op: &ReducePrecision, x: &Tensor) -> Storage {
    let &ReducePrecision { exponent_bits, mantissa_bits } = op;
    let rounded = |value: f64| rounded(exponent_bits, mantissa_bits, value);
    Storage::from_f64(x.dtype(), &x.to_f64_vec().into_iter().map(rounded).collect::<Vec<_>>())
}
