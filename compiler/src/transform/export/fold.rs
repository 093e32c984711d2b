//! Folds whose initial values differ from one result element to the next: a loop over the elements
//! that are folded, each step for all result elements at once.

use std::sync::Arc;

use choral_ir::op::{
    Binary, ComparisonDirection, Concatenate, Iota, Pad, Reduce, ReduceWindow, Scan, Scatter,
    SelectAndScatter, Slice,
};
use choral_ir::{BuildError, Builder, DType, Graph, Tensor, TensorType, Value};

use super::scan;
use crate::transform::lane::{Lane, MappedBuilder};
use crate::transform::views;
use crate::transform::walk;

/// `reduce`: the folded dimensions are walked along.
pub(super) fn reduce(
    builder: &mut Builder,
    op: &Reduce,
    operands: &[Value],
) -> Result<Vec<Value>, BuildError> {
    let (inputs, inits) = operands.split_at(operands.len() / 2);
    let shape = builder.graph().ty(inputs[0]).shape.clone();
    let kept: Vec<usize> = (0..shape.len()).filter(|dim| !op.dimensions.contains(dim)).collect();
    let result: Vec<usize> = kept.iter().map(|&dim| shape[dim]).collect();
    let steps: usize = op.dimensions.iter().map(|&dim| shape[dim]).product();
    // In row-major order, however the op lists them.
    let mut walked = op.dimensions.clone();
    walked.sort_unstable();
    let order = [walked, kept].concat();
    let mut lines = Vec::with_capacity(inputs.len());
    for &input in inputs {
        let value = views::permute(builder, input, &order)?;
        lines.push(builder.reshape(value, [steps, result.iter().product()])?);
    }
    folded(builder, op.body.graph(), lines, None, inits, &result)
}

/// `reduce_window`: each place of the window is one step, taken for all windows by a strided slice.
pub(super) fn reduce_window(
    builder: &mut Builder,
    op: &ReduceWindow,
    operands: &[Value],
) -> Result<Vec<Value>, BuildError> {
    let (inputs, inits) = operands.split_at(operands.len() / 2);
    let shape = builder.graph().ty(inputs[0]).shape.clone();
    let result = op.result_shape(&shape);
    let result = result.map_err(|cause| builder.refusal(&op.clone().into(), operands, cause))?;
    let mut lines = Vec::with_capacity(inputs.len());
    for &input in inputs {
        lines.push(places(builder, op, input, &result)?);
    }
    let there = builder.splat(Tensor::from(true), shape);
    let there = places(builder, op, there, &result)?;
    folded(builder, op.body.graph(), lines, Some(there), inits, &result)
}

/// The elements at each place of the window: `[places, windows]`. What lies outside is zero.
fn places(
    builder: &mut Builder,
    op: &ReduceWindow,
    input: Value,
    result: &[usize],
) -> Result<Value, BuildError> {
    let windows: usize = result.iter().product();
    let count: usize = op.window_dimensions.iter().product();
    let dtype = builder.graph().ty(input).dtype;
    if windows == 0 {
        return Ok(builder.full(0.0, dtype, [count, windows]));
    }
    let (low, high): (Vec<i64>, Vec<i64>) = op.padding.iter().copied().unzip();
    let interior = op.base_dilations.iter().map(|dilation| dilation - 1).collect();
    let zero = builder.full(0.0, dtype, []);
    let padded = builder.push(Pad { low, high, interior }, &[input, zero])?;
    let mut rows = Vec::with_capacity(count);
    for place in 0..count {
        let start = offsets(op, place);
        let end = |dim: usize| start[dim] + (result[dim] - 1) * op.window_strides[dim] + 1;
        let limit = (0..start.len()).map(end).collect();
        let slice = builder.push(Slice { start, limit, strides: op.window_strides.clone() }, &[padded])?;
        rows.push(builder.reshape(slice, [1, windows])?);
    }
    builder.push(Concatenate { dimension: 0 }, &rows)
}

/// How far the place of this number lies from the start of a window, along each dimension.
fn offsets(op: &ReduceWindow, mut place: usize) -> Vec<usize> {
    let mut offsets = vec![0; op.window_dimensions.len()];
    for (dim, &size) in op.window_dimensions.iter().enumerate().rev() {
        offsets[dim] = place % size * op.window_dilations[dim];
        place /= size;
    }
    offsets
}

/// The lines (`[steps, elements]`) folded step by step; where `there` says that an element is
/// missing, the initial value stands for it.
fn folded(
    builder: &mut Builder,
    body: &Graph,
    lines: Vec<Value>,
    there: Option<Value>,
    inits: &[Value],
    result: &[usize],
) -> Result<Vec<Value>, BuildError> {
    let elements: usize = result.iter().product();
    let mut starts = Vec::with_capacity(inits.len());
    for &init in inits {
        let dims: Vec<usize> = (0..builder.graph().ty(init).rank()).collect();
        let whole = views::stretch(builder, init, result, &dims)?;
        starts.push(builder.reshape(whole, [elements])?);
    }
    let dtypes: Vec<DType> = lines.iter().map(|&line| builder.graph().ty(line).dtype).collect();
    let step = step(body, &dtypes, elements, there.is_some())?;
    let inputs: Vec<Value> = there.into_iter().chain(lines).collect();
    let looped = Scan {
        dimension: 0,
        is_reverse: false,
        length: builder.graph().ty(inputs[0]).shape[0],
        inputs: inputs.len(),
        carried: starts.len(),
        body: Arc::new(step),
    };
    // The initial values are what is carried at first, and stand for what is missing.
    let last = scan::plain(builder, &looped, &[inputs, starts.clone(), starts].concat())?;
    let reshaped = last.iter().map(|&value| builder.reshape(value, result));
    reshaped.collect()
}

/// `(there?, elements.., sofar.., initial..) -> sofar..`, vectors all.
fn step(body: &Graph, dtypes: &[DType], elements: usize, masked: bool) -> Result<Graph, BuildError> {
    let mut cx = MappedBuilder::new("step", elements, "".into());
    let vector = |dtype: DType| TensorType::new([elements], dtype);
    let there = masked.then(|| cx.builder.input("there", vector(DType::I1)));
    let mut named = |name: &str| -> Vec<Value> {
        dtypes.iter().map(|&dtype| cx.builder.input(name, vector(dtype))).collect()
    };
    let (elements, sofar, initial) = (named("element"), named("sofar"), named("initial"));
    let mut taken = Vec::with_capacity(elements.len());
    for (&element, &initial) in elements.iter().zip(&initial) {
        taken.push(there.map_or(Ok(element), |there| cx.builder.select(there, element, initial))?);
    }
    let lanes: Vec<Lane> = sofar.into_iter().chain(taken).map(|value| Lane::Mapped(value, 0)).collect();
    let mut next = Vec::with_capacity(initial.len());
    for lane in walk::outputs(&mut cx, body, &lanes)? {
        next.push(cx.at_front(lane)?);
    }
    Ok(cx.builder.finish(&next))
}

/// `select_and_scatter`: a windowed fold finds the place that each window selects, and a scatter
/// folds the source into the initial values there.
pub(super) fn select_and_scatter(
    builder: &mut Builder,
    op: &SelectAndScatter,
    operands: &[Value],
) -> Result<Value, BuildError> {
    let (operand, source, init) = (operands[0], operands[1], operands[2]);
    let ty = builder.graph().ty(operand).clone();
    let (elements, windows) = (ty.len(), builder.graph().ty(source).len());
    let places = builder.push(Iota { shape: vec![elements], dtype: DType::I32, dimension: 0 }, &[])?;
    let places = builder.reshape(places, ty.shape.clone())?;
    let ones = vec![1; ty.rank()];
    let windowed = ReduceWindow {
        window_dimensions: op.window_dimensions.clone(),
        window_strides: op.window_strides.clone(),
        base_dilations: ones.clone(),
        window_dilations: ones,
        padding: op.padding.clone(),
        body: selected(op.select.graph(), ty.dtype, elements)?.into(),
    };
    // No place is selected yet.
    let (zero, none) = (builder.full(0.0, ty.dtype, []), builder.full(elements as f64, DType::I32, []));
    let chosen = builder.push_all(windowed, &[operand, places, zero, none])?[1];
    let chosen = builder.reshape(chosen, [windows, 1])?;
    let updates = builder.reshape(source, [windows])?;
    let flat = builder.reshape(init, [elements])?;
    let scatter = Scatter {
        update_window_dims: Vec::new(),
        inserted_window_dims: vec![0],
        input_batching_dims: Vec::new(),
        scatter_indices_batching_dims: Vec::new(),
        scatter_dims_to_operand_dims: vec![0],
        index_vector_dim: 1,
        body: op.scatter.clone(),
    };
    let result = builder.push(scatter, &[flat, chosen, updates])?;
    builder.reshape(result, ty.shape)
}

/// Of two elements with their places, the one that stays selected; place `none` stands for nothing.
fn selected(select: &Graph, dtype: DType, none: usize) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("selected");
    let mut input = |name: &str, dtype: DType| builder.input(name, TensorType::scalar(dtype));
    let (sofar, sofar_place) = (input("sofar", dtype), input("sofar_place", DType::I32));
    let (other, other_place) = (input("other", dtype), input("other_place", DType::I32));
    let stays = builder.inline(select, &[sofar, other])?[0];
    let none = builder.full(none as f64, DType::I32, []);
    let is_there = builder.compare(ComparisonDirection::Ne, sofar_place, none)?;
    let is_alone = builder.compare(ComparisonDirection::Eq, other_place, none)?;
    let stays = builder.binary(Binary::Or, stays, is_alone)?;
    let stays = builder.binary(Binary::And, stays, is_there)?;
    let value = builder.select(stays, sofar, other)?;
    let place = builder.select(stays, sofar_place, other_place)?;
    Ok(builder.finish(&[value, place]))
}
