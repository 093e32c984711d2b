//! Folding sliding windows.

use choral_ir::op::{ReduceWindow, WindowOp};
use choral_ir::{Tensor, TensorType};

use super::convolution::inside;
use super::places::{indices, place};
use super::reduce::fold;
use crate::error::Error;

/// The results of an op of the family.
///
/// # Errors
/// Only if a tensor does not hold what its type says.
pub fn evaluate(op: &WindowOp, operands: &[&Tensor], types: &[TensorType]) -> Result<Vec<Tensor>, Error> {
    match op {
        WindowOp::ReduceWindow(op) => reduce_window(op, operands, types),
    }
}

/// Padding, and what lies between dilated elements, counts as the initial value.
fn reduce_window(
    op: &ReduceWindow,
    operands: &[&Tensor],
    types: &[TensorType],
) -> Result<Vec<Tensor>, Error> {
    let ReduceWindow { window_dimensions, window_strides, base_dilations, window_dilations, padding, body } =
        op;
    let input = operands[0].shape();
    let source = |index: &[usize], at: &[usize]| {
        let along = |dim: usize| {
            let start = index[dim] * window_strides[dim] + at[dim] * window_dilations[dim];
            inside(start as i64 - padding[dim].0, base_dilations[dim], input[dim])
        };
        let source: Option<Vec<usize>> = (0..input.len()).map(along).collect();
        source.map(|source| place(input, &source))
    };
    let places = indices(&types[0].shape)
        .map(|index| indices(window_dimensions).map(|at| source(&index, &at)).collect::<Vec<_>>());
    fold(body, operands, types, places)
}
