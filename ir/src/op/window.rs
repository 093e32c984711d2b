//! Folding sliding windows: pooling and cumulative ops.

use serde::{Deserialize, Serialize};

use super::convolution::Line;
use super::reduce::check_inits;
use super::{TypeError, arity, ensure, reducer};
use crate::{Comparator, DType, Reducer, TensorType};

/// A windowed op.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WindowOp {
    /// See [`ReduceWindow`].
    ReduceWindow(ReduceWindow),
    /// See [`SelectAndScatter`].
    SelectAndScatter(SelectAndScatter),
}

/// Operands are N inputs of one shape, then N initial values; each window of the padded and
/// dilated inputs is folded by the body. Initial values may have the result's shape, and sums and
/// products of `f16` and `bf16` accumulate in `f32`, as in [`Reduce`](super::Reduce).
///
/// Elements of a window are folded in row-major order, from the initial value on. Windows of a cumulative op that runs
/// from the end (along one dimension, as long as it and padded behind alone, by a commutative op) are folded from their
/// last element to their first.
///
/// (C2) inputs have one shape; (C4, C6, C8, C10, C12) one entry per dimension; (C5, C7, C9, C11)
/// sizes, strides and dilations are at least 1; (C13) the body's types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReduceWindow {
    /// Elements of a window, per dimension.
    pub window_dimensions: Vec<usize>,
    /// Step between windows, per dimension.
    pub window_strides: Vec<usize>,
    /// Distance between input elements, per dimension.
    pub base_dilations: Vec<usize>,
    /// Distance between the elements of a window, per dimension.
    pub window_dilations: Vec<usize>,
    /// Elements added before and after, per dimension; negative removes.
    pub padding: Vec<(i64, i64)>,
    /// `(accumulators.., elements..) -> accumulators..`, all scalars.
    pub body: Reducer,
}

/// Operands `operand`, `source` and an initial value: each window of the operand selects one of its
/// elements, and the source's element of that window is folded into the result there.
///
/// `select` says of two elements whether the first stays selected; the first element of a window
/// is where it begins. The initial value may have the operand's shape, and sums and products of `f16`
/// and `bf16` accumulate in `f32` from the first window to the last, as in [`Reduce`](super::Reduce).
///
/// (C1) the source's type is that of the windows; (C2, C3) element types agree; (C4..C8) one entry
/// per dimension, sizes and strides at least 1; (C9, C10) the bodies' types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SelectAndScatter {
    /// Elements of a window, per dimension.
    pub window_dimensions: Vec<usize>,
    /// Step between windows, per dimension.
    pub window_strides: Vec<usize>,
    /// Elements added before and after, per dimension; they are never selected.
    pub padding: Vec<(i64, i64)>,
    /// `(selected, other) -> i1`, scalars.
    pub select: Comparator,
    /// `(accumulator, element) -> accumulator`, scalars.
    pub scatter: Reducer,
}

impl From<SelectAndScatter> for crate::Op {
    fn from(op: SelectAndScatter) -> crate::Op {
        crate::Op::Window(WindowOp::SelectAndScatter(op))
    }
}

impl From<ReduceWindow> for crate::Op {
    fn from(op: ReduceWindow) -> crate::Op {
        crate::Op::Window(WindowOp::ReduceWindow(op))
    }
}

impl WindowOp {
    /// The name in StableHLO text.
    pub const fn name(&self) -> &'static str {
        match self {
            WindowOp::ReduceWindow(_) => "stablehlo.reduce_window",
            WindowOp::SelectAndScatter(_) => "stablehlo.select_and_scatter",
        }
    }
}

impl ReduceWindow {
    /// Number of windows along every dimension of an input of this shape.
    ///
    /// # Errors
    /// If there are more places along one than 64 bits can count.
    pub fn result_shape(&self, shape: &[usize]) -> Result<Vec<usize>, TypeError> {
        let line = |(dim, &size): (usize, &usize)| Line {
            size,
            dilation: self.base_dilations[dim],
            padding: self.padding[dim],
            window: self.window_dimensions[dim],
            window_dilation: self.window_dilations[dim],
            stride: self.window_strides[dim],
        };
        shape.iter().enumerate().map(|dim| line(dim).windows()).collect()
    }
}

/// Type rule of the family.
pub fn infer(op: &WindowOp, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    match op {
        WindowOp::ReduceWindow(op) => infer_reduce_window(op, operands),
        WindowOp::SelectAndScatter(op) => infer_select_and_scatter(op, operands),
    }
}

impl SelectAndScatter {
    /// Number of windows along every dimension of an operand of this shape.
    ///
    /// # Errors
    /// If there are more places along one than 64 bits can count.
    pub fn source_shape(&self, shape: &[usize]) -> Result<Vec<usize>, TypeError> {
        let line = |(dim, &size): (usize, &usize)| Line {
            size,
            dilation: 1,
            padding: self.padding[dim],
            window: self.window_dimensions[dim],
            window_dilation: 1,
            stride: self.window_strides[dim],
        };
        shape.iter().enumerate().map(|dim| line(dim).windows()).collect()
    }
}

fn infer_select_and_scatter(
    op: &SelectAndScatter,
    operands: &[&TensorType],
) -> Result<Vec<TensorType>, TypeError> {
    arity(3, operands)?;
    let (operand, source, init) = (operands[0], operands[1], operands[2]);
    let lists = [&op.window_dimensions, &op.window_strides];
    let counts = lists.iter().all(|list| list.len() == operand.rank()) && op.padding.len() == operand.rank();
    ensure!(counts, "C4", "window attributes need one entry per dimension of {operand}");
    let positive = lists.iter().all(|list| list.iter().all(|&entry| entry > 0));
    ensure!(positive, "C5", "window sizes and strides must be at least 1");
    let windows = operand.with_shape(op.source_shape(&operand.shape)?);
    ensure!(
        *source == windows,
        "C1",
        "the source must be {windows}, as the windows of {operand}, got {source}"
    );
    check_inits(&[operand], &[init], &operand.shape)?;
    let scalar = TensorType::scalar(operand.dtype);
    let selects = op.select.graph().input_types() == [scalar.clone(), scalar]
        && op.select.graph().output_types() == [TensorType::scalar(DType::I1)];
    ensure!(selects, "C9", "select must take two {} and return i1", operand.dtype);
    reducer(&op.scatter, &[operand])?;
    Ok(vec![operand.clone()])
}

fn infer_reduce_window(op: &ReduceWindow, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    let ReduceWindow { window_dimensions, window_strides, base_dilations, window_dilations, padding, body } =
        op;
    ensure!(
        !operands.is_empty() && operands.len().is_multiple_of(2),
        "C1",
        "expected as many initial values as inputs, got {} operands",
        operands.len()
    );
    let (inputs, inits) = operands.split_at(operands.len() / 2);
    let first = inputs[0];
    for (position, input) in inputs.iter().enumerate() {
        ensure!(
            input.shape == first.shape,
            "C2",
            "inputs must have one shape, but input 0 is {first} and input {position} is {input}"
        );
    }
    let lists = [window_dimensions, window_strides, base_dilations, window_dilations];
    let counts = lists.iter().all(|list| list.len() == first.rank()) && padding.len() == first.rank();
    ensure!(counts, "C4", "window attributes need one entry per dimension of {first}");
    let positive = lists.iter().all(|list| list.iter().all(|&entry| entry > 0));
    ensure!(positive, "C5", "window sizes, strides and dilations must be at least 1");
    let shape = op.result_shape(&first.shape)?;
    check_inits(inputs, inits, &shape)?;
    reducer(body, inputs)?;
    Ok(inputs.iter().map(|input| input.with_shape(shape.clone())).collect())
}

/// Where a dimension of an operand goes: it stays where windows hold a single element and leave none out.
pub(super) fn follow(op: &WindowOp, operands: &[&TensorType], operand: usize, dim: usize) -> Option<usize> {
    let (window, stride, padding, dilation, inputs) = match op {
        WindowOp::ReduceWindow(op) => (
            op.window_dimensions[dim],
            op.window_strides[dim],
            op.padding[dim],
            op.base_dilations[dim],
            operands.len() / 2,
        ),
        WindowOp::SelectAndScatter(op) => {
            (op.window_dimensions[dim], op.window_strides[dim], op.padding[dim], 1, 2)
        }
    };
    let stays = (window, stride, padding, dilation) == (1, 1, (0, 0), 1);
    (operand >= inputs || stays).then_some(dim)
}
