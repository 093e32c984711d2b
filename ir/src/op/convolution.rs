//! Convolution: sliding contractions of every layout, stride, padding, dilation and grouping.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{TypeError, arity, distinct, ensure, overflow};
use crate::{DType, TensorType};

/// Convolution of `input` with `kernel`.
///
/// A choral extension: `batching_dims` are independent convolutions side by side, each taking
/// its slice of input, kernel or both. With none it is `stablehlo.convolution`.
///
/// (C2) one entry of strides, padding, dilations and reversal per spatial dimension; (C10)
/// `batch_group_count` divides the input's batch; (C11) `feature_group_count` divides its features;
/// (C12..C20) layouts name every dimension once; (C14) the kernel's input features are the input's
/// per group; (C15, C16) groups divide the output features; (C24) not both group counts exceed 1;
/// (C27) one element type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Convolution {
    /// Dimensions that hold independent convolutions.
    pub batching_dims: Vec<BatchingDim>,
    /// Batch, feature and spatial dimensions of the input.
    pub input: Layout,
    /// Output feature, input feature and spatial dimensions of the kernel.
    pub kernel: Layout,
    /// Batch, feature and spatial dimensions of the result.
    pub output: Layout,
    /// Step of the window, per spatial dimension.
    pub strides: Vec<usize>,
    /// Elements added before and after, per spatial dimension; negative removes.
    pub padding: Vec<(i64, i64)>,
    /// Distance between input elements, per spatial dimension.
    pub lhs_dilation: Vec<usize>,
    /// Distance between kernel elements, per spatial dimension.
    pub rhs_dilation: Vec<usize>,
    /// Whether the kernel is read backwards, per spatial dimension.
    pub reversal: Vec<bool>,
    /// Groups of input features with kernels of their own.
    pub feature_group_count: usize,
    /// Groups of the input's batch with kernels of their own.
    pub batch_group_count: usize,
    /// Element type of the result.
    pub dtype: DType,
}

/// Which dimension plays which part in an operand or result of a convolution.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// Batch; in a kernel, output feature.
    pub batch: usize,
    /// Feature; in a kernel, input feature.
    pub feature: usize,
    /// Spatial dimensions, outermost first.
    pub spatial: Vec<usize>,
}

impl Layout {
    /// Batch, feature, then `spatial` spatial dimensions: PyTorch's order.
    pub fn channels_first(spatial: usize) -> Layout {
        Layout { batch: 0, feature: 1, spatial: (2..2 + spatial).collect() }
    }

    /// The layout with every dimension renamed.
    pub fn map(&self, rename: impl Fn(usize) -> usize) -> Layout {
        let spatial = self.spatial.iter().map(|&dim| rename(dim)).collect();
        Layout { batch: rename(self.batch), feature: rename(self.feature), spatial }
    }

    fn dims(&self) -> impl Iterator<Item = usize> {
        [self.batch, self.feature].into_iter().chain(self.spatial.iter().copied())
    }
}

/// A dimension of independent convolutions: where it lies in the input (if each takes its own
/// input), in the kernel (likewise), and in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BatchingDim {
    /// Dimension of the input, unless all share it.
    pub input: Option<usize>,
    /// Dimension of the kernel, unless all share it.
    pub kernel: Option<usize>,
    /// Dimension of the result.
    pub output: usize,
}

impl From<Convolution> for crate::Op {
    fn from(op: Convolution) -> crate::Op {
        crate::Op::Convolution(Box::new(op))
    }
}

impl Convolution {
    /// The name in text; with batching dimensions it is no longer StableHLO's.
    pub fn name(&self) -> &'static str {
        if self.batching_dims.is_empty() { "stablehlo.convolution" } else { "choral.convolution" }
    }

    /// Spatial dimension number `at`, of an input and under a kernel of these types.
    pub fn line(&self, at: usize, input: &TensorType, kernel: &TensorType) -> Line {
        Line {
            size: input.shape[self.input.spatial[at]],
            dilation: self.lhs_dilation[at],
            padding: self.padding[at],
            window: kernel.shape[self.kernel.spatial[at]],
            window_dilation: self.rhs_dilation[at],
            stride: self.strides[at],
        }
    }
}

/// Type rule; the constraints stand at [`Convolution`].
pub fn infer(op: &Convolution, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    arity(2, operands)?;
    let (input, kernel) = (operands[0], operands[1]);
    ensure!(input.dtype == kernel.dtype, "C27", "input is {input}, but kernel is {kernel}");
    let spatial = op.output.spatial.len();
    let entries =
        [op.strides.len(), op.padding.len(), op.lhs_dilation.len(), op.rhs_dilation.len(), op.reversal.len()];
    ensure!(
        entries == [spatial; 5],
        "C2",
        "window attributes need one entry per spatial dimension ({spatial})"
    );
    ensure!(
        [op.input.spatial.len(), op.kernel.spatial.len()] == [spatial; 2],
        "C12",
        "input, kernel and output layouts need as many spatial dimensions ({spatial})"
    );
    let positive = op.strides.iter().chain(&op.lhs_dilation).chain(&op.rhs_dilation).all(|&entry| entry > 0);
    ensure!(positive, "C3", "strides and dilations must be at least 1");
    let sides = [
        (
            "input",
            &op.input,
            input.rank(),
            op.batching_dims.iter().filter_map(|dim| dim.input).collect::<Vec<_>>(),
        ),
        ("kernel", &op.kernel, kernel.rank(), op.batching_dims.iter().filter_map(|dim| dim.kernel).collect()),
        (
            "output",
            &op.output,
            spatial + 2 + op.batching_dims.len(),
            op.batching_dims.iter().map(|dim| dim.output).collect(),
        ),
    ];
    for (side, layout, rank, batching) in sides {
        let named: Vec<usize> = layout.dims().chain(batching).collect();
        ensure!(
            named.len() == rank,
            "C12",
            "the {side} layout names {} dimensions, but the rank is {rank}",
            named.len()
        );
        distinct(side, &named, rank)?;
    }
    infer_groups(op, input, kernel)?;
    let mut shape = vec![0; spatial + 2 + op.batching_dims.len()];
    for dim in &op.batching_dims {
        let sizes = (dim.input.map(|at| input.shape[at]), dim.kernel.map(|at| kernel.shape[at]));
        shape[dim.output] = match sizes {
            (Some(size), None) | (None, Some(size)) => size,
            (Some(left), Some(right)) if left == right => left,
            (Some(_), Some(_)) | (None, None) => {
                ensure!(false, "batching", "batching dimension {dim:?} fits neither {input} nor {kernel}");
                0
            }
        };
    }
    shape[op.output.batch] = input.shape[op.input.batch] / op.batch_group_count;
    shape[op.output.feature] = kernel.shape[op.kernel.batch];
    for at in 0..spatial {
        shape[op.output.spatial[at]] = op.line(at, input, kernel).windows()?;
    }
    Ok(vec![TensorType::new(shape, op.dtype)])
}

fn infer_groups(op: &Convolution, input: &TensorType, kernel: &TensorType) -> Result<(), TypeError> {
    let (features, batch) = (op.feature_group_count, op.batch_group_count);
    ensure!(features > 0 && batch > 0, "C21", "group counts must be at least 1");
    ensure!(
        features == 1 || batch == 1,
        "C24",
        "feature_group_count and batch_group_count cannot both exceed 1"
    );
    let batch_size = input.shape[op.input.batch];
    ensure!(batch_size.is_multiple_of(batch), "C10", "{batch} batch groups do not divide batch {batch_size}");
    let channels = input.shape[op.input.feature];
    ensure!(
        channels.is_multiple_of(features),
        "C11",
        "{features} groups do not divide {channels} input features"
    );
    let taken = kernel.shape[op.kernel.feature];
    ensure!(
        taken == channels / features,
        "C14",
        "input {input} has {channels} features in {features} groups, but kernel {kernel} takes {taken} per group"
    );
    let made = kernel.shape[op.kernel.batch];
    ensure!(
        made.is_multiple_of(features) && made.is_multiple_of(batch),
        "C15",
        "groups do not divide the {made} output features of kernel {kernel}"
    );
    Ok(())
}

/// What windows slide along: one spatial dimension of a convolution, or one dimension of a windowed fold.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Number of elements.
    pub size: usize,
    /// Distance between them.
    pub dilation: usize,
    /// Places added before and after them; negative removes.
    pub padding: (i64, i64),
    /// Elements of a window.
    pub window: usize,
    /// Distance between these.
    pub window_dilation: usize,
    /// Distance between windows.
    pub stride: usize,
}

impl Line {
    /// How many windows there are.
    ///
    /// ```
    /// use choral_ir::op::convolution::Line;
    /// let line = Line { size: 9, dilation: 1, padding: (1, 1), window: 3, window_dilation: 2, stride: 2 };
    /// assert_eq!(line.windows(), Ok(4));
    /// assert!(Line { window_dilation: usize::MAX, ..line }.windows().is_err());
    /// ```
    ///
    /// # Errors
    /// If the line or a window is too large for 64 bits.
    pub fn windows(&self) -> Result<usize, TypeError> {
        self.counted().ok_or_else(|| overflow(self))
    }

    /// As [`Line::windows`]; `None` if a length, or a place of the line counted from the first element or
    /// from the start of the padding, overflows.
    fn counted(&self) -> Option<usize> {
        let (low, high) = self.padding;
        let lengths = [self.dilation, self.window, self.window_dilation, self.stride];
        if lengths.into_iter().any(|length| i64::try_from(length).is_err()) {
            return None;
        }
        let padded = extent(self.size, self.dilation)?.checked_add(low)?.checked_add(high)?;
        low.checked_neg()?.checked_add(padded.max(0))?;
        let window = extent(self.window, self.window_dilation)?;
        if padded <= 0 || window > padded {
            return Some(0);
        }
        (usize::try_from(padded - window).ok()? / self.stride).checked_add(1)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { size, dilation, padding, window, window_dilation, stride } = self;
        write!(
            f,
            "a line of {size} elements {dilation} apart, padded by {padding:?}, under windows of {window} \
             elements {window_dilation} apart in steps of {stride}"
        )
    }
}

/// From the first to the last of `size` elements that lie `dilation` apart; `None` if it overflows.
pub fn extent(size: usize, dilation: usize) -> Option<i64> {
    let Some(steps) = size.checked_sub(1) else { return Some(0) };
    i64::try_from(steps.checked_mul(dilation)?.checked_add(1)?).ok()
}

/// Where a dimension of an operand goes: a batching dimension, or the input's batch or the kernel's
/// features where these are not in groups.
pub(super) fn follow(op: &Convolution, operand: usize, dim: usize) -> Option<usize> {
    let own = |batching: &BatchingDim| if operand == 0 { batching.input } else { batching.kernel };
    if let Some(batching) = op.batching_dims.iter().find(|batching| own(batching) == Some(dim)) {
        return Some(batching.output);
    }
    let one_group = op.batch_group_count * op.feature_group_count == 1;
    match operand == 0 {
        true => (dim == op.input.batch && op.batch_group_count == 1).then_some(op.output.batch),
        false => (dim == op.kernel.batch && one_group).then_some(op.output.feature),
    }
}
