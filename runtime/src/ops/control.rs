//! Branches, loops, and bodies applied along a dimension or to each element.

use choral_ir::op::{Concatenate, ControlOp, Map, Scan};
use choral_ir::{Tensor, TensorType};

use super::bodies::RunBody;
use super::reduce::element;
use super::shape::concatenate;
use crate::error::Error;

/// The results of an op of the family.
///
/// # Errors
/// Those of `run`; that of a tensor that does not hold what its type says.
pub fn evaluate(
    op: &ControlOp,
    operands: Vec<Tensor>,
    types: &[TensorType],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    match op {
        ControlOp::If(_) => run(if operands[0].item::<bool>()? { 0 } else { 1 }, &operands[1..]),
        ControlOp::Case(op) => {
            let last = op.branches.len() - 1;
            let chosen = usize::try_from(operands[0].item::<i32>()?).map_or(last, |index| index.min(last));
            run(chosen, &operands[1..])
        }
        ControlOp::While(_) => while_loop(operands, run),
        ControlOp::Scan(op) => scan(op, operands, types, run),
        ControlOp::Map(op) => map(op, &operands, types, run),
        ControlOp::OptimizationBarrier => Ok(operands),
    }
}

fn while_loop(mut carried: Vec<Tensor>, run: &RunBody<'_>) -> Result<Vec<Tensor>, Error> {
    const COND: usize = 0;
    const BODY: usize = 1;
    while run(COND, &carried)?[0].item::<bool>()? {
        carried = run(BODY, &carried)?;
    }
    Ok(carried)
}

fn scan(
    op: &Scan,
    operands: Vec<Tensor>,
    types: &[TensorType],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    let Scan { dimension, is_reverse, length, inputs: taken, carried, body: _ } = op;
    let (outputs, mut inputs) = (types.len() - carried, operands);
    let mut carried = inputs.split_off(*taken);
    let constants = carried.split_off(types.len() - outputs);
    let mut slices: Vec<Vec<Tensor>> = (0..outputs).map(|_| Vec::with_capacity(*length)).collect();
    for step in 0..*length {
        let at = if *is_reverse { length - 1 - step } else { step };
        let mut taken: Vec<Tensor> =
            inputs.iter().map(|input| slice(input, *dimension, at)).collect::<Result<_, _>>()?;
        taken.append(&mut carried);
        taken.extend(constants.iter().cloned());
        let mut results = run(0, &taken)?;
        carried = results.split_off(outputs);
        slices.iter_mut().zip(results).for_each(|(slices, result)| slices.push(result));
    }
    if *is_reverse {
        slices.iter_mut().for_each(|slices| slices.reverse());
    }
    let stack = |(slices, ty): (&Vec<Tensor>, &TensorType)| stacked(slices, *dimension, ty);
    let stacks = slices.iter().zip(types).map(stack);
    stacks.chain(carried.into_iter().map(Ok)).collect()
}

/// The slice at one place of a dimension, without the dimension.
fn slice(tensor: &Tensor, dimension: usize, at: usize) -> Result<Tensor, Error> {
    let mut shape = tensor.shape().to_vec();
    let size = shape.remove(dimension);
    let lines: usize = shape[..dimension].iter().product();
    let width: usize = shape[dimension..].iter().product();
    let line = |line: usize| (line * size + at) * width..(line * size + at + 1) * width;
    let places: Vec<usize> = (0..lines).flat_map(line).collect();
    Ok(Tensor::pick(&[tensor], shape, &places)?)
}

/// The slices joined along a new dimension, as a tensor of this type.
fn stacked(slices: &[Tensor], dimension: usize, ty: &TensorType) -> Result<Tensor, Error> {
    if slices.is_empty() {
        return Ok(Tensor::zeros(ty.clone()));
    }
    let mut along = ty.shape.clone();
    along[dimension] = 1;
    let slices = slices.iter().map(|slice| slice.reshape(along.as_slice())).collect::<Result<Vec<_>, _>>()?;
    concatenate(&Concatenate { dimension }, &slices.iter().collect::<Vec<_>>(), &ty.shape)
}

fn map(
    Map { computation: _ }: &Map,
    operands: &[Tensor],
    types: &[TensorType],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    let ty = &types[0];
    let mut results = Vec::with_capacity(ty.len());
    for at in 0..ty.len() {
        let elements: Vec<Tensor> =
            operands.iter().map(|operand| element(operand, at)).collect::<Result<_, _>>()?;
        results.extend(run(0, &elements)?);
    }
    let result = match results.as_slice() {
        [] => Tensor::zeros(ty.clone()),
        elements => Tensor::stack(elements)?.reshape(ty.shape.clone())?,
    };
    Ok(vec![result])
}
