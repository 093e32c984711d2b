//! Tangents and cotangents of ops that index by values. All but scatters are linear in what they read and write; the way
//! back adds where was read, and reads where was written. A place out of bounds is clamped or left out on the way
//! back as it was on the way there.

use choral_ir::op::{Binary, DynamicSlice, DynamicUpdateSlice, Gather, IndexOp, Scatter, Transposed};
use choral_ir::{BuildError, Builder, Graph, TensorType, Value};

use super::scatter;
use crate::transform::dual::{Dual, is_linear, known, tangent_of, type_of, values, zeros};
use crate::transform::starts;

/// The results and their tangents.
pub(crate) fn jvp(builder: &mut Builder, op: &IndexOp, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    match op {
        IndexOp::Gather(_) | IndexOp::DynamicSlice(_) => moved(builder, op, duals, 1),
        IndexOp::DynamicUpdateSlice(_) => moved(builder, op, duals, 2),
        IndexOp::Scatter(op) => scatter::jvp(builder, op, duals),
    }
}

/// The op of the first `moved` operands' tangents, at the same places.
fn moved(builder: &mut Builder, op: &IndexOp, duals: &[Dual], moved: usize) -> Result<Vec<Dual>, BuildError> {
    let mut operands = values(duals);
    let value = builder.push(op.clone(), &operands)?;
    for (operand, &dual) in operands.iter_mut().zip(&duals[..moved]) {
        *operand = tangent_of(builder, dual);
    }
    Ok(vec![Dual { value, tangent: Some(builder.push(op.clone(), &operands)?) }])
}

/// The cotangents of the operands.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &IndexOp,
    operands: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    let mut back = vec![None; operands.len()];
    let [Some(cotangent)] = *cotangents else { return scatter::several(builder, op) };
    let places = |from: usize| -> Result<Vec<Value>, BuildError> {
        operands[from..].iter().map(|place| known(&op.clone().into(), place)).collect()
    };
    match op {
        IndexOp::Gather(op) => {
            let ty = type_of(builder, &operands[0]);
            back[0] = Some(gather(builder, op, &ty, places(1)?[0], cotangent)?);
        }
        IndexOp::DynamicSlice(op) => {
            let ty = type_of(builder, &operands[0]);
            back[0] = Some(dynamic_slice(builder, op, &ty, &places(1)?, cotangent)?);
        }
        IndexOp::DynamicUpdateSlice(op) => {
            let update = type_of(builder, &operands[1]);
            let starts = places(2)?;
            if is_linear(&operands[0]) {
                let zeros = zeros(builder, &update);
                let operands = [vec![cotangent, zeros], starts.clone()].concat();
                back[0] = Some(builder.push(op.clone(), &operands)?);
            }
            if is_linear(&operands[1]) {
                let slice = DynamicSlice {
                    batching_dims: op.batching_dims.iter().copied().map(Some).collect(),
                    slice_sizes: update.shape[op.batching_dims.len()..].to_vec(),
                };
                back[1] = Some(builder.push(slice, &[vec![cotangent], starts].concat())?);
            }
        }
        IndexOp::Scatter(op) => return scatter::transpose(builder, op, operands, cotangent),
    }
    Ok(back)
}

/// Each element of the operand gets the sum of what was read of it.
fn gather(
    builder: &mut Builder,
    op: &Gather,
    operand: &TensorType,
    indices: Value,
    cotangent: Value,
) -> Result<Value, BuildError> {
    let zeros = zeros(builder, operand);
    if op.slice_sizes.contains(&0) {
        return Ok(zeros);
    }
    let last: Vec<usize> =
        op.start_index_map.iter().map(|&dim| operand.shape[dim] - op.slice_sizes[dim]).collect();
    let indices = starts::clamped(builder, indices, &last, op.index_vector_dim)?;
    let op = Scatter {
        update_window_dims: op.offset_dims.clone(),
        inserted_window_dims: op.collapsed_slice_dims.clone(),
        input_batching_dims: op.operand_batching_dims.clone(),
        scatter_indices_batching_dims: op.start_indices_batching_dims.clone(),
        scatter_dims_to_operand_dims: op.start_index_map.clone(),
        index_vector_dim: op.index_vector_dim,
        body: Graph::reducer(Binary::Add, operand.dtype)?.into(),
    };
    builder.push(op, &[zeros, indices, cotangent])
}

/// The cotangent laid over zeros, where no two slices are of one part of the operand; the sum of all otherwise.
fn dynamic_slice(
    builder: &mut Builder,
    op: &DynamicSlice,
    operand: &TensorType,
    starts: &[Value],
    cotangent: Value,
) -> Result<Value, BuildError> {
    let own: Option<Vec<usize>> = op.batching_dims.iter().copied().collect();
    match own {
        Some(batching_dims) => {
            let zeros = zeros(builder, operand);
            let operands = [&[zeros, cotangent], starts].concat();
            builder.push(DynamicUpdateSlice { batching_dims }, &operands)
        }
        None => {
            let (op, indices) = starts::as_gather(builder, op, &operand.shape, starts)?;
            gather(builder, &op, operand, indices, cotangent)
        }
    }
}
