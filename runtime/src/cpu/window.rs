//! Windowed folds of floats with one binary op.

use choral_ir::op::ReduceWindow;
use choral_ir::{Storage, Tensor, TensorType};
use num_traits::Float;
use rayon::prelude::*;

use super::fold::{FloatFold, Folded};
use crate::ops::convolution::inside;
use crate::ops::places::{indices, place};
use crate::ops::scalar::{maximum, minimum};

/// Fewer planes than this do not justify another thread.
const PLANES: usize = 256;

/// The elements of the result; `None` for other bodies, element types and initial values, and
/// for inputs without elements, whose windows may still lie in their padding, or with more than 32 bits
/// count.
pub fn evaluate(op: &ReduceWindow, operands: &[&Tensor], ty: &TensorType) -> Option<Storage> {
    let [input, init] = operands else { return None };
    if input.is_empty() || init.len() != 1 || u32::try_from(input.len()).is_err() {
        return None;
    }
    let body = FloatFold::of(&op.body)?;
    match (input.storage(), init.storage()) {
        (Storage::F16(values), Storage::F16(init)) => {
            Some(fold(op, body, values, init[0], input.shape(), ty))
        }
        (Storage::Bf16(values), Storage::Bf16(init)) => {
            Some(fold(op, body, values, init[0], input.shape(), ty))
        }
        (Storage::F32(values), Storage::F32(init)) => {
            Some(fold(op, body, values, init[0], input.shape(), ty))
        }
        (Storage::F64(values), Storage::F64(init)) => {
            Some(fold(op, body, values, init[0], input.shape(), ty))
        }
        (_, _) => None,
    }
}

fn fold<T: Folded>(
    op: &ReduceWindow,
    body: FloatFold,
    values: &[T],
    init: T,
    shape: &[usize],
    ty: &TensorType,
) -> Storage {
    let result = match body {
        FloatFold::Sum => run(op, values, init, shape, ty, |x, y| x + y),
        FloatFold::Product => run(op, values, init, shape, ty, |x, y| x * y),
        FloatFold::Greatest => run(op, values, init, shape, ty, |x, y| maximum!(x, y)),
        FloatFold::Least => run(op, values, init, shape, ty, |x, y| minimum!(x, y)),
    };
    T::store(result.into_iter().map(T::rounded).collect())
}

/// Leading dimensions that no window spans are planes side by side; which elements lie under
/// which window is computed once for all planes.
fn run<T: Folded>(
    op: &ReduceWindow,
    values: &[T],
    init: T,
    shape: &[usize],
    ty: &TensorType,
    f: impl Fn(T::Sum, T::Sum) -> T::Sum + Sync,
) -> Vec<T::Sum> {
    let init = init.widened();
    let leading = (0..shape.len()).take_while(|&dim| is_whole(op, dim)).count();
    let windows = windows(op, &shape[leading..], &ty.shape[leading..], leading);
    let (plane, places): (usize, usize) =
        (shape[leading..].iter().product(), ty.shape[leading..].iter().product());
    let mut result = vec![init; ty.len()];
    if places == 0 {
        return result;
    }
    // Behind the plane stands what lies outside it.
    let with_outside = || vec![init; plane + 1];
    let planes = result.par_chunks_exact_mut(places).zip(values.par_chunks_exact(plane));
    planes.with_min_len(PLANES).for_each_init(with_outside, |source, (out, values)| {
        source.iter_mut().zip(values).for_each(|(place, value)| *place = value.widened());
        for under in windows.chunks_exact(places) {
            out.iter_mut().zip(under).for_each(|(x, &place)| *x = f(*x, source[place as usize]));
        }
    });
    result
}

/// Whether windows take every element of the dimension by itself.
fn is_whole(op: &ReduceWindow, dim: usize) -> bool {
    op.window_dimensions[dim] == 1
        && op.window_strides[dim] == 1
        && op.base_dilations[dim] == 1
        && op.padding[dim] == (0, 0)
}

/// For every window element, then every output place: the place in a plane, or just behind it.
fn windows(op: &ReduceWindow, plane: &[usize], places: &[usize], leading: usize) -> Vec<u32> {
    let outside = plane.iter().product::<usize>() as u32;
    let under = |out: &[usize], at: &[usize]| -> Option<u32> {
        let along = |dim: usize| {
            let here = dim + leading;
            let start = out[dim] * op.window_strides[here] + at[dim] * op.window_dilations[here];
            inside(start as i64 - op.padding[here].0, op.base_dilations[here], plane[dim])
        };
        let source: Vec<usize> = (0..plane.len()).map(along).collect::<Option<_>>()?;
        Some(place(plane, &source) as u32)
    };
    let places: Vec<Vec<usize>> = indices(places).collect();
    let along =
        |at: Vec<usize>| places.iter().map(|out| under(out, &at).unwrap_or(outside)).collect::<Vec<_>>();
    indices(&op.window_dimensions[leading..]).flat_map(along).collect()
}
