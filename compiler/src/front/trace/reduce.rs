//! Methods of [`Var`] that fold dimensions away, and products of matrices.

use std::panic::Location as Caller;

use choral_ir::DType;
use choral_ir::op::{Binary, DotGeneral};

use super::operators::broadcast_shapes;
use super::record_with;
use super::var::Var;
use crate::transform::views;

/// Which dimensions a reduction folds: `-1`, `[0, 2]`, or `()` for all.
pub trait Axes {
    /// The dimensions, for a value of `rank`; negative counts from the end.
    fn axes(self, rank: usize) -> Vec<i64>;
}

impl Axes for i64 {
    fn axes(self, _: usize) -> Vec<i64> {
        vec![self]
    }
}

impl<const N: usize> Axes for [i64; N] {
    fn axes(self, _: usize) -> Vec<i64> {
        self.to_vec()
    }
}

impl Axes for &[i64] {
    fn axes(self, _: usize) -> Vec<i64> {
        self.to_vec()
    }
}

impl Axes for () {
    fn axes(self, rank: usize) -> Vec<i64> {
        (0..rank as i64).collect()
    }
}

impl Var {
    #[track_caller]
    pub(super) fn fold(&self, name: &str, body: Binary, init: f64, axes: impl Axes) -> Var {
        let axes = axes.axes(self.rank());
        let dims = self.dims(&axes);
        let Some(mut dims) = dims else { return self.stand_in() };
        dims.sort_unstable();
        let dtype = self.dtype();
        // Infinities saturate to the limits of integer types; of booleans, -inf is `false`.
        let init = if dtype == DType::I1 { init.max(0.0) } else { init };
        record_with(name, &[self], Caller::caller(), |builder, values| {
            let init = builder.full(init, dtype, []);
            builder.reduce(values[0], init, dims, body)
        })
    }

    /// Sum over the dimensions. Booleans are counted, in `i32`; `f16` and `bf16` are summed in `f32`
    /// and rounded once; integers keep their type, and wrap around.
    ///
    /// ```
    /// use choral_compiler::{Var, trace};
    /// use choral_ir::{DType, TensorType};
    /// let count = |x: Var| x.gt(0.0).sum(-1);
    /// let traced = trace(&count, &TensorType::new([4, 3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([4], DType::I32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn sum(&self, axes: impl Axes) -> Var {
        self.counted().fold("sum", Binary::Add, 0.0, axes)
    }

    /// Product over the dimensions, of element types as in [`Var::sum`].
    #[track_caller]
    #[must_use]
    pub fn prod(&self, axes: impl Axes) -> Var {
        self.counted().fold("prod", Binary::Multiply, 1.0, axes)
    }

    /// Greatest element over the dimensions; NaN if there is one.
    #[track_caller]
    #[must_use]
    pub fn amax(&self, axes: impl Axes) -> Var {
        self.fold("amax", Binary::Maximum, f64::NEG_INFINITY, axes)
    }

    /// Least element over the dimensions; NaN if there is one.
    #[track_caller]
    #[must_use]
    pub fn amin(&self, axes: impl Axes) -> Var {
        self.fold("amin", Binary::Minimum, f64::INFINITY, axes)
    }

    /// Arithmetic mean over the dimensions; NaN for no elements. Of booleans it is the fraction that is
    /// true, in `f32`; of `f16` and `bf16` it is computed in `f32` and rounded once. A fault for integers.
    #[track_caller]
    #[must_use]
    pub fn mean(&self, axes: impl Axes) -> Var {
        let Some((x, dtype)) = self.averaged("mean") else { return self.stand_in() };
        let sum = x.sum(axes);
        let count = x.ty().len() as f64 / sum.ty().len().max(1) as f64;
        (sum / count).to(dtype).renamed("mean")
    }

    /// What a mean sums, and the element type that it has; a fault for integers.
    #[track_caller]
    pub(super) fn averaged(&self, name: &str) -> Option<(Var, DType)> {
        match self.dtype() {
            DType::I1 => Some((self.to(DType::F32), DType::F32)),
            dtype => self.holds_floats(name).then(|| (self.widened(), dtype)),
        }
    }

    /// Whether these are floats; if not, a fault.
    #[track_caller]
    fn holds_floats(&self, name: &str) -> bool {
        let is_float = self.dtype().is_float();
        if !is_float {
            self.fault(format!(
                "{name}: {} does not hold floats, and its mean would be truncated; convert it first: x.to(DType::F32)",
                self.ty()
            ));
        }
        is_float
    }

    /// Variance over the dimensions: the mean square distance from the mean, with the number of
    /// elements less `correction` as the divisor (PyTorch's default is 1), which is never below 0.
    ///
    /// It is NaN for no elements, for one element with correction 1, and where an element is infinite or
    /// NaN. That of `f16` and `bf16` is computed in `f32` and rounded once. A fault for integers and booleans.
    #[track_caller]
    #[must_use]
    pub fn var(&self, axes: impl Axes, correction: usize) -> Var {
        if !self.holds_floats("var") {
            return self.stand_in();
        }
        let (x, axes) = (self.widened(), axes.axes(self.rank()));
        let mean = x.mean(axes.as_slice()).keep_dims(&x, &axes);
        let distance = &x - mean;
        let sum = (&distance * &distance).sum(axes.as_slice());
        let count = x.ty().len() as f64 / sum.ty().len().max(1) as f64;
        (sum / (count - correction as f64).max(0.0)).to(self.dtype()).renamed("var")
    }

    /// The square root of [`Var::var`].
    #[track_caller]
    #[must_use]
    pub fn std(&self, axes: impl Axes, correction: usize) -> Var {
        if !self.holds_floats("std") {
            return self.stand_in();
        }
        self.widened().var(axes, correction).sqrt().to(self.dtype()).renamed("std")
    }

    /// Whether any element over the dimensions is true, or not zero.
    #[track_caller]
    #[must_use]
    pub fn any(&self, axes: impl Axes) -> Var {
        self.truth().fold("any", Binary::Or, 0.0, axes)
    }

    /// Whether all elements over the dimensions are true, or not zero.
    #[track_caller]
    #[must_use]
    pub fn all(&self, axes: impl Axes) -> Var {
        self.truth().fold("all", Binary::And, 1.0, axes)
    }

    #[track_caller]
    fn truth(&self) -> Var {
        if self.dtype() == DType::I1 { self.clone() } else { self.ne(0.0) }
    }

    /// The result of a reduction of `whole` over `axes`, with these dimensions put back at size 1.
    #[track_caller]
    pub(crate) fn keep_dims(&self, whole: &Var, axes: &[i64]) -> Var {
        let mut shape: Vec<i64> = whole.shape().iter().map(|&size| size as i64).collect();
        for &axis in axes {
            if let Some(dim) = choral_ir::normalise_dim(axis, whole.rank()) {
                shape[dim] = 1;
            }
        }
        if self.value.is_some() { self.reshape(shape) } else { self.stand_in() }
    }

    /// Product over dimension `dim` of this value and dimension `rhs_dim` of `rhs`; what is left
    /// of `rhs` follows what is left of this value.
    #[track_caller]
    pub(crate) fn contract(&self, rhs: &Var, dim: i64, rhs_dim: i64) -> Var {
        let (Some(dim), Some(rhs_dim)) = (self.dim(dim), rhs.dim(rhs_dim)) else { return self.stand_in() };
        self.dot_general(rhs, (&[dim], &[rhs_dim]), (&[], &[]))
    }

    /// `x W^T + b` over the last dimension, as `torch.nn.functional.linear`: `weight` is `[out, in]`.
    #[track_caller]
    #[must_use]
    pub fn linear(&self, weight: &Var, bias: Option<&Var>) -> Var {
        let product = self.contract(weight, -1, 1);
        bias.iter().fold(product, |sum, bias| sum + bias)
    }

    /// Contraction with explicit dimensions; see [`DotGeneral`].
    #[track_caller]
    #[must_use]
    pub fn dot_general(
        &self,
        rhs: &Var,
        contracting: (&[usize], &[usize]),
        batching: (&[usize], &[usize]),
    ) -> Var {
        let op = DotGeneral {
            lhs_batching: batching.0.to_vec(),
            rhs_batching: batching.1.to_vec(),
            lhs_contracting: contracting.0.to_vec(),
            rhs_contracting: contracting.1.to_vec(),
            dtype: self.dtype(),
        };
        super::record_one(op, &[self, rhs], Caller::caller())
    }

    /// Product of matrices in the last two dimensions; leading ones are broadcast together, and
    /// one-dimensional operands count as a row on the left and a column on the right, as in numpy.
    #[track_caller]
    #[must_use]
    pub fn matmul(&self, rhs: &Var) -> Var {
        let (left, right) = (self.rank(), rhs.rank());
        if left == 0 || right == 0 {
            self.fault(format!("matmul: a scalar has no matrix product: {} and {}", self.ty(), rhs.ty()));
            return self.stand_in();
        }
        if right <= 2 {
            return self.dot_general(rhs, (&[left - 1], &[right.saturating_sub(2)]), (&[], &[]));
        }
        let leading = (&self.shape()[..left.saturating_sub(2)], &rhs.shape()[..right - 2]);
        let Some(batch) = broadcast_shapes(&[leading.0, leading.1]) else {
            self.fault(format!(
                "matmul: leading dimensions do not broadcast: {} and {}",
                self.ty(),
                rhs.ty()
            ));
            return self.stand_in();
        };
        let matrix = |var: &Var| {
            let shape: Vec<usize> = batch.iter().chain(&var.shape()[var.rank() - 2..]).copied().collect();
            var.broadcast_to(shape)
        };
        let dims: Vec<usize> = (0..batch.len()).collect();
        let count = batch.len();
        if left == 1 {
            let row = self.broadcast_to([batch.as_slice(), self.shape()].concat());
            return row.dot_general(&matrix(rhs), (&[count], &[count]), (&dims, &dims));
        }
        matrix(self).dot_general(&matrix(rhs), (&[count + 1], &[count]), (&dims, &dims))
    }

    /// Index of the greatest element along `dim` as `i64`, the first of equals; NaN is greatest.
    #[track_caller]
    #[must_use]
    pub fn argmax(&self, dim: i64) -> Var {
        self.arg_extreme("argmax", dim, |x| x.amax(dim))
    }

    /// Index of the least element along `dim` as `i64`, the first of equals; NaN is least.
    #[track_caller]
    #[must_use]
    pub fn argmin(&self, dim: i64) -> Var {
        self.arg_extreme("argmin", dim, |x| x.amin(dim))
    }

    #[track_caller]
    fn arg_extreme(&self, name: &str, dim: i64, extreme: impl Fn(&Var) -> Var) -> Var {
        let Some(at) = self.dim(dim) else { return self.stand_in() };
        if self.shape()[at] == 0 {
            self.fault(format!("{name}: dimension {dim} of {} is empty", self.ty()));
            return self.stand_in();
        }
        self.scope_here(name, |x| {
            let extreme = extreme(x).keep_dims(x, &[dim]);
            // Half as many bytes as results have, unless there are too many places.
            let is_short = i32::try_from(x.shape()[at]).is_ok();
            let places = x.iota(at, if is_short { DType::I32 } else { DType::I64 });
            let none = places.full(Vec::new(), x.shape()[at] as f64);
            // A NaN is the extreme if there is one, and differs from itself.
            let is_extreme = x.eq(&extreme).logical_or(x.isnan());
            places.where_(&is_extreme, none).amin(dim).to(DType::I64)
        })
    }

    /// Each element's own index along `dim`, in this value's shape.
    #[track_caller]
    pub(crate) fn iota(&self, dim: usize, dtype: DType) -> Var {
        let shape = self.shape().to_vec();
        record_with("iota", &[self], Caller::caller(), |builder, _| {
            let op = choral_ir::op::Iota { shape: vec![shape[dim]], dtype, dimension: 0 };
            let line = builder.push(op, &[])?;
            views::stretch(builder, line, &shape, &[dim])
        })
    }
}
