//! Tangents of ops that order elements: they go where their elements go, and are gathered from there.

use choral_ir::op::{Gather, Iota, Sort, SortOp, TopK};
use choral_ir::{BuildError, Builder, DType, TensorType, Value};

use crate::transform::dual::{Dual, not_linear, values};

/// The results and their tangents.
pub(crate) fn jvp(builder: &mut Builder, op: &SortOp, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    match op {
        SortOp::Sort(op) => sort(builder, op, duals),
        SortOp::TopK(op) => top_k(builder, *op, duals[0]),
    }
}

/// What is ordered is not linear; tangents are gathered.
pub(crate) fn transpose(op: &SortOp) -> Result<Vec<Option<Value>>, BuildError> {
    Err(not_linear(&op.clone().into()))
}

/// One more operand, of places, says where the elements come from.
fn sort(builder: &mut Builder, op: &Sort, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let shape = builder.graph().ty(duals[0].value).shape.clone();
    let count = Iota { shape, dtype: DType::I32, dimension: op.dimension };
    let mut operands = values(duals);
    operands.push(builder.push(count, &[])?);
    let comparator = beside_places(op)?;
    let mut results = builder.push_all(Sort { comparator, ..op.clone() }, &operands)?;
    let places = results.pop();
    let mut sorted = Vec::with_capacity(results.len());
    for (value, dual) in results.into_iter().zip(duals) {
        let tangent = match (dual.tangent, places) {
            (Some(tangent), Some(places)) => Some(taken(builder, tangent, places, op.dimension)?),
            (_, _) => None,
        };
        sorted.push(Dual { value, tangent });
    }
    Ok(sorted)
}

/// The comparator, of places beside its operands.
fn beside_places(op: &Sort) -> Result<choral_ir::Comparator, BuildError> {
    let body = op.comparator.graph();
    let mut builder = Builder::new(body.name());
    let inputs = crate::transform::rewrite::copy_inputs(&mut builder, body);
    for name in ["left_place", "right_place"] {
        builder.input(name, TensorType::scalar(DType::I32));
    }
    let outputs = builder.inline(body, &inputs)?;
    Ok(builder.finish(&outputs).into())
}

fn top_k(builder: &mut Builder, op: TopK, dual: Dual) -> Result<Vec<Dual>, BuildError> {
    let results = builder.push_all(op, &[dual.value])?;
    let (value, places) = (results[0], results[1]);
    let last = builder.graph().ty(value).rank() - 1;
    let tangent = dual.tangent.map(|tangent| taken(builder, tangent, places, last)).transpose()?;
    Ok(vec![Dual { value, tangent }, Dual::constant(places)])
}

/// The elements at places along a dimension.
fn taken(builder: &mut Builder, value: Value, places: Value, dimension: usize) -> Result<Value, BuildError> {
    let shape = builder.graph().ty(value).shape.clone();
    let others: Vec<usize> = (0..shape.len()).filter(|&dim| dim != dimension).collect();
    let op = Gather {
        offset_dims: Vec::new(),
        collapsed_slice_dims: vec![dimension],
        operand_batching_dims: others.clone(),
        start_indices_batching_dims: others,
        start_index_map: vec![dimension],
        index_vector_dim: shape.len(),
        slice_sizes: shape.iter().map(|&size| size.min(1)).collect(),
        indices_are_sorted: false,
    };
    builder.push(op, &[value, places])
}
