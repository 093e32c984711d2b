//! Methods of [`Var`] that index by values, in PyTorch's and `jax.lax`'s names.

use std::panic::Location as Caller;

use choral_ir::op::{Binary, DynamicSlice, DynamicUpdateSlice, Gather, Scatter};
use choral_ir::{DType, Graph};

use super::var::Var;
use super::{record_one, record_with};

impl Var {
    /// Rows of this matrix (or slices of its first dimension) by index: `result[i.., ..] = self[indices[i..], ..]`.
    /// Indices beyond the ends are clamped, as StableHLO's gather does.
    #[track_caller]
    #[must_use]
    pub fn take_rows(&self, indices: &Var) -> Var {
        let (rank, index_rank) = (self.rank(), indices.rank());
        if rank == 0 {
            self.fault(format!("take_rows: {} has no rows", self.ty()));
            return self.stand_in();
        }
        let mut slice_sizes = self.shape().to_vec();
        slice_sizes[0] = 1;
        let op = Gather {
            offset_dims: (index_rank..index_rank + rank - 1).collect(),
            collapsed_slice_dims: vec![0],
            operand_batching_dims: Vec::new(),
            start_indices_batching_dims: Vec::new(),
            start_index_map: vec![0],
            index_vector_dim: index_rank,
            slice_sizes,
            indices_are_sorted: false,
        };
        record_one(op, &[self, indices], Caller::caller())
    }

    /// Slices of dimension `dim` by index, a vector: `torch.index_select`. Indices beyond the ends
    /// are clamped.
    #[track_caller]
    #[must_use]
    pub fn index_select(&self, dim: i64, indices: &Var) -> Var {
        let Some(dim) = self.dim(dim) else { return self.stand_in() };
        if indices.rank() != 1 {
            self.fault(format!("index_select: expected a vector of indices, got {}", indices.ty()));
            return self.stand_in();
        }
        let mut slice_sizes = self.shape().to_vec();
        slice_sizes[dim] = 1;
        let op = Gather {
            offset_dims: (0..self.rank()).filter(|&other| other != dim).collect(),
            collapsed_slice_dims: vec![dim],
            operand_batching_dims: Vec::new(),
            start_indices_batching_dims: Vec::new(),
            start_index_map: vec![dim],
            index_vector_dim: 1,
            slice_sizes,
            indices_are_sorted: false,
        };
        record_one(op, &[self, indices], Caller::caller())
    }

    /// One element per element of `indices`, along `dim`: `torch.gather`, for indices whose other
    /// dimensions have this value's sizes. Indices beyond the ends are clamped.
    ///
    /// ```
    /// use choral_compiler::{Var, trace};
    /// use choral_ir::{DType, TensorType};
    /// // The probability of each row's own class.
    /// let of_class = |(p, class): (Var, Var)| p.gather(1, &class.unsqueeze(1)).squeeze(1);
    /// let args = (TensorType::new([8, 10], DType::F32), TensorType::new([8], DType::I64));
    /// assert_eq!(trace(&of_class, &args)?.output.to_string(), "tensor<8xf32>");
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn gather(&self, dim: i64, indices: &Var) -> Var {
        let Some(dim) = self.along_others("gather", dim, indices) else { return self.stand_in() };
        let others: Vec<usize> = (0..self.rank()).filter(|&other| other != dim).collect();
        let op = Gather {
            offset_dims: Vec::new(),
            collapsed_slice_dims: vec![dim],
            operand_batching_dims: others.clone(),
            start_indices_batching_dims: others,
            start_index_map: vec![dim],
            index_vector_dim: indices.rank(),
            slice_sizes: vec![1; self.rank()],
            indices_are_sorted: false,
        };
        record_one(op, &[self, indices], Caller::caller())
    }

    /// This value with each element of `source` added at its index along `dim`:
    /// `torch.scatter_add`, for indices and source of one shape whose other dimensions have this
    /// value's sizes. Indices beyond the ends are left out.
    #[track_caller]
    #[must_use]
    pub fn scatter_add(&self, dim: i64, indices: &Var, source: &Var) -> Var {
        let Some(dim) = self.along_others("scatter_add", dim, indices) else { return self.stand_in() };
        let others: Vec<usize> = (0..self.rank()).filter(|&other| other != dim).collect();
        let (rank, dtype) = (indices.rank(), self.dtype());
        record_with("scatter_add", &[self, indices, source], Caller::caller(), |builder, values| {
            let op = Scatter {
                update_window_dims: Vec::new(),
                inserted_window_dims: vec![dim],
                input_batching_dims: others.clone(),
                scatter_indices_batching_dims: others,
                scatter_dims_to_operand_dims: vec![dim],
                index_vector_dim: rank,
                body: Graph::reducer(Binary::Add, dtype)?.into(),
            };
            builder.push(op, values)
        })
    }

    /// The dimension, if the indices have this value's sizes in all others; else a fault.
    #[track_caller]
    fn along_others(&self, name: &str, dim: i64, indices: &Var) -> Option<usize> {
        let dim = self.dim(dim)?;
        let same = |other: usize| other == dim || self.shape()[other] == indices.shape()[other];
        let fits = indices.rank() == self.rank() && (0..self.rank()).all(same);
        if !fits {
            let (ty, indices) = (self.ty(), indices.ty());
            self.fault(format!("{name}: {indices} may differ from {ty} only in dimension {dim}"));
        }
        fits.then_some(dim)
    }

    /// The slice of these sizes whose start the scalars give, one per dimension:
    /// `jax.lax.dynamic_slice`. A start that would reach past the end is clamped.
    #[track_caller]
    #[must_use]
    pub fn dynamic_slice(&self, starts: &[&Var], sizes: impl Into<Vec<usize>>) -> Var {
        let op = DynamicSlice { batching_dims: Vec::new(), slice_sizes: sizes.into() };
        record_one(op, &[&[self], starts].concat(), Caller::caller())
    }

    /// This value with `update` written over it at the start that the scalars give:
    /// `jax.lax.dynamic_update_slice`. A start that would reach past the end is clamped.
    #[track_caller]
    #[must_use]
    pub fn dynamic_update_slice(&self, update: &Var, starts: &[&Var]) -> Var {
        record_one(DynamicUpdateSlice::default(), &[&[self, update], starts].concat(), Caller::caller())
    }

    /// A new last dimension that is 1 at the index that this integer value holds, and 0 elsewhere, `i64`:
    /// `torch.nn.functional.one_hot`.
    #[track_caller]
    #[must_use]
    pub fn one_hot(&self, classes: usize) -> Var {
        if !self.ty().dtype.is_integer() {
            self.fault(format!("one_hot: expected integers, got {}", self.ty()));
            return self.stand_in();
        }
        self.scope_here("one_hot", |x| {
            let wide = x.to(DType::I64).unsqueeze(-1).broadcast_to([x.shape(), &[classes]].concat());
            wide.eq(wide.iota(wide.rank().saturating_sub(1), DType::I64)).to(DType::I64)
        })
    }
}
