//! Slices side by side, each with starts of its own: a gather, and a scatter that overwrites.

use choral_ir::op::{Concatenate, DynamicSlice, DynamicUpdateSlice, Elementwise, Gather, Scatter};
use choral_ir::{BuildError, Builder, Graph, Tensor, Value};

use crate::transform::views;

/// A gather of one slice for each element of the starts; it clamps as slices do.
pub(super) fn dynamic_slice(
    builder: &mut Builder,
    op: &DynamicSlice,
    operands: &[Value],
) -> Result<Value, BuildError> {
    let DynamicSlice { batching_dims, slice_sizes } = op;
    let (operand, starts) = (operands[0], &operands[1..]);
    let (count, rank) = (batching_dims.len(), builder.graph().ty(operand).rank());
    let sliced = op.sliced_dims(rank);
    let mut sizes: Vec<usize> = builder.graph().ty(operand).shape.iter().map(|&size| size.min(1)).collect();
    sliced.iter().zip(slice_sizes).for_each(|(&dim, &size)| sizes[dim] = size);
    let own = |dim: &(usize, &Option<usize>)| dim.1.is_some();
    let gather = Gather {
        offset_dims: (count..count + sliced.len()).collect(),
        collapsed_slice_dims: Vec::new(),
        operand_batching_dims: batching_dims.iter().flatten().copied().collect(),
        start_indices_batching_dims: batching_dims
            .iter()
            .enumerate()
            .filter(own)
            .map(|(dim, _)| dim)
            .collect(),
        start_index_map: sliced,
        index_vector_dim: count,
        slice_sizes: sizes,
        indices_are_sorted: false,
    };
    let indices = rows(builder, starts)?;
    builder.push(gather, &[operand, indices])
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
    let last: Vec<f64> = room.map(|room| room as f64).collect();
    let indices = rows(builder, &operands[2..])?;
    let ty = builder.graph().ty(indices).clone();
    let last = builder.constant(Tensor::from_fn([sliced.len()], |dim| last[dim]).to_dtype(ty.dtype));
    let last = views::stretch(builder, last, &ty.shape, &[count])?;
    let first = builder.full(0.0, ty.dtype, ty.shape);
    let indices = builder.push(Elementwise::Clamp, &[first, indices, last])?;
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

/// The starts side by side in a last dimension.
fn rows(builder: &mut Builder, starts: &[Value]) -> Result<Value, BuildError> {
    let mut columns = Vec::with_capacity(starts.len());
    let mut dimension = 0;
    for &start in starts {
        let mut shape = builder.graph().ty(start).shape.clone();
        dimension = shape.len();
        shape.push(1);
        columns.push(builder.reshape(start, shape)?);
    }
    builder.push(Concatenate { dimension }, &columns)
}
