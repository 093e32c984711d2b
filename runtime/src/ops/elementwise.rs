//! Elementwise ops: [`crate::ops::scalar`] at every place.

use std::cmp::Ordering;
use std::ops::Range;

use choral_ir::op::{Binary, Compare, ComparisonDirection, Elementwise, ReducePrecision, Unary};
use choral_ir::{DType, Element, Storage, Tensor, with_dtype, with_storage};

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
        Elementwise::Select => select(first, operands[1], operands[2])?,
        Elementwise::Clamp => clamp(operands)?,
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
    fn zip<T: Scalar>(x: &[T], y: &[T], holds: impl Fn(T, T) -> bool) -> Storage {
        Storage::I1(x.iter().zip(y).map(|(&x, &y)| holds(x, y)).collect())
    }
    Ok(with_storage!(x.storage(), values => {
        zip(values, y.as_slice()?, |x, y| holds(direction, Scalar::order(compare_type, x, y)))
    }))
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

fn select(predicate: &Tensor, on_true: &Tensor, on_false: &Tensor) -> Result<Storage, Error> {
    fn pick<T: Scalar>(predicate: &[bool], on_true: &[T], on_false: &[T]) -> Storage {
        let values = predicate.iter().zip(on_true.iter().zip(on_false));
        T::store(values.map(|(&predicate, (&yes, &no))| if predicate { yes } else { no }).collect())
    }
    let predicate = predicate.as_slice::<bool>()?;
    Ok(with_storage!(on_true.storage(), values => pick(predicate, values, on_false.as_slice()?)))
}

fn clamp(operands: &[&Tensor]) -> Result<Storage, Error> {
    fn limit<T: Scalar>(min: &[T], x: &[T], max: &[T]) -> Storage {
        let limited =
            |(&x, (&min, &max))| T::binary(Binary::Minimum, T::binary(Binary::Maximum, x, min), max);
        T::store(x.iter().zip(min.iter().zip(max)).map(limited).collect())
    }
    let (min, max) = (operands[0], operands[2]);
    Ok(with_storage!(operands[1].storage(), values => limit(min.as_slice()?, values, max.as_slice()?)))
}

/// Integers among themselves wrap; floats to integers truncate, saturate and take NaN to 0;
/// anything to `i1` asks whether it is not 0; all to floats round once.
fn convert(x: &Tensor, dtype: DType) -> Storage {
    let is_integer = |dtype: DType| !dtype.is_float() && dtype != DType::I1;
    let is_wide = is_integer(x.dtype()) && x.dtype().bytes() == 8;
    let is_signed = x.dtype().is_signed_integer();
    let whole = |bits: u64| if is_signed { i128::from(bits as i64) } else { i128::from(bits) };
    with_dtype!(dtype, Target => Target::store(if !x.dtype().is_float() && is_integer(dtype) {
        written(x, &bits, <Target as Element>::from_bits64)
    } else if is_wide && dtype.is_float() && dtype != DType::F64 {
        written(x, &bits, |bits| <Target as Element>::from_f64(to_odd(whole(bits))))
    } else {
        written(x, &numbers, <Target as Element>::from_f64)
    }))
}

/// Elements that are on their way from one type to another at a time.
const CHUNK: usize = 1024;

/// What is read of each element, as an element of another type. Read and written apart, so that there is code
/// for each type and not for each pair of them.
fn written<A, U>(
    x: &Tensor,
    read: &dyn Fn(&Tensor, Range<usize>) -> Vec<A>,
    write: impl Fn(A) -> U,
) -> Vec<U> {
    let length = x.storage().len();
    let mut all = Vec::with_capacity(length);
    for start in (0..length).step_by(CHUNK) {
        all.extend(read(x, start..length.min(start + CHUNK)).into_iter().map(&write));
    }
    all
}

/// Elements in 64 bits, negative ones in two's complement.
fn bits(x: &Tensor, places: Range<usize>) -> Vec<u64> {
    fn extended<T: Scalar>(x: T) -> u64 {
        if T::DTYPE.bytes() < 8 { x.to_f64() as i64 as u64 } else { x.to_bits64() }
    }
    with_storage!(x.storage(), values => values[places].iter().map(|&x| extended(x)).collect())
}

fn numbers(x: &Tensor, places: Range<usize>) -> Vec<f64> {
    with_storage!(x.storage(), values => values[places].iter().map(|x| x.to_f64()).collect())
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
    let rounded = x.to_f64_vec().into_iter().map(|value| rounded(exponent_bits, mantissa_bits, value));
    with_dtype!(x.dtype(), T => T::store(rounded.map(<T as Element>::from_f64).collect()))
}
