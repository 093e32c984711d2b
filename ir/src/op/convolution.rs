//! Convolution: sliding contractions of every layout, stride, padding, dilation and grouping.

use serde::{Deserialize, Serialize};

use super::{TypeError, arity, distinct, ensure};
use crate::{DType, TensorType};

/// Convolution of `input` with `kernel`.
///
/// An extension of ours: `batching_dims` are independent convolutions side by side, each taking
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
    /// The name in text; with batching dimensions it is not StableHLO's any more.
    pub fn name(&self) -> &'static str {
        if self.batching_dims.is_empty() { "stablehlo.convolution" } else { "choral.convolution" }
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
        let dilated = dilate(input.shape[op.input.spatial[at]], op.lhs_dilation[at]) as i64;
        let padded = dilated + op.padding[at].0 + op.padding[at].1;
        let window = dilate(kernel.shape[op.kernel.spatial[at]], op.rhs_dilation[at]) as i64;
        shape[op.output.spatial[at]] = window_count(padded, window, op.strides[at]);
    }
    Ok(vec![TensorType::new(shape, op.dtype)])
}

fn infer_groups(op: &Convolution, input: &TensorType, kernel: &TensorType) -> Result<(), TypeError> {
    let (features, batch) = (op.feature_group_count, op.batch_group_count);
    ensure!(features > 0 && batch > 0, "C21", "group counts must be at least 1");
    ensure!(features == 1 || batch == 1, "C24", "feature and batch groups exclude each other");
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

/// Extent of `size` elements that lie `dilation` apart.
pub fn dilate(size: usize, dilation: usize) -> usize {
    if size == 0 { 0 } else { (size - 1) * dilation + 1 }
}

/// How many windows of extent `window` fit into `padded` elements at steps of `stride`.
pub fn window_count(padded: i64, window: i64, stride: usize) -> usize {
    if padded <= 0 || window > padded { 0 } else { ((padded - window) as usize) / stride + 1 }
}

/// Where a tracked dimension goes: batching dimensions, the input's batch, the kernel's features.
pub fn follow(op: &Convolution, dims: &[Option<usize>]) -> Option<usize> {
    let batching = op.batching_dims.iter().find(|dim| {
        (dim.input.is_some() && dim.input == dims[0]) || (dim.kernel.is_some() && dim.kernel == dims[1])
    });
    match batching {
        Some(dim) => Some(dim.output),
        None if dims[0] == Some(op.input.batch) => Some(op.output.batch),
        None if dims[1] == Some(op.kernel.batch) => Some(op.output.feature),
        None => None,
    }
}
