//! Places as indices: starts of slices side by side, and indices that are clamped to where a slice still fits. Must not
//! live here: what reads or writes at these places.

use choral_ir::op::{Concatenate, DynamicSlice, Elementwise, Gather};
use choral_ir::{BuildError, Builder, Tensor, Value};

use crate::transform::views;

/// The gather of one slice for each element of the starts, and its indices; it clamps as slices do.
pub(crate) fn as_gather(
    builder: &mut Builder,
    op: &DynamicSlice,
    operand: &[usize],
    starts: &[Value],
) -> Result<(Gather, Value), BuildError> {
    let DynamicSlice { batching_dims, slice_sizes } = op;
    let count = batching_dims.len();
    let sliced = op.sliced_dims(operand.len());
    let mut sizes: Vec<usize> = operand.iter().map(|&size| size.min(1)).collect();
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
    Ok((gather, rows(builder, starts)?))
}

/// The starts side by side in a last dimension.
pub(crate) fn rows(builder: &mut Builder, starts: &[Value]) -> Result<Value, BuildError> {
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

/// Indices no less than 0 and no more than the last place of their component, which lie along a dimension, or are
/// one where that is the indices' rank.
pub(crate) fn clamped(
    builder: &mut Builder,
    indices: Value,
    last: &[usize],
    component_dim: usize,
) -> Result<Value, BuildError> {
    let last = last_places(builder, indices, last, component_dim)?;
    let ty = builder.graph().ty(indices).clone();
    let first = builder.full(0.0, ty.dtype, ty.shape);
    builder.push(Elementwise::Clamp, &[first, indices, last])
}

/// The last place of each index, as large as its type can say, in the shape of the indices.
pub(crate) fn last_places(
    builder: &mut Builder,
    indices: Value,
    last: &[usize],
    component_dim: usize,
) -> Result<Value, BuildError> {
    let ty = builder.graph().ty(indices).clone();
    let most = ty.dtype.limits().map_or(i128::MAX, |(_, most)| most);
    let last: Vec<i64> = last.iter().map(|&last| (last as i128).min(most) as i64).collect();
    let components = Tensor::from_fn([last.len()], |component| last[component]).to_dtype(ty.dtype);
    let components = builder.constant(components);
    if component_dim < ty.rank() {
        return views::stretch(builder, components, &ty.shape, &[component_dim]);
    }
    let one = builder.reshape(components, [])?;
    views::stretch(builder, one, &ty.shape, &[])
}
