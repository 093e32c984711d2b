//! Folding sliding windows: pooling and cumulative ops.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::convolution::{dilate, window_count};
use super::reduce::check_inits;
use super::{TypeError, ensure, reducer};
use crate::{Graph, TensorType};

/// A windowed op.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WindowOp {
    /// See [`ReduceWindow`].
    ReduceWindow(ReduceWindow),
}

/// Operands are N inputs of one shape, then N initial values; each window of the padded and
/// dilated inputs is folded by the body. Initial values may have the result's shape, as in
/// [`Reduce`](super::Reduce).
///
/// (C2) inputs have one shape; (C4, C6, C8, C10, C12) one entry per dimension; (C5, C7, C9, C11)
/// sizes, strides and dilations are at least 1; (C13) the body's types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    pub body: Arc<Graph>,
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
        }
    }
}

impl ReduceWindow {
    /// Number of windows along every dimension of an input of this shape.
    pub fn result_shape(&self, shape: &[usize]) -> Vec<usize> {
        let size = |(dim, &size): (usize, &usize)| {
            let (low, high) = self.padding[dim];
            let padded = dilate(size, self.base_dilations[dim]) as i64 + low + high;
            let window = dilate(self.window_dimensions[dim], self.window_dilations[dim]);
            window_count(padded, window as i64, self.window_strides[dim])
        };
        shape.iter().enumerate().map(size).collect()
    }
}

/// Type rule of the family.
pub fn infer(op: &WindowOp, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    match op {
        WindowOp::ReduceWindow(op) => infer_reduce_window(op, operands),
    }
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
    let size = |dim: usize| {
        let padded = dilate(first.shape[dim], base_dilations[dim]) as i64 + padding[dim].0 + padding[dim].1;
        window_count(
            padded,
            dilate(window_dimensions[dim], window_dilations[dim]) as i64,
            window_strides[dim],
        )
    };
    let shape: Vec<usize> = (0..first.rank()).map(size).collect();
    check_inits(inputs, inits, &shape)?;
    reducer(body, inputs)?;
    Ok(inputs.iter().map(|input| input.with_shape(shape.clone())).collect())
}
