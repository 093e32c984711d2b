//! Folds of floats with one binary op, in one pass over the input as it lies in memory.

use choral_ir::op::Reduce;
use choral_ir::{Element, Storage, Tensor, TensorType};

use super::fold::Fold;
use crate::ops::places::strides;
use crate::ops::scalar::{Scalar, maximum, minimum};

/// Neighbouring elements are folded into this many sums at once, and these at the end.
const LANES: usize = 16;

/// The elements of the result; `None` for other bodies and element types.
pub fn evaluate(op: &Reduce, operands: &[&Tensor], ty: &TensorType) -> Option<Storage> {
    let Reduce { dimensions, body } = op;
    let [input, init] = operands else { return None };
    let body = Fold::of(body)?;
    match (input.storage(), init.storage()) {
        (Storage::F32(values), Storage::F32(init)) => {
            Some(f32::store(fold(body, values, init, input.shape(), dimensions, ty)))
        }
        (Storage::F64(values), Storage::F64(init)) => {
            Some(f64::store(fold(body, values, init, input.shape(), dimensions, ty)))
        }
        (_, _) => None,
    }
}

fn fold<T: Scalar + num_traits::Float>(
    body: Fold,
    values: &[T],
    init: &[T],
    shape: &[usize],
    dimensions: &[usize],
    ty: &TensorType,
) -> Vec<T> {
    let start = if init.len() == 1 { vec![init[0]; ty.len()] } else { init.to_vec() };
    match body {
        Fold::Sum => run(values, start, shape, dimensions, T::zero(), |x, y| x + y),
        Fold::Product => run(values, start, shape, dimensions, T::one(), |x, y| x * y),
        Fold::Greatest => run(values, start, shape, dimensions, T::neg_infinity(), |x, y| maximum!(x, y)),
        Fold::Least => run(values, start, shape, dimensions, T::infinity(), |x, y| minimum!(x, y)),
    }
}

/// Folds every run of the last dimension into the result elements that it belongs to.
fn run<T: Copy>(
    values: &[T],
    mut result: Vec<T>,
    shape: &[usize],
    dimensions: &[usize],
    neutral: T,
    f: impl Fn(T, T) -> T,
) -> Vec<T> {
    let Some((&length, outer)) = shape.split_last() else {
        return result.iter().zip(values).map(|(&x, &y)| f(x, y)).collect();
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
            result[at] = f(result[at], fold_run(values, neutral, &f));
        } else {
            result[at..at + length].iter_mut().zip(values).for_each(|(x, &y)| *x = f(*x, y));
        }
    }
    result
}

fn fold_run<T: Copy>(values: &[T], neutral: T, f: impl Fn(T, T) -> T) -> T {
    let mut lanes = [neutral; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &value)| *lane = f(*lane, value));
    }
    let all = lanes.into_iter().fold(neutral, &f);
    rest.iter().fold(all, |sofar, &value| f(sofar, value))
}
