//! `scan` as a loop.

use choral_ir::op::{Binary, ComparisonDirection, DynamicSlice, DynamicUpdateSlice, Scan, While};
use choral_ir::{BuildError, Builder, DType, Graph, TensorType, Value};

/// A `while` that carries a counter, the operands, and the outputs so far.
pub(super) fn plain(builder: &mut Builder, op: &Scan, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
    let graph = builder.graph();
    let types: Vec<TensorType> = operands.iter().map(|&value| graph.ty(value).clone()).collect();
    let carried = op.inputs..op.inputs + op.carried;
    let stacks: Vec<TensorType> =
        op.body.output_types()[..op.outputs()].iter().map(|ty| op.stack(ty)).collect();
    let empty = stacks.iter().map(|ty| builder.full(0.0, ty.dtype, ty.shape.clone())).collect();
    if op.length == 0 {
        return Ok([empty, operands[carried].to_vec()].concat());
    }
    let step = builder.full(0.0, counter(op), []);
    let start = [vec![step], operands.to_vec(), empty].concat();
    let all: Vec<TensorType> =
        std::iter::once(TensorType::scalar(counter(op))).chain(types).chain(stacks).collect();
    let looped = While { cond: cond(op, &all)?.into(), body: body(op, &all)?.into() };
    let results = &builder.push_all(looped, &start)?[1..];
    Ok([&results[operands.len()..], &results[carried]].concat())
}

fn inputs(builder: &mut Builder, types: &[TensorType]) -> Vec<Value> {
    let name = |at: usize| if at == 0 { "step".to_owned() } else { format!("carried{at}") };
    types.iter().enumerate().map(|(at, ty)| builder.input(name(at), ty.clone())).collect()
}

/// The type that counts the rounds.
fn counter(op: &Scan) -> DType {
    if i32::try_from(op.length).is_ok() { DType::I32 } else { DType::I64 }
}

fn cond(op: &Scan, types: &[TensorType]) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("cond");
    let values = inputs(&mut builder, types);
    let count = builder.full(op.length as f64, counter(op), []);
    let more = builder.compare(ComparisonDirection::Lt, values[0], count)?;
    Ok(builder.finish(&[more]))
}

fn body(op: &Scan, types: &[TensorType]) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("body");
    let values = inputs(&mut builder, types);
    let step = values[0];
    let (given, stacks) = values[1..].split_at(values.len() - 1 - op.outputs());
    let (taken, carried) = given.split_at(op.inputs);
    let (carried, constants) = carried.split_at(op.carried);
    let place = match op.is_reverse {
        true => {
            let last = builder.full(op.length as f64 - 1.0, counter(op), []);
            builder.binary(Binary::Subtract, last, step)?
        }
        false => step,
    };
    let mut arguments = Vec::with_capacity(given.len());
    for &input in taken {
        arguments.push(slice(&mut builder, input, op.dimension, place)?);
    }
    arguments.extend([carried, constants].concat());
    let mut results = builder.inline(&op.body, &arguments)?;
    let carried = results.split_off(op.outputs());
    let mut next = Vec::with_capacity(results.len());
    for (&stack, result) in stacks.iter().zip(results) {
        next.push(write(&mut builder, stack, result, op.dimension, place)?);
    }
    let one = builder.full(1.0, counter(op), []);
    let step = builder.binary(Binary::Add, step, one)?;
    Ok(builder.finish(&[vec![step], taken.to_vec(), carried, constants.to_vec(), next].concat()))
}

/// The starts of a slice at `place` of a dimension.
fn starts(builder: &mut Builder, rank: usize, dimension: usize, place: Value) -> Vec<Value> {
    let dtype = builder.graph().ty(place).dtype;
    let zero = builder.full(0.0, dtype, []);
    (0..rank).map(|dim| if dim == dimension { place } else { zero }).collect()
}

fn slice(builder: &mut Builder, value: Value, dimension: usize, place: Value) -> Result<Value, BuildError> {
    let mut shape = builder.graph().ty(value).shape.clone();
    let starts = starts(builder, shape.len(), dimension, place);
    shape[dimension] = 1;
    let op = DynamicSlice { batching_dims: Vec::new(), slice_sizes: shape.clone() };
    let taken = builder.push(op, &[vec![value], starts].concat())?;
    shape.remove(dimension);
    builder.reshape(taken, shape)
}

fn write(
    builder: &mut Builder,
    stack: Value,
    value: Value,
    dimension: usize,
    place: Value,
) -> Result<Value, BuildError> {
    let mut shape = builder.graph().ty(stack).shape.clone();
    let starts = starts(builder, shape.len(), dimension, place);
    shape[dimension] = 1;
    let value = builder.reshape(value, shape)?;
    builder.push(DynamicUpdateSlice::default(), &[vec![stack, value], starts].concat())
}
