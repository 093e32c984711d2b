//! Operands that are repeated along dimensions: by a list of sizes, or implicitly.

use super::super::call::{Call, Reason};
use super::expansion::{operands, type_of};
use crate::graph::Value;
use crate::{BuildError, Builder};

/// `stablehlo.broadcast %x, sizes = [2]`: the operand once for each place of new leading dimensions.
pub(super) fn broadcast(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let [operand] = operands(&call)?;
    let sizes = call.attributes.sizes(&["sizes", "broadcast_sizes"])?;
    call.attributes.finish()?;
    let ty = type_of(builder, operand);
    let dims = (sizes.len()..sizes.len() + ty.rank()).collect();
    Ok(vec![builder.broadcast_in_dim(operand, [sizes, ty.shape].concat(), dims)?])
}

/// `chlo.broadcast_add %x, %y`: the op of the rest of its name, on operands of one shape.
pub(super) fn implicit<'a>(builder: &mut Builder, mut call: Call<'a>) -> Result<Call<'a>, Reason> {
    let dims = call.attributes.take(&["broadcast_dimensions"]).map(|dims| dims.sizes()).transpose()?;
    call.operands = to_one_shape(builder, &call.operands, dims.as_deref())?;
    // The op of this name is StableHLO's or its client's; either dialect finds it.
    call.name = call.name.strip_prefix("chlo.broadcast_").unwrap_or(call.name);
    Ok(call)
}

/// The values at the shape that all of them have once dimensions of size 1 are repeated. `dims` says where
/// the dimensions of those of lower rank lie; else they are the last.
fn to_one_shape(
    builder: &mut Builder,
    values: &[Value],
    dims: Option<&[usize]>,
) -> Result<Vec<Value>, Reason> {
    let shapes: Vec<Vec<usize>> = values.iter().map(|&value| type_of(builder, value).shape).collect();
    let rank = shapes.iter().map(Vec::len).max().unwrap_or_default();
    let of_one_rank = shapes.iter().all(|shape| shape.len() == rank);
    let place = |shape: &[usize]| match dims {
        Some(dims) if shape.len() < rank || of_one_rank => dims.to_vec(),
        Some(_) | None => (rank - shape.len()..rank).collect(),
    };
    let places: Vec<Vec<usize>> = shapes.iter().map(|shape| place(shape)).collect();
    let mut common = vec![1; rank];
    for (shape, places) in shapes.iter().zip(&places) {
        if places.len() != shape.len() || places.iter().any(|&dim| dim >= rank) {
            return Err(format!("`broadcast_dimensions` {places:?} do not place the shape {shape:?}").into());
        }
        for (&size, &dim) in shape.iter().zip(places) {
            common[dim] = if common[dim] == 1 { size } else { common[dim] };
        }
    }
    let repeat = |(&value, places): (&Value, Vec<usize>)| -> Result<Value, BuildError> {
        match type_of(builder, value).shape == common {
            true => Ok(value),
            false => builder.broadcast_in_dim(value, common.clone(), places),
        }
    };
    Ok(values.iter().zip(places).map(repeat).collect::<Result<_, _>>()?)
}
