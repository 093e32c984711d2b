//! Ops that index by values.

use choral_ir::op::{Binary, DynamicSlice, DynamicUpdateSlice, Gather, IndexOp, Scatter};
use choral_ir::{Element, Fold, Storage, Tensor, TensorType, with_storage};

use super::bodies::RunBody;
use super::places::{chosen, indices, place};
use super::reduce::element;
use super::scalar::Scalar;
use super::shape::pick;
use crate::error::Error;

/// The results of an op of the family.
///
/// # Errors
/// Those of `run`; that of a tensor that does not hold what its type says.
pub fn evaluate(
    op: &IndexOp,
    operands: &[&Tensor],
    types: &[TensorType],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    match op {
        IndexOp::Gather(op) => gather(op, operands[0], operands[1], &types[0]).map(|result| vec![result]),
        IndexOp::Scatter(op) => scatter(op, operands, run),
        IndexOp::DynamicSlice(op) => dynamic_slice(op, operands, &types[0]).map(|result| vec![result]),
        IndexOp::DynamicUpdateSlice(op) => dynamic_update_slice(op, operands).map(|result| vec![result]),
    }
}

/// Where the slice number `at` begins: each start moved so that the slice lies within these dimensions.
fn clamped(starts: &[&Tensor], at: usize, shape: &[usize], sizes: &[usize]) -> Vec<usize> {
    let clamp = |(dim, start): (usize, &&Tensor)| {
        let start = with_storage!(start.storage(), values => Element::to_f64(values[at]));
        start.clamp(0.0, (shape[dim] - sizes[dim]) as f64) as usize
    };
    starts.iter().enumerate().map(clamp).collect()
}

fn dynamic_slice(op: &DynamicSlice, operands: &[&Tensor], ty: &TensorType) -> Result<Tensor, Error> {
    let DynamicSlice { batching_dims, slice_sizes } = op;
    let (operand, starts) = (operands[0], &operands[1..]);
    let sliced = op.sliced_dims(operand.shape().len());
    let shape = chosen(operand.shape(), &sliced);
    let batch = &ty.shape[..batching_dims.len()];
    pick(operand, &ty.shape, |index| {
        let (member, within) = index.split_at(batching_dims.len());
        let begin = clamped(starts, place(batch, member), &shape, slice_sizes);
        let mut source = vec![0; operand.shape().len()];
        for (dim, at) in batching_dims.iter().zip(member) {
            dim.iter().for_each(|&dim| source[dim] = *at);
        }
        for ((&dim, at), begin) in sliced.iter().zip(within).zip(&begin) {
            source[dim] = at + begin;
        }
        source
    })
}

fn dynamic_update_slice(op: &DynamicUpdateSlice, operands: &[&Tensor]) -> Result<Tensor, Error> {
    let (operand, update, starts) = (operands[0], operands[1], &operands[2..]);
    let sliced = op.sliced_dims(operand.shape().len());
    let shape = chosen(operand.shape(), &sliced);
    let (batch, sizes) = update.shape().split_at(op.batching_dims.len());
    let places = indices(update.shape()).map(|index| {
        let (member, within) = index.split_at(batch.len());
        let begin = clamped(starts, place(batch, member), &shape, sizes);
        let mut at = vec![0; operand.shape().len()];
        op.batching_dims.iter().zip(member).for_each(|(&dim, member)| at[dim] = *member);
        for ((&dim, within), begin) in sliced.iter().zip(within).zip(&begin) {
            at[dim] = within + begin;
        }
        Some(place(operand.shape(), &at))
    });
    overwritten(operand, update, &places.collect::<Vec<_>>())
}

/// The operand with the elements of `update` at these places, written in order; those without a place are left out.
fn overwritten(operand: &Tensor, update: &Tensor, places: &[Option<usize>]) -> Result<Tensor, Error> {
    let mut source: Vec<usize> = (0..operand.len()).collect();
    for (at, place) in places.iter().enumerate() {
        if let &Some(place) = place {
            source[place] = operand.len() + at;
        }
    }
    Ok(Tensor::pick(&[operand, update], operand.shape(), &source)?)
}

/// Folds each update into its place, in the order of the updates.
fn scatter(op: &Scatter, operands: &[&Tensor], run: &RunBody<'_>) -> Result<Vec<Tensor>, Error> {
    let count = operands.len() / 2;
    let (inputs, indices_of, updates) = (&operands[..count], operands[count], &operands[count + 1..]);
    let places = targets(op, inputs[0].shape(), indices_of, updates[0].shape());
    let data = match op.body.fold() {
        Fold::Binary(fold) => fold_into(fold, inputs[0], updates[0], &places)?,
        Fold::Second => return Ok(vec![overwritten(inputs[0], updates[0], &places)?]),
        Fold::Extreme(_) | Fold::Body => return scatter_by_body(inputs, updates, &places, run),
    };
    Ok(vec![Tensor::from_storage(inputs[0].shape(), data)?])
}

fn scatter_by_body(
    inputs: &[&Tensor],
    updates: &[&Tensor],
    places: &[Option<usize>],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    let mut results: Vec<Vec<Tensor>> = Vec::with_capacity(inputs.len());
    for input in inputs {
        results.push((0..input.len()).map(|place| element(input, place)).collect::<Result<_, _>>()?);
    }
    for (at, place) in places.iter().enumerate() {
        let &Some(place) = place else { continue };
        let mut arguments: Vec<Tensor> = results.iter().map(|result| result[place].clone()).collect();
        for update in updates {
            arguments.push(element(update, at)?);
        }
        let folded = run(0, &arguments)?;
        results.iter_mut().zip(folded).for_each(|(result, value)| result[place] = value);
    }
    let gather = |(elements, input): (Vec<Tensor>, &&Tensor)| match elements.as_slice() {
        [] => Ok((*input).clone()),
        elements => Ok(Tensor::stack(elements)?.reshape(input.shape())?),
    };
    results.into_iter().zip(inputs).map(gather).collect()
}

fn fold_into(
    op: Binary,
    input: &Tensor,
    update: &Tensor,
    places: &[Option<usize>],
) -> Result<Storage, Error> {
    fn fold<T: Scalar>(op: Binary, input: &[T], update: &[T], places: &[Option<usize>]) -> Storage {
        let mut result = input.to_vec();
        for (&place, &value) in places.iter().zip(update) {
            if let Some(place) = place {
                result[place] = T::binary(op, result[place], value);
            }
        }
        T::store(result)
    }
    Ok(with_storage!(input.storage(), values => fold(op, values, update.as_slice()?, places)))
}

/// For every element of an update, its place in the input; `None` if its window does not lie within.
fn targets(op: &Scatter, input: &[usize], indices_of: &Tensor, update: &[usize]) -> Vec<Option<usize>> {
    let starts = indices_of.to_f64_vec();
    let (scatter_dims, window_dims) = (op.scatter_dims(update.len()), op.window_dims(input.len()));
    let mut window = vec![1; input.len()];
    for (&dim, &within) in window_dims.iter().zip(&op.update_window_dims) {
        window[dim] = update[within];
    }
    let target = |index: Vec<usize>| {
        let batch = chosen(&index, &scatter_dims);
        let mut at = vec![0; input.len()];
        for (component, &dim) in op.scatter_dims_to_operand_dims.iter().enumerate() {
            let components = with_component(&batch, op.index_vector_dim, indices_of.shape(), component);
            let start = starts[place(indices_of.shape(), &components)];
            if start < 0.0 || start + window[dim] as f64 > input[dim] as f64 {
                return None;
            }
            at[dim] = start as usize;
        }
        for (&dim, &of_indices) in op.input_batching_dims.iter().zip(&op.scatter_indices_batching_dims) {
            at[dim] = batch[of_indices - usize::from(of_indices > op.index_vector_dim)];
        }
        for (&dim, within) in window_dims.iter().zip(chosen(&index, &op.update_window_dims)) {
            at[dim] += within;
        }
        // A dimension that no index names may have no room for a window either.
        at.iter().zip(input).all(|(at, size)| at < size).then(|| place(input, &at))
    };
    indices(update).map(target).collect()
}

/// Starts beyond the ends are clamped, so that every slice lies within the operand. Slices of size 0 may
/// be left out as those of size 1 are, and then there is nothing to read: the result is zero, as in XLA.
fn gather(op: &Gather, operand: &Tensor, starts: &Tensor, ty: &TensorType) -> Result<Tensor, Error> {
    if op.slice_sizes.contains(&0) {
        return Ok(Tensor::try_zeros(ty.clone())?);
    }
    let places = starts.to_f64_vec();
    let (rank, sizes) = (operand.shape().len(), operand.shape());
    let (batch_dims, kept) = (op.batch_dims(ty.rank()), op.kept_dims(rank));
    pick(operand, &ty.shape, |index| {
        let batch = chosen(index, &batch_dims);
        let mut source = vec![0; rank];
        for (component, &dim) in op.start_index_map.iter().enumerate() {
            let start = places[place(
                starts.shape(),
                &with_component(&batch, op.index_vector_dim, starts.shape(), component),
            )];
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
fn with_component(
    batch: &[usize],
    index_vector_dim: usize,
    starts: &[usize],
    component: usize,
) -> Vec<usize> {
    let mut index = batch.to_vec();
    if index_vector_dim < starts.len() {
        index.insert(index_vector_dim, component);
    }
    index
}
