//! `scan` as a loop.

use choral_ir::op::{Binary, ComparisonDirection, DynamicSlice, DynamicUpdateSlice, Scan, While};
use choral_ir::{BuildError, Builder, DType, Graph, TensorType, Value};

/// A `while` that carries a counter, the inputs, the carried values, and the outputs so far.
pub(super) fn plain(builder: &mut Builder, op: &Scan, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
    let graph = builder.graph();
    let types: Vec<TensorType> = operands.iter().map(|&value| graph.ty(value).clone()).collect();
    let count = types[0].shape[op.dimension];
    let carried = operands.len() - op.inputs;
    let outputs = op.body.output_types().len() - carried;
    let stacks: Vec<TensorType> =
        op.body.output_types()[..outputs].iter().map(|ty| stacked(ty, op.dimension, count)).collect();
    let empty = stacks.iter().map(|ty| builder.full(0.0, ty.dtype, ty.shape.clone())).collect();
    if count == 0 {
        return Ok([empty, operands[op.inputs..].to_vec()].concat());
    }
    let step = builder.full(0.0, DType::I32, []);
    let start = [vec![step], operands.to_vec(), empty].concat();
    let all: Vec<TensorType> =
        std::iter::once(TensorType::scalar(DType::I32)).chain(types).chain(stacks).collect();
    let looped = While { cond: cond(&all, count)?.into(), body: body(op, &all, count, outputs)?.into() };
    let results = builder.push_all(looped, &start)?;
    let (carries, stacks) = results[1 + op.inputs..].split_at(carried);
    Ok([stacks, carries].concat())
}

fn stacked(ty: &TensorType, dimension: usize, count: usize) -> TensorType {
    let mut shape = ty.shape.clone();
    shape.insert(dimension, count);
    ty.with_shape(shape)
}

fn inputs(builder: &mut Builder, types: &[TensorType]) -> Vec<Value> {
    let name = |at: usize| if at == 0 { "step".to_owned() } else { format!("carried{at}") };
    types.iter().enumerate().map(|(at, ty)| builder.input(name(at), ty.clone())).collect()
}

fn cond(types: &[TensorType], count: usize) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("cond");
    let values = inputs(&mut builder, types);
    let count = builder.full(count as f64, DType::I32, []);
    let more = builder.compare(ComparisonDirection::Lt, values[0], count)?;
    Ok(builder.finish(&[more]))
}

fn body(op: &Scan, types: &[TensorType], count: usize, outputs: usize) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("body");
    let values = inputs(&mut builder, types);
    let step = values[0];
    let (taken, rest) = values[1..].split_at(op.inputs);
    let (carried, stacks) = rest.split_at(rest.len() - outputs);
    let place = match op.is_reverse {
        true => {
            let last = builder.full(count as f64 - 1.0, DType::I32, []);
            builder.binary(Binary::Subtract, last, step)?
        }
        false => step,
    };
    let mut arguments = Vec::with_capacity(taken.len() + carried.len());
    for &input in taken {
        arguments.push(slice(&mut builder, input, op.dimension, place)?);
    }
    arguments.extend(carried);
    let mut results = builder.inline(&op.body, &arguments)?;
    let carried = results.split_off(outputs);
    let mut next = Vec::with_capacity(outputs);
    for (&stack, result) in stacks.iter().zip(results) {
        next.push(write(&mut builder, stack, result, op.dimension, place)?);
    }
    let one = builder.full(1.0, DType::I32, []);
    let step = builder.binary(Binary::Add, step, one)?;
    Ok(builder.finish(&[vec![step], taken.to_vec(), carried, next].concat()))
}

/// The starts of a slice at `place` of a dimension.
fn starts(builder: &mut Builder, rank: usize, dimension: usize, place: Value) -> Vec<Value> {
    let zero = builder.full(0.0, DType::I32, []);
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
