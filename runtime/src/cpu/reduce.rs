//! Folds of floats with one binary op, in one pass over the input as it lies in memory.

use choral_ir::op::Reduce;
use choral_ir::{Storage, Tensor, TensorType};
use num_traits::{Float, One, Zero};

use super::fold::{FloatFold, Folded};
use crate::ops::places::strides;
use crate::ops::scalar::{maximum, minimum};

/// Neighbouring elements are folded into this many sums at once, and these at the end, unless the
/// order matters.
const LANES: usize = 16;

/// The elements of the result; `None` for other bodies and element types.
pub fn evaluate(op: &Reduce, operands: &[&Tensor], ty: &TensorType) -> Option<Storage> {
    let Reduce { dimensions, body } = op;
    let [input, init] = operands else { return None };
    let body = FloatFold::of(body)?;
    match (input.storage(), init.storage()) {
        (Storage::F16(values), Storage::F16(init)) => {
            Some(fold(body, values, init, input.shape(), dimensions, ty))
        }
        (Storage::Bf16(values), Storage::Bf16(init)) => {
            Some(fold(body, values, init, input.shape(), dimensions, ty))
        }
        (Storage::F32(values), Storage::F32(init)) => {
            Some(fold(body, values, init, input.shape(), dimensions, ty))
        }
        (Storage::F64(values), Storage::F64(init)) => {
            Some(fold(body, values, init, input.shape(), dimensions, ty))
        }
        (_, _) => None,
    }
}

fn fold<T: Folded>(
    body: FloatFold,
    values: &[T],
    init: &[T],
    shape: &[usize],
    dimensions: &[usize],
    ty: &TensorType,
) -> Storage {
    let start = match init {
        &[init] => vec![init.widened(); ty.len()],
        init => init.iter().map(|init| init.widened()).collect(),
    };
    let result = match body {
        FloatFold::Sum => run(values, start, shape, dimensions, T::Sum::zero(), |x, y| x + y),
        FloatFold::Product => run(values, start, shape, dimensions, T::Sum::one(), |x, y| x * y),
        FloatFold::Greatest => {
            run(values, start, shape, dimensions, T::Sum::neg_infinity(), |x, y| maximum!(x, y))
        }
        FloatFold::Least => run(values, start, shape, dimensions, T::Sum::infinity(), |x, y| minimum!(x, y)),
    };
    T::store(result.into_iter().map(T::rounded).collect())
}

/// Folds every run of the last dimension into the result elements that it belongs to.
fn run<T: Folded>(
    values: &[T],
    mut result: Vec<T::Sum>,
    shape: &[usize],
    dimensions: &[usize],
    neutral: T::Sum,
    f: impl Fn(T::Sum, T::Sum) -> T::Sum,
) -> Vec<T::Sum> {
    let Some((&length, outer)) = shape.split_last() else {
        return result.iter().zip(values).map(|(&x, &y)| f(x, y.widened())).collect();
    };
    if values.is_empty() {
        return result;
    }
    let kept: Vec<usize> =
        (0..shape.len()).map(|dim| if dimensions.contains(&dim) { 1 } else { shape[dim] }).collect();
    let steps = strides(&kept);
    let step = |dim: usize| if dimensions.contains(&dim) { 0 } else { steps[dim] };
    let outer = super::view::View::strided(outer.iter().enumerate().map(|(dim, &size)| (size, step(dim))));
    let along = step(shape.len() - 1);
    for (values, at) in values.chunks_exact(length).zip(outer.places()) {
        if along == 0 {
            result[at] = fold_run(result[at], values, neutral, &f);
        } else {
            result[at..at + length].iter_mut().zip(values).for_each(|(x, &y)| *x = f(*x, y.widened()));
        }
    }
    result
}

fn fold_run<T: Folded>(
    sofar: T::Sum,
    values: &[T],
    neutral: T::Sum,
    f: impl Fn(T::Sum, T::Sum) -> T::Sum,
) -> T::Sum {
    let fold =
        |sofar: T::Sum, values: &[T]| values.iter().fold(sofar, |sofar, value| f(sofar, value.widened()));
    if T::IN_ORDER {
        return fold(sofar, values);
    }
    let mut lanes = [neutral; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &value)| *lane = f(*lane, value.widened()));
    }
    f(sofar, fold(lanes.into_iter().fold(neutral, &f), rest))
}
