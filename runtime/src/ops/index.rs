//! Ops whose places are values.

use choral_ir::op::{Gather, IndexOp};
use choral_ir::{Tensor, TensorType};

use super::places::{chosen, place};
use super::shape::pick;
use crate::error::Error;

/// The result of an op of the family.
///
/// # Errors
/// Only if a tensor does not hold what its type says.
pub fn evaluate(op: &IndexOp, operands: &[&Tensor], ty: &TensorType) -> Result<Tensor, Error> {
    match op {
        IndexOp::Gather(op) => gather(op, operands[0], operands[1], ty),
    }
}

/// Starts beyond the ends are clamped, so that every slice lies within the operand.
fn gather(op: &Gather, operand: &Tensor, starts: &Tensor, ty: &TensorType) -> Result<Tensor, Error> {
    let places = starts.to_f64_vec();
    let (rank, sizes) = (operand.shape().len(), operand.shape());
    let (batch_dims, kept) = (op.batch_dims(ty.rank()), op.kept_dims(rank));
    pick(operand, &ty.shape, |index| {
        let batch = chosen(index, &batch_dims);
        let mut source = vec![0; rank];
        for (component, &dim) in op.start_index_map.iter().enumerate() {
            let start = places[place(starts.shape(), &with_component(&batch, op, starts.shape(), component))];
            let last = (sizes[dim] - op.slice_sizes[dim]) as f64;
            source[dim] = start.clamp(0.0, last) as usize;
        }
        for (&dim, &starts_dim) in op.operand_batching_dims.iter().zip(&op.start_indices_batching_dims) {
            // The batch index leaves out the dimension of components.
            source[dim] = batch[starts_dim - usize::from(starts_dim > op.index_vector_dim)];
        }
        for (&dim, at) in kept.iter().zip(chosen(index, &op.offset_dims)) {
            source[dim] += at;
        }
        source
    })
}

/// Index into the starts of one component for a batch index.
fn with_component(batch: &[usize], op: &Gather, starts: &[usize], component: usize) -> Vec<usize> {
    let mut index = batch.to_vec();
    if op.index_vector_dim < starts.len() {
        index.insert(op.index_vector_dim, component);
    }
    index
}
