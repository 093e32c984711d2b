//! Windowed folds of floats with one binary op.

use choral_ir::op::{Binary, ReduceWindow};
use choral_ir::{Element, Storage, Tensor, TensorType};

use crate::ops::convolution::inside;
use crate::ops::places::{indices, place};
use crate::ops::scalar::{Scalar, maximum, minimum};

/// The elements of the result; `None` for other bodies and element types.
pub fn evaluate(op: &ReduceWindow, operands: &[&Tensor], ty: &TensorType) -> Option<Storage> {
    let [input, init] = operands else { return None };
    let body = op.body.as_reducer()?;
    match (input.storage(), init.storage()) {
        (Storage::F32(values), Storage::F32(init)) => {
            fold(op, body, values, *init.first()?, input.shape(), ty).map(f32::store)
        }
        (Storage::F64(values), Storage::F64(init)) => {
            fold(op, body, values, *init.first()?, input.shape(), ty).map(f64::store)
        }
        (_, _) => None,
    }
    .filter(|_| init.len() == 1)
}

fn fold<T: Scalar + num_traits::Float>(
    op: &ReduceWindow,
    body: Binary,
    values: &[T],
    init: T,
    shape: &[usize],
    ty: &TensorType,
) -> Option<Vec<T>> {
    match body {
        Binary::Add => Some(run(op, values, init, shape, ty, |x, y| x + y)),
        Binary::Maximum => Some(run(op, values, init, shape, ty, |x, y| maximum!(x, y))),
        Binary::Minimum => Some(run(op, values, init, shape, ty, |x, y| minimum!(x, y))),
        Binary::And
        | Binary::Atan2
        | Binary::Divide
        | Binary::Multiply
        | Binary::Or
        | Binary::Power
        | Binary::Remainder
        | Binary::ShiftLeft
        | Binary::ShiftRightArithmetic
        | Binary::ShiftRightLogical
        | Binary::Subtract
        | Binary::Xor => None,
    }
}

/// Leading dimensions that no window spans are planes side by side; which elements lie under
/// which window is worked out once for all planes.
fn run<T: Copy>(
    op: &ReduceWindow,
    values: &[T],
    init: T,
    shape: &[usize],
    ty: &TensorType,
    f: impl Fn(T, T) -> T,
) -> Vec<T> {
    let leading = (0..shape.len()).take_while(|&dim| is_whole(op, dim)).count();
    let windows = windows(op, &shape[leading..], &ty.shape[leading..], leading);
    let plane: usize = shape[leading..].iter().product();
    if plane == 0 || ty.is_empty() {
        return vec![init; ty.len()];
    }
    let fold = |plane: &[T], window: &[Option<u32>]| {
        window.iter().fold(init, |sofar, place| f(sofar, place.map_or(init, |place| plane[place as usize])))
    };
    let width: usize = op.window_dimensions.iter().product();
    values
        .chunks_exact(plane)
        .flat_map(|plane| windows.chunks_exact(width).map(move |window| (plane, window)))
        .map(|(plane, window)| fold(plane, window))
        .collect()
}

/// Whether windows take every element of the dimension by itself.
fn is_whole(op: &ReduceWindow, dim: usize) -> bool {
    op.window_dimensions[dim] == 1
        && op.window_strides[dim] == 1
        && op.base_dilations[dim] == 1
        && op.padding[dim] == (0, 0)
}

/// For every output place, then every window element: the place in a plane; `None` outside of it.
fn windows(op: &ReduceWindow, plane: &[usize], places: &[usize], leading: usize) -> Vec<Option<u32>> {
    let under = |out: &[usize], at: &[usize]| -> Option<u32> {
        let along = |dim: usize| {
            let here = dim + leading;
            let start = out[dim] * op.window_strides[here] + at[dim] * op.window_dilations[here];
            inside(start as i64 - op.padding[here].0, op.base_dilations[here], plane[dim])
        };
        let source: Vec<usize> = (0..plane.len()).map(along).collect::<Option<_>>()?;
        Some(place(plane, &source) as u32)
    };
    let elements: Vec<Vec<usize>> = indices(&op.window_dimensions[leading..]).collect();
    indices(places).flat_map(|out| elements.iter().map(|at| under(&out, at)).collect::<Vec<_>>()).collect()
}
