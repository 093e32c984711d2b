//! Slices side by side, each with starts of its own: a gather, and a scatter that overwrites.

use choral_ir::op::{DynamicSlice, DynamicUpdateSlice, Scatter};
use choral_ir::{BuildError, Builder, Graph, Value};

use crate::transform::starts;

/// A gather of one slice for each element of the starts; it clamps as slices do.
pub(super) fn dynamic_slice(
    builder: &mut Builder,
    op: &DynamicSlice,
    operands: &[Value],
) -> Result<Value, BuildError> {
    let shape = builder.graph().ty(operands[0]).shape.clone();
    let (gather, indices) = starts::as_gather(builder, op, &shape, &operands[1..])?;
    builder.push(gather, &[operands[0], indices])
}

/// A scatter of one window for each element of the starts. A scatter leaves out what does not fit,
/// so the starts are clamped first.
pub(super) fn dynamic_update_slice(
    builder: &mut Builder,
    op: &DynamicUpdateSlice,
    operands: &[Value],
) -> Result<Value, BuildError> {
    let (operand, update) = (builder.graph().ty(operands[0]), builder.graph().ty(operands[1]));
    let (count, rank, dtype) = (op.batching_dims.len(), operand.rank(), operand.dtype);
    let sliced = op.sliced_dims(rank);
    let room = sliced.iter().zip(&update.shape[count..]).map(|(&dim, size)| operand.shape[dim] - size);
    let last: Vec<usize> = room.collect();
    let indices = starts::rows(builder, &operands[2..])?;
    let indices = starts::clamped(builder, indices, &last, count)?;
    let scatter = Scatter {
        update_window_dims: (count..rank).collect(),
        inserted_window_dims: Vec::new(),
        input_batching_dims: op.batching_dims.clone(),
        scatter_indices_batching_dims: (0..count).collect(),
        scatter_dims_to_operand_dims: sliced,
        index_vector_dim: count,
        body: Graph::second(dtype).into(),
    };
    builder.push(scatter, &[operands[0], indices, operands[1]])
}
