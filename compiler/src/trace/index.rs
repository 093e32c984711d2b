//! Methods of [`Var`] whose places are values.

use std::panic::Location as Caller;

use choral_ir::op::Gather;

use super::record_one;
use super::var::Var;

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
}
