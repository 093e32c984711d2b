//! Folding sliding windows.

use choral_ir::op::{Binary, ReduceWindow, SelectAndScatter, WindowOp};
use choral_ir::{Tensor, TensorType};

use super::bodies::RunBody;
use super::convolution::inside;
use super::places::{indices, place};
use super::reduce::{Grouping, element, fold};
use super::shape::filled;
use crate::error::Error;

/// The results of an op of the family.
///
/// # Errors
/// Those of `run`; that of a tensor that does not hold what its type says.
pub fn evaluate(
    op: &WindowOp,
    operands: &[&Tensor],
    types: &[TensorType],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    match op {
        WindowOp::ReduceWindow(op) => reduce_window(op, operands, types, run),
        WindowOp::SelectAndScatter(op) => select_and_scatter(op, operands, run).map(|result| vec![result]),
    }
}

/// Padding, and what lies between dilated elements, counts as the initial value. [Backward](is_backward) windows are taken
/// from their last element to their first.
fn reduce_window(
    op: &ReduceWindow,
    operands: &[&Tensor],
    types: &[TensorType],
    run: &RunBody<'_>,
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
    let mut within: Vec<Vec<usize>> = indices(window_dimensions).collect();
    if is_backward(op, input, &types[0].shape) {
        within.reverse();
    }
    let mut places =
        indices(&types[0].shape).map(|index| within.iter().map(|at| source(&index, at)).collect::<Vec<_>>());
    fold(body, Grouping::InOrder, operands, types, &mut places, run)
}

/// Whether windows are those of a cumulative op that runs from the end: folds that forget the order of their elements, along
/// one dimension as long as it and padded behind alone. So each result is the next one with one element more.
fn is_backward(op: &ReduceWindow, input: &[usize], result: &[usize]) -> bool {
    let forgets_order = op.body.binary().is_some_and(|op| {
        use Binary::{Add, And, Maximum, Minimum, Multiply, Or, Xor};
        matches!(op, Add | And | Maximum | Minimum | Multiply | Or | Xor)
    });
    let starts_inside = |dim: usize| {
        let steps = (op.window_strides[dim], op.base_dilations[dim], op.padding[dim].0);
        steps == (1, 1, 0) && input[dim] == result[dim]
    };
    let is_whole = |dim: usize| op.window_dimensions[dim] == input[dim] && op.window_dilations[dim] == 1;
    let spanned: Vec<usize> = (0..input.len()).filter(|&dim| op.window_dimensions[dim] != 1).collect();
    forgets_order && (0..input.len()).all(starts_inside) && matches!(spanned[..], [dim] if is_whole(dim))
}

/// Windows are taken in order; what a window holds in the padding is never selected.
fn select_and_scatter(
    op: &SelectAndScatter,
    operands: &[&Tensor],
    run: &RunBody<'_>,
) -> Result<Tensor, Error> {
    const SELECT: usize = 0;
    const SCATTER: usize = 1;
    let (operand, source, init) = (operands[0], operands[1], operands[2]);
    let shape = operand.shape();
    let whole = filled(init, operand.ty())?;
    let mut result: Vec<Tensor> =
        (0..whole.len()).map(|place| element(&whole, place)).collect::<Result<_, _>>()?;
    for (window, index) in indices(source.shape()).enumerate() {
        let mut selected: Option<usize> = None;
        for at in indices(&op.window_dimensions) {
            let along = |dim: usize| {
                let start = index[dim] * op.window_strides[dim] + at[dim];
                inside(start as i64 - op.padding[dim].0, 1, shape[dim])
            };
            let Some(other) = (0..shape.len()).map(along).collect::<Option<Vec<usize>>>() else { continue };
            let other = place(shape, &other);
            let stays = match selected {
                None => false,
                Some(place) => {
                    let pair = [element(operand, place)?, element(operand, other)?];
                    run(SELECT, &pair)?[0].item::<bool>()?
                }
            };
            if !stays {
                selected = Some(other);
            }
        }
        if let Some(place) = selected {
            let pair = [result[place].clone(), element(source, window)?];
            result[place] = run(SCATTER, &pair)?.remove(0);
        }
    }
    match result.as_slice() {
        [] => Ok(operand.clone()),
        elements => Ok(Tensor::stack(elements)?.reshape(shape)?),
    }
}
