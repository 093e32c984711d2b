//! Methods of [`Var`] that slide windows: convolution and pooling, in PyTorch's names.

use std::panic::Location as Caller;

use choral_ir::Graph;
use choral_ir::op::{Binary, Convolution, Layout, ReduceWindow};

use super::var::Var;
use super::{record_one, record_with};

/// How a window moves, per spatial dimension.
#[derive(Debug, Clone, Copy)]
pub struct Windows<'a> {
    /// The step.
    pub stride: &'a [usize],
    /// Elements added on both sides.
    pub padding: &'a [usize],
    /// The distance between the elements of the window.
    pub dilation: &'a [usize],
}

impl Var {
    /// Convolution of `[N, in, spatial..]` with a kernel `[out, in / groups, spatial..]`, as
    /// `torch.nn.functional.conv1d`, `conv2d` and `conv3d`.
    #[track_caller]
    #[must_use]
    pub fn conv(&self, kernel: &Var, windows: Windows<'_>, groups: usize) -> Var {
        let Windows { stride, padding, dilation } = windows;
        let spatial = stride.len();
        let extents: Vec<usize> =
            kernel.shape().iter().skip(2).zip(dilation).map(|(&k, &d)| extent(k, d)).collect();
        if !self.holds_windows("conv", &extents, padding) {
            return self.stand_in();
        }
        let op = Convolution {
            batching_dims: Vec::new(),
            input: Layout::channels_first(spatial),
            kernel: Layout::channels_first(spatial),
            output: Layout::channels_first(spatial),
            strides: stride.to_vec(),
            padding: padding.iter().map(|&size| (size as i64, size as i64)).collect(),
            lhs_dilation: vec![1; spatial],
            rhs_dilation: dilation.to_vec(),
            reversal: vec![false; spatial],
            feature_group_count: groups,
            batch_group_count: 1,
            dtype: self.dtype(),
        };
        record_one(op, &[self, kernel], Caller::caller())
    }

    /// The greatest element of each window over the last dimensions.
    #[track_caller]
    #[must_use]
    pub fn max_pool(&self, kernel_size: &[usize], stride: &[usize], padding: &[usize]) -> Var {
        self.pool("max_pool", Binary::Maximum, f64::NEG_INFINITY, kernel_size, stride, padding)
    }

    /// The mean of each window over the last dimensions, of element types as in [`Var::mean`]; padding
    /// counts as zeros, as is PyTorch's default.
    #[track_caller]
    #[must_use]
    pub fn avg_pool(&self, kernel_size: &[usize], stride: &[usize], padding: &[usize]) -> Var {
        let Some((x, dtype)) = self.averaged("avg_pool") else { return self.stand_in() };
        let sum = x.pool("sum_pool", Binary::Add, 0.0, kernel_size, stride, padding);
        (sum / kernel_size.iter().product::<usize>() as f64).to(dtype).renamed("avg_pool")
    }

    /// [`Var::max_pool`] over the last two dimensions, windows side by side.
    #[track_caller]
    #[must_use]
    pub fn max_pool2d(&self, kernel_size: usize) -> Var {
        self.max_pool(&[kernel_size; 2], &[kernel_size; 2], &[0; 2])
    }

    /// [`Var::avg_pool`] over the last two dimensions, windows side by side.
    #[track_caller]
    #[must_use]
    pub fn avg_pool2d(&self, kernel_size: usize) -> Var {
        self.avg_pool(&[kernel_size; 2], &[kernel_size; 2], &[0; 2])
    }

    /// Whether windows of these extents fit into the last dimensions with their padding; if not, a fault.
    #[track_caller]
    fn holds_windows(&self, name: &str, extents: &[usize], padding: &[usize]) -> bool {
        let leading = self.rank().saturating_sub(extents.len());
        let padded: Vec<usize> =
            self.shape()[leading..].iter().zip(padding).map(|(size, pad)| size + 2 * pad).collect();
        let fits = extents.iter().zip(&padded).all(|(extent, size)| extent <= size);
        if !fits {
            self.fault(format!(
                "{name}: windows of {extents:?} are larger than {padded:?}, which is {} with its padding",
                self.ty()
            ));
        }
        fits
    }

    #[track_caller]
    fn pool(
        &self,
        name: &str,
        body: Binary,
        init: f64,
        kernel_size: &[usize],
        stride: &[usize],
        padding: &[usize],
    ) -> Var {
        let Some(leading) = self.rank().checked_sub(kernel_size.len()) else {
            self.fault(format!("{name}: windows of {kernel_size:?} do not fit into {}", self.ty()));
            return self.stand_in();
        };
        if !self.holds_windows(name, kernel_size, padding) {
            return self.stand_in();
        }
        let behind = |sizes: &[usize], before: usize| [vec![before; leading], sizes.to_vec()].concat();
        let (rank, dtype) = (self.rank(), self.dtype());
        record_with(name, &[self], Caller::caller(), |builder, values| {
            let op = ReduceWindow {
                window_dimensions: behind(kernel_size, 1),
                window_strides: behind(stride, 1),
                base_dilations: vec![1; rank],
                window_dilations: vec![1; rank],
                padding: behind(padding, 0).iter().map(|&size| (size as i64, size as i64)).collect(),
                body: Graph::reducer(body, dtype)?.into(),
            };
            let init = builder.full(init, dtype, []);
            builder.push(op, &[values[0], init])
        })
    }
}

/// From the first to the last element of a window whose elements are `dilation` apart.
fn extent(size: usize, dilation: usize) -> usize {
    size.checked_sub(1).map_or(0, |steps| steps * dilation + 1)
}
