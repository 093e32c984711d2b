//! The greatest elements, and elements by their places, as other exporters spell them.

use super::super::attributes::Attribute;
use super::super::call::{Call, Reason};
use super::expansion::{config, operands, type_of};
use crate::graph::Value;
use crate::op::{Gather, Slice, Sort, TopK, Unary};
use crate::{BuildError, Builder};

/// `mhlo.topk`: as `chlo.top_k`, or the least elements, which are the greatest in the reverse order.
pub(super) fn top_k(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let [operand] = operands(&call)?;
    let k = call.attributes.size(&["k"])?;
    let largest = call.attributes.read_or(&["largest"], true, |value| value.boolean())?;
    call.attributes.finish()?;
    if largest {
        return Ok(builder.push_all(TopK { k }, &[operand])?);
    }
    let reversed = reverse_order(builder, operand)?;
    let mut results = builder.push_all(TopK { k }, &[reversed])?;
    if let Some(values) = results.first_mut() {
        *values = reverse_order(builder, *values)?;
    }
    Ok(results)
}

/// Numbers in the reverse order of the operand's; twice is the operand again.
fn reverse_order(builder: &mut Builder, value: Value) -> Result<Value, BuildError> {
    let op = if type_of(builder, value).dtype.is_float() { Unary::Negate } else { Unary::Not };
    builder.unary(op, value)
}

/// `stablehlo.torch_index_select`: slices of the operand along `dim`, at the places in the second operand.
/// The first `batch_dims` dimensions of both are one batch.
pub(super) fn torch_index_select(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let [operand, index] = operands(&call)?;
    let dim = call.attributes.read(&["dim"], Attribute::integer)?;
    let batch = call.attributes.read_or(&["batch_dims"], 0, Attribute::integer)?;
    call.attributes.finish()?;
    let (ty, places) = (type_of(builder, operand), type_of(builder, index));
    // Negative ones count from the end.
    let counted = |dim: i64, rank: usize| usize::try_from(if dim < 0 { dim + rank as i64 } else { dim }).ok();
    let (Some(dim), Some(batch)) = (
        counted(dim, ty.rank()).filter(|&dim| dim < ty.rank()),
        counted(batch, places.rank()).filter(|&batch| batch <= places.rank()),
    ) else {
        return Err(format!("dim {dim} and batch_dims {batch} do not fit {ty} and {places}").into());
    };
    if batch > dim {
        return Err(format!("dim {dim} is one of the {batch} batch_dims of {ty}").into());
    }
    let rank = ty.rank() - 1 + places.rank() - batch;
    let batching: Vec<usize> = (0..batch).collect();
    let mut slice_sizes = ty.shape;
    slice_sizes[..batch].fill(1);
    slice_sizes[dim] = 1;
    let gather = Gather {
        offset_dims: (batch..dim).chain(dim + places.rank() - batch..rank).collect(),
        collapsed_slice_dims: vec![dim],
        operand_batching_dims: batching.clone(),
        start_indices_batching_dims: batching,
        start_index_map: vec![dim],
        index_vector_dim: places.rank(),
        slice_sizes,
        indices_are_sorted: false,
    };
    Ok(vec![builder.push(gather, &[operand, index])?])
}

/// JAX's `ApproxTopK` of operands and as many initial values: exactly the first of all, in the order of the
/// comparator, as many as the results hold.
pub(super) fn approx_top_k(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let comparator = call.regions.pop().ok_or("expected a comparator among its called_computations")?;
    let mut config = config(&mut call)?;
    let inputs = &call.operands[..call.operands.len() / 2];
    let (Some(&first), Some(wanted)) = (inputs.first(), call.signature.results.first()) else {
        return Err("expected operands, initial values and results".into());
    };
    let shape = type_of(builder, first).shape;
    let dimension = config.size(&["reduction_dim"])?;
    if dimension >= shape.len() || wanted.rank() != shape.len() {
        return Err(format!("reduction_dim {dimension} does not fit the shape {shape:?}").into());
    }
    let sort = Sort { dimension, is_stable: true, comparator: comparator.graph.into() };
    let sorted = builder.push_all(sort, inputs)?;
    let mut limit = shape;
    limit[dimension] = wanted.shape[dimension];
    let slice = Slice { start: vec![0; limit.len()], strides: vec![1; limit.len()], limit };
    let slices = sorted.into_iter().map(|value| builder.push(slice.clone(), &[value]));
    Ok(slices.collect::<Result<_, _>>()?)
}
