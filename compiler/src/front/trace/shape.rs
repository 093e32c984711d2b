//! Methods of [`Var`] that move, repeat and select elements, in PyTorch's names.

use std::panic::Location as Caller;

use choral_ir::op::{Concatenate, Pad, Reverse, Slice};

use super::operators::broadcast_shapes;
use super::var::Var;
use super::{record_one, record_with};
use crate::transform::views;

impl Var {
    /// The same elements under another shape; one size may be -1, and is then inferred.
    #[track_caller]
    #[must_use]
    pub fn reshape(&self, shape: impl AsRef<[i64]>) -> Var {
        let at = Caller::caller();
        let shape = shape.as_ref();
        let len = self.ty().len();
        let known: Vec<usize> = shape.iter().filter_map(|&size| usize::try_from(size).ok()).collect();
        let unknown = shape.iter().filter(|&&size| size == -1).count();
        let is_shape = unknown <= 1 && known.len() + unknown == shape.len();
        let missing = len.checked_div(self.ty().with_shape(known).len()).unwrap_or_default();
        let sizes: Vec<usize> = shape.iter().map(|&size| usize::try_from(size).unwrap_or(missing)).collect();
        if !is_shape || self.ty().with_shape(sizes.as_slice()).len() != len {
            self.trace.fault(format!("reshape: {} cannot take the shape {shape:?}", self.ty()), at);
            return self.stand_in();
        }
        if sizes == self.shape() {
            return self.clone();
        }
        record_with("reshape", &[self], at, |builder, values| builder.reshape(values[0], sizes))
    }

    /// Dimensions `start..=end` made one.
    #[track_caller]
    #[must_use]
    pub fn flatten(&self, start: i64, end: i64) -> Var {
        let (Some(start), Some(end)) = (self.dim(start), self.dim(end)) else { return self.stand_in() };
        if start > end {
            self.fault(format!("flatten: dimension {start} does not come before {end} in {}", self.ty()));
            return self.stand_in();
        }
        let mut shape: Vec<i64> = self.shape().iter().map(|&size| size as i64).collect();
        let merged = shape[start..=end].iter().product();
        shape.splice(start..=end, [merged]);
        self.reshape(shape)
    }

    /// A new dimension of size 1 at `dim`.
    #[track_caller]
    #[must_use]
    pub fn unsqueeze(&self, dim: i64) -> Var {
        let rank = self.rank() + 1;
        let Some(dim) = choral_ir::normalise_dim(dim, rank) else {
            self.fault(format!("unsqueeze: dimension {dim} is out of range for a result of rank {rank}"));
            return self.stand_in();
        };
        let mut shape: Vec<i64> = self.shape().iter().map(|&size| size as i64).collect();
        shape.insert(dim, 1);
        self.reshape(shape)
    }

    /// The value without dimension `dim`, if that has size 1; unchanged otherwise, as in PyTorch.
    #[track_caller]
    #[must_use]
    pub fn squeeze(&self, dim: i64) -> Var {
        let Some(dim) = self.dim(dim) else { return self.stand_in() };
        let mut shape: Vec<i64> = self.shape().iter().map(|&size| size as i64).collect();
        if shape[dim] == 1 {
            shape.remove(dim);
        }
        self.reshape(shape)
    }

    /// Dimension `d` of the result is dimension `dims[d]` of this value.
    #[track_caller]
    #[must_use]
    pub fn permute(&self, dims: impl AsRef<[i64]>) -> Var {
        let permutation = self.dims(dims.as_ref());
        let Some(permutation) = permutation else { return self.stand_in() };
        let op = choral_ir::op::Transpose { permutation: permutation.clone() };
        let mut sorted = permutation.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..self.rank()) {
            return record_one(op, &[self], Caller::caller());
        }
        record_with("transpose", &[self], Caller::caller(), |builder, values| {
            views::permute(builder, values[0], &permutation)
        })
    }

    /// Dimensions `first` and `second` exchanged.
    #[track_caller]
    #[must_use]
    pub fn transpose(&self, first: i64, second: i64) -> Var {
        let (Some(first), Some(second)) = (self.dim(first), self.dim(second)) else { return self.stand_in() };
        let mut dims: Vec<i64> = (0..self.rank() as i64).collect();
        dims.swap(first, second);
        self.permute(dims)
    }

    /// Repeated along dimensions of size 1, and along new leading ones, to `shape`.
    #[track_caller]
    #[must_use]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Var {
        let shape = shape.as_ref().to_vec();
        if broadcast_shapes(&[self.shape(), &shape]).as_ref() != Some(&shape) {
            self.fault(format!("broadcast_to: {} cannot be repeated to {shape:?}", self.ty()));
            return self.stand_in();
        }
        let dims: Vec<usize> = (shape.len() - self.rank()..shape.len()).collect();
        record_with("broadcast_to", &[self], Caller::caller(), |builder, values| {
            views::stretch(builder, values[0], &shape, &dims)
        })
    }

    /// Repeated to the shape of `like`, dimension `d` at `dims[d]` of it.
    #[track_caller]
    pub(crate) fn along(&self, like: &Var, dims: &[usize]) -> Var {
        if like.value.is_none() {
            return self.stand_in();
        }
        let shape = like.shape().to_vec();
        record_with("broadcast", &[self], Caller::caller(), |builder, values| {
            views::stretch(builder, values[0], &shape, dims)
        })
    }

    /// `length` slices from `start` on along `dim`.
    #[track_caller]
    #[must_use]
    pub fn narrow(&self, dim: i64, start: usize, length: usize) -> Var {
        let Some(dim) = self.dim(dim) else { return self.stand_in() };
        let mut slice = Slice {
            start: vec![0; self.rank()],
            limit: self.shape().to_vec(),
            strides: vec![1; self.rank()],
        };
        slice.start[dim] = start;
        slice.limit[dim] = start.saturating_add(length);
        record_one(slice, &[self], Caller::caller())
    }

    /// The slice at `index` of `dim`, without that dimension.
    #[track_caller]
    #[must_use]
    pub fn select(&self, dim: i64, index: usize) -> Var {
        self.narrow(dim, index, 1).squeeze(dim)
    }

    /// The order along each of `dims` reversed.
    #[track_caller]
    #[must_use]
    pub fn flip(&self, dims: impl AsRef<[i64]>) -> Var {
        let dims = self.dims(dims.as_ref());
        let Some(dims) = dims else { return self.stand_in() };
        record_one(Reverse { dims }, &[self], Caller::caller())
    }

    /// `low` elements before and `high` elements after each dimension, all of them `value`.
    #[track_caller]
    #[must_use]
    pub fn pad(&self, padding: impl AsRef<[(i64, i64)]>, value: f64) -> Var {
        let (low, high): (Vec<i64>, Vec<i64>) = padding.as_ref().iter().copied().unzip();
        let op = Pad { low, high, interior: vec![0; self.rank()] };
        let value = self.full(Vec::new(), value);
        record_one(op, &[self, &value], Caller::caller())
    }

    /// The values side by side along a new dimension `dim`.
    #[track_caller]
    #[must_use]
    pub fn stack(&self, others: &[&Var], dim: i64) -> Var {
        let Some(dim) = choral_ir::normalise_dim(dim, self.rank() + 1) else {
            self.fault(format!("stack: a new dimension {dim} is out of range for {}", self.ty()));
            return self.stand_in();
        };
        let wide: Vec<Var> = others.iter().map(|other| other.unsqueeze(dim as i64)).collect();
        self.unsqueeze(dim as i64).cat(&wide.iter().collect::<Vec<_>>(), dim as i64)
    }

    /// The slices along `dim`, without that dimension.
    #[track_caller]
    #[must_use]
    pub fn unbind(&self, dim: i64) -> Vec<Var> {
        let Some(at) = self.dim(dim) else { return Vec::new() };
        (0..self.shape()[at]).map(|index| self.select(dim, index)).collect()
    }

    /// `count` parts of the same size along `dim`; the last may be smaller, and there may be fewer.
    #[track_caller]
    #[must_use]
    pub fn chunk(&self, count: usize, dim: i64) -> Vec<Var> {
        let Some(at) = self.dim(dim) else { return Vec::new() };
        if count == 0 {
            self.fault(format!("chunk: {} cannot be cut into 0 parts", self.ty()));
            return Vec::new();
        }
        let size = self.shape()[at];
        let part = size.div_ceil(count).max(1);
        let starts = (0..size.max(1)).step_by(part);
        starts.map(|start| self.narrow(dim, start, part.min(size - start))).collect()
    }

    /// The elements moved along `dim` by `shift` places; what leaves at one end comes in at the other.
    #[track_caller]
    #[must_use]
    pub fn roll(&self, shift: i64, dim: i64) -> Var {
        let Some(at) = self.dim(dim) else { return self.stand_in() };
        let size = self.shape()[at];
        let ahead = shift.checked_rem_euclid(size as i64).unwrap_or_default() as usize;
        let start = if ahead == 0 { 0 } else { size - ahead };
        if start == 0 {
            return self.clone();
        }
        self.narrow(dim, start, size - start).cat(&[&self.narrow(dim, 0, start)], dim)
    }

    /// The values one after another along `dim`.
    #[track_caller]
    #[must_use]
    pub fn cat(&self, others: &[&Var], dim: i64) -> Var {
        let Some(dimension) = self.dim(dim) else { return self.stand_in() };
        if others.is_empty() {
            return self.clone();
        }
        let operands: Vec<&Var> = std::iter::once(self).chain(others.iter().copied()).collect();
        record_one(Concatenate { dimension }, &operands, Caller::caller())
    }
}
