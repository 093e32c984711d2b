//! Methods of [`Var`] that slide windows: convolution and pooling, in PyTorch's names.

use std::panic::Location as Caller;

use choral_ir::op::{Binary, Convolution, Layout, ReduceWindow};
use choral_ir::{DType, Graph};

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

/// What a window's elements are combined into.
struct Pooling {
    /// The method's name, for messages.
    method: &'static str,
    /// The name of its values.
    value: &'static str,
    body: Binary,
    init: f64,
}

const MAX: Pooling =
    Pooling { method: "max_pool", value: "max_pool", body: Binary::Maximum, init: f64::NEG_INFINITY };
const SUM: Pooling = Pooling { method: "avg_pool", value: "sum_pool", body: Binary::Add, init: 0.0 };

impl Var {
    /// Convolution of `[N, in, spatial..]` with a kernel `[out, in / groups, spatial..]`, as
    /// `torch.nn.functional.conv1d`, `conv2d` and `conv3d`.
    #[track_caller]
    #[must_use]
    pub fn conv(&self, kernel: &Var, windows: Windows<'_>, groups: usize) -> Var {
        let Windows { stride, padding, dilation } = windows;
        let spatial = stride.len();
        let sizes = kernel.shape().get(2..).unwrap_or_default();
        let Some(padding) = self.padding_of_windows("conv", sizes, dilation, padding) else {
            return self.stand_in();
        };
        let op = Convolution {
            batching_dims: Vec::new(),
            input: Layout::channels_first(spatial),
            kernel: Layout::channels_first(spatial),
            output: Layout::channels_first(spatial),
            strides: stride.to_vec(),
            padding,
            lhs_dilation: vec![1; spatial],
            rhs_dilation: dilation.to_vec(),
            reversal: vec![false; spatial],
            feature_group_count: groups,
            batch_group_count: 1,
            dtype: self.dtype(),
        };
        record_one(op, &[self, kernel], Caller::caller())
    }

    /// What [`Var::conv`] with these windows gives back to its input: of `[N, in, spatial..]` with a kernel
    /// `[in, out / groups, spatial..]`, as `torch.nn.functional.conv_transpose1d`, `conv_transpose2d` and
    /// `conv_transpose3d`. `output_padding` elements more are computed at the end of each spatial dimension.
    ///
    /// ```
    /// use choral_compiler::trace::convolution::Windows;
    /// use choral_compiler::{Var, trace};
    /// use choral_ir::{DType, TensorType};
    /// let twice = Windows { stride: &[2], padding: &[1], dilation: &[1] };
    /// let upsampled = |(x, kernel): (Var, Var)| x.conv_transpose(&kernel, twice, &[1], 1);
    /// let args = (TensorType::new([1, 4, 5], DType::F32), TensorType::new([4, 2, 3], DType::F32));
    /// assert_eq!(trace(&upsampled, &args)?.output, TensorType::new([1, 2, 10], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn conv_transpose(
        &self,
        kernel: &Var,
        windows: Windows<'_>,
        output_padding: &[usize],
        groups: usize,
    ) -> Var {
        let Windows { stride, padding, dilation } = windows;
        let spatial = stride.len();
        let sizes = kernel.shape().get(2..).unwrap_or_default();
        let extents: Vec<u128> =
            sizes.iter().zip(dilation).map(|(&size, &apart)| extent(size, apart)).collect();
        let around = |dim: usize| {
            let [stride, padding, more] =
                [stride[dim], padding[dim], output_padding[dim]].map(|size| size as i128);
            // Steps of the input lie `stride` apart, and a window may begin before the first one.
            let before = extents[dim] as i128 - 1 - padding;
            let is_whole = more < stride.max(dilation[dim] as i128);
            let both = (i64::try_from(before).ok()?, i64::try_from(before + more).ok()?);
            is_whole.then_some(both)
        };
        let fits = kernel.rank() == spatial + 2 && self.rank() == spatial + 2 && groups > 0;
        let divides = fits && kernel.shape()[0].is_multiple_of(groups);
        let padding: Option<Vec<(i64, i64)>> = (0..spatial).map(around).collect();
        let Some(padding) = padding.filter(|_| divides && !sizes.contains(&0)) else {
            self.fault(format!(
                "conv_transpose: {} of {groups} groups does not fit {}, or output padding of {output_padding:?} is \
                 not less than a stride of {stride:?} or a dilation of {dilation:?}",
                kernel.ty(),
                self.ty()
            ));
            return self.stand_in();
        };
        let op = Convolution {
            batching_dims: Vec::new(),
            input: Layout::channels_first(spatial),
            kernel: Layout { batch: 1, feature: 0, spatial: (2..2 + spatial).collect() },
            output: Layout::channels_first(spatial),
            strides: vec![1; spatial],
            padding,
            lhs_dilation: stride.to_vec(),
            rhs_dilation: dilation.to_vec(),
            reversal: vec![true; spatial],
            feature_group_count: groups,
            batch_group_count: 1,
            dtype: self.dtype(),
        };
        record_one(op, &[self, &kernel.side_by_side(groups)], Caller::caller())
    }

    /// A kernel `[in, out / groups, spatial..]` as `[in / groups, out, spatial..]`: the outputs of all groups
    /// beside each other.
    #[track_caller]
    fn side_by_side(&self, groups: usize) -> Var {
        if groups == 1 {
            return self.clone();
        }
        let sizes: Vec<i64> = self.shape().iter().map(|&size| size as i64).collect();
        let (groups, inputs) = (groups as i64, sizes[0] / groups as i64);
        let apart = self.reshape([&[groups, inputs], &sizes[1..]].concat());
        apart.transpose(0, 1).reshape([&[inputs, groups * sizes[1]], &sizes[2..]].concat())
    }

    /// The greatest element of each window over the last dimensions.
    #[track_caller]
    #[must_use]
    pub fn max_pool(&self, kernel_size: &[usize], stride: &[usize], padding: &[usize]) -> Var {
        self.pool(&MAX, kernel_size, stride, padding)
    }

    /// The mean of each window over the last dimensions, of element types as in [`Var::mean`]; padding
    /// counts as zeros, as is PyTorch's default.
    #[track_caller]
    #[must_use]
    pub fn avg_pool(&self, kernel_size: &[usize], stride: &[usize], padding: &[usize]) -> Var {
        let Some((x, dtype)) = self.averaged("avg_pool") else { return self.stand_in() };
        let sum = x.pool(&SUM, kernel_size, stride, padding);
        let count: f64 = kernel_size.iter().map(|&size| size as f64).product();
        (sum / count).to(dtype).renamed("avg_pool")
    }

    /// The mean of windows that part each of the last dimensions into `output_size` of nearly one size, of
    /// element types as in [`Var::mean`]: `torch.nn.functional.adaptive_avg_pool1d` and its kin. Window `i` of
    /// `n` covers what lies from `i / n` to `(i + 1) / n` of the dimension, in part or whole.
    ///
    /// ```
    /// use choral_compiler::{Var, trace};
    /// use choral_ir::{DType, TensorType};
    /// let images = TensorType::new([8, 3, 28, 30], DType::F32);
    /// let traced = trace(&|x: Var| x.adaptive_avg_pool(&[7, 4]), &images)?;
    /// assert_eq!(traced.output, TensorType::new([8, 3, 7, 4], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn adaptive_avg_pool(&self, output_size: &[usize]) -> Var {
        let Some((x, dtype)) = self.averaged("adaptive_avg_pool") else { return self.stand_in() };
        let leading = self.rank().checked_sub(output_size.len());
        let Some(leading) = leading.filter(|&leading| !self.shape()[leading..].contains(&0)) else {
            self.fault(format!("adaptive_avg_pool: {} has no windows {output_size:?}", self.ty()));
            return self.stand_in();
        };
        self.scope_here("adaptive_avg_pool", |_| {
            let parted = |x: Var, (dim, &count): (usize, &usize)| x.means_of_parts(leading + dim, count);
            output_size.iter().enumerate().fold(x, parted).to(dtype)
        })
    }

    /// A dimension parted into `count` windows, each of them its mean.
    fn means_of_parts(&self, dim: usize, count: usize) -> Var {
        let (size, axis) = (self.shape()[dim], dim as i64);
        if count > 0 && size.is_multiple_of(count) {
            let mut shape: Vec<i64> = self.shape().iter().map(|&size| size as i64).collect();
            shape.splice(dim..=dim, [count as i64, (size / count) as i64]);
            return self.reshape(shape).mean(axis + 1);
        }
        let mean = |part: usize| {
            let (start, end) = (part * size / count, ((part + 1) * size).div_ceil(count));
            self.narrow(axis, start, end - start).mean(axis).unsqueeze(axis)
        };
        let means: Vec<Var> = (0..count).map(mean).collect();
        match means.split_first() {
            Some((first, others)) => first.cat(&others.iter().collect::<Vec<_>>(), axis),
            None => self.narrow(axis, 0, 0),
        }
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

    /// The padding of both sides, if windows of these sizes fit into the last dimensions with it; if
    /// not, a fault.
    #[track_caller]
    fn padding_of_windows(
        &self,
        name: &str,
        sizes: &[usize],
        dilation: &[usize],
        padding: &[usize],
    ) -> Option<Vec<(i64, i64)>> {
        let leading = self.rank().saturating_sub(sizes.len());
        let extents: Vec<u128> =
            sizes.iter().zip(dilation).map(|(&size, &apart)| extent(size, apart)).collect();
        let padded: Vec<u128> = self.shape()[leading..]
            .iter()
            .zip(padding)
            .map(|(&size, &pad)| size as u128 + 2 * pad as u128)
            .collect();
        let both_sides: Option<Vec<(i64, i64)>> =
            padding.iter().map(|&pad| i64::try_from(pad).ok().map(|pad| (pad, pad))).collect();
        let message = if sizes.contains(&0) {
            format!("windows of {sizes:?} hold no element")
        } else if extents.iter().zip(&padded).any(|(extent, size)| extent > size) {
            format!(
                "windows of {extents:?} are larger than {padded:?}, which is {} with its padding",
                self.ty()
            )
        } else if both_sides.is_none() {
            format!("padding of {padding:?} is more than memory can address")
        } else {
            return both_sides;
        };
        self.fault(format!("{name}: {message}"));
        None
    }

    /// Whether no window lies in the padding alone; if one may, a fault.
    #[track_caller]
    fn pools_elements(&self, name: &str, kernel_size: &[usize], padding: &[usize]) -> bool {
        let holds = kernel_size.iter().zip(padding).all(|(&size, &pad)| pad <= size / 2);
        if !holds {
            self.fault(format!(
                "{name}: padding of {padding:?} is more than half of windows of {kernel_size:?}"
            ));
        }
        holds
    }

    #[track_caller]
    fn pool(&self, pooling: &Pooling, kernel_size: &[usize], stride: &[usize], padding: &[usize]) -> Var {
        let &Pooling { method, value, body, init } = pooling;
        let Some(leading) = self.rank().checked_sub(kernel_size.len()) else {
            self.fault(format!("{method}: windows of {kernel_size:?} do not fit into {}", self.ty()));
            return self.stand_in();
        };
        let side_by_side = vec![1; kernel_size.len()];
        let Some(both_sides) = self.padding_of_windows(method, kernel_size, &side_by_side, padding) else {
            return self.stand_in();
        };
        if !self.pools_elements(method, kernel_size, padding) {
            return self.stand_in();
        }
        let behind = |sizes: &[usize]| [vec![1; leading], sizes.to_vec()].concat();
        let (rank, dtype) = (self.rank(), self.dtype());
        record_with(value, &[self], Caller::caller(), |builder, values| {
            let op = ReduceWindow {
                window_dimensions: behind(kernel_size),
                window_strides: behind(stride),
                base_dilations: vec![1; rank],
                window_dilations: vec![1; rank],
                padding: [vec![(0, 0); leading], both_sides].concat(),
                body: Graph::reducer(body, dtype)?.into(),
            };
            // Of booleans, minus infinity is `false`.
            let init = builder.full(if dtype == DType::I1 { init.max(0.0) } else { init }, dtype, []);
            builder.push(op, &[values[0], init])
        })
    }
}

/// From the first to the last element of a window whose elements are `dilation` apart.
fn extent(size: usize, dilation: usize) -> u128 {
    size.checked_sub(1).map_or(0, |steps| steps as u128 * dilation as u128 + 1)
}
