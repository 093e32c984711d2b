//! Folds: those of nothing, by bodies that are more than elementwise ops, and gradients of poolings of any kind.

use choral_ir::op::{
    Binary, ComparisonDirection, Iota, Pad, Reduce, ReduceWindow, Scatter, SelectAndScatter, Slice,
};
use choral_ir::{BuildError, Builder, DType, Graph, Op, Reducer, TensorType, Value};

use super::body::{self, Body, along, at_each, row};
use super::{Legaliser, Made, accumulate, squeeze};
use crate::lower::{self, reduce as named};

pub(super) fn reduce(legal: &mut Legaliser, op: &Reduce, operands: &[Value]) -> Made {
    let (inputs, inits) = operands.split_at(operands.len() / 2);
    if op.dimensions.is_empty() {
        let shape = legal.ty(inputs[0]).shape;
        let inits = at_each_result(legal, inits, &shape)?;
        return at_each(legal, op.body.graph(), &[&inits, inputs].concat()).map(Some);
    }
    if let Some(by) = op.body.binary().filter(|&by| named::fold(by).is_some()) {
        return squeeze::reduce(legal, op, by, operands);
    }
    let whole = Op::from(op.clone());
    if let Some(wide) = whole.accumulating() {
        return accumulate::accumulated(legal, (&whole, &wide), operands).map(Some);
    }
    match body::of(op.body.graph())? {
        Body::Elementwise => Ok(None),
        Body::Legalised(body) => {
            legal.builder.push_all(Reduce { body: body.into(), ..op.clone() }, operands).map(Some)
        }
        Body::More => rows(legal, op, operands).map(Some),
    }
}

/// Initial values, one for each result.
fn at_each_result(legal: &mut Legaliser, inits: &[Value], shape: &[usize]) -> Result<Vec<Value>, BuildError> {
    let init = |&init: &Value| match legal.ty(init).shape == shape {
        true => Ok(init),
        false => legal.builder.broadcast_in_dim(init, shape, Vec::new()),
    };
    inits.iter().map(init).collect()
}

/// A fold of one row after another.
fn rows(legal: &mut Legaliser, op: &Reduce, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
    let (inputs, inits) = operands.split_at(operands.len() / 2);
    let shape = legal.ty(inputs[0]).shape;
    let (mut folded, kept): (Vec<usize>, Vec<usize>) =
        (0..shape.len()).partition(|dim| op.dimensions.contains(dim));
    folded.sort_unstable();
    let of = |dims: &[usize]| dims.iter().map(|&dim| shape[dim]).collect::<Vec<usize>>();
    let (result, length) = (of(&kept), of(&folded).iter().product());
    let count = result.iter().product();
    let mut given = Vec::with_capacity(operands.len());
    for &input in inputs {
        let turned = legal.builder.transpose(input, [kept.as_slice(), &folded].concat())?;
        given.push(legal.builder.reshape(turned, [count, length])?);
    }
    for init in at_each_result(legal, inits, &result)? {
        given.push(legal.builder.reshape(init, [count])?);
    }
    let each = along(count, given.len(), 0, row(op.body.graph(), length)?);
    let results = legal.op(&each, &given)?;
    results.into_iter().map(|of| legal.builder.reshape(of, result.clone())).collect()
}

pub(super) fn reduce_window(legal: &mut Legaliser, op: &ReduceWindow, operands: &[Value]) -> Made {
    if lower::window::combine(op, legal.ty(operands[0]).dtype).is_some() {
        return Ok(None);
    }
    let whole = Op::from(op.clone());
    if let Some(wide) = whole.accumulating() {
        return accumulate::accumulated(legal, (&whole, &wide), operands).map(Some);
    }
    match body::of(op.body.graph())? {
        Body::Elementwise => Ok(None),
        Body::Legalised(body) => {
            legal.builder.push_all(ReduceWindow { body: body.into(), ..op.clone() }, operands).map(Some)
        }
        Body::More => windows(legal, op, operands).map(Some),
    }
}

/// A fold of one window after another: each as a row of its elements, with initial values where it has none.
fn windows(legal: &mut Legaliser, op: &ReduceWindow, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
    let (inputs, inits) = operands.split_at(operands.len() / 2);
    let shape = legal.ty(inputs[0]).shape;
    let whole = Op::from(op.clone());
    let result = op.result_shape(&shape).map_err(|cause| legal.builder.refusal(&whole, operands, cause))?;
    let count: usize = result.iter().product();
    if count == 0 {
        let types = legal.types(inputs);
        return Ok(types.iter().map(|ty| legal.builder.full(0.0, ty.dtype, result.clone())).collect());
    }
    // Starts of each window, initial values, and what all windows are taken from: operands, and which places they have.
    let mut given = Vec::new();
    for dim in 0..shape.len() {
        let counting = Iota { shape: result.clone(), dtype: DType::I64, dimension: dim };
        let counting = legal.one(counting, &[])?;
        let step = legal.builder.full(op.window_strides[dim] as f64, DType::I64, result.clone());
        let start = legal.builder.binary(Binary::Multiply, counting, step)?;
        given.push(legal.builder.reshape(start, [count])?);
    }
    for init in at_each_result(legal, inits, &result)? {
        given.push(legal.builder.reshape(init, [count])?);
    }
    let sliced = given.len();
    let pad = Pad {
        low: op.padding.iter().map(|padding| padding.0).collect(),
        high: op.padding.iter().map(|padding| padding.1).collect(),
        interior: op.base_dilations.iter().map(|dilation| dilation - 1).collect(),
    };
    let everywhere = legal.builder.full(1.0, DType::I1, shape);
    for &taken in inputs.iter().chain([&everywhere]) {
        let nothing = legal.builder.full(0.0, legal.ty(taken).dtype, []);
        given.push(legal.builder.push(pad.clone(), &[taken, nothing])?);
    }
    let types = legal.types(&given[sliced..]);
    let each = along(count, sliced, 0, window(op, &types)?);
    let results = legal.op(&each, &given)?;
    results.into_iter().map(|of| legal.builder.reshape(of, result.clone())).collect()
}

/// The region that folds the window that begins somewhere, of padded operands of these types, of which the last says which
/// places they have: `(starts.., initial values.., padded..) -> accumulators..`.
fn window(op: &ReduceWindow, padded: &[TensorType]) -> Result<Graph, BuildError> {
    let scalars = op.body.graph().output_types();
    let (rank, length) = (op.window_dimensions.len(), op.window_dimensions.iter().product());
    let mut builder = Builder::new("window");
    let starts = vec![TensorType::scalar(DType::I64); rank];
    let types = starts.iter().chain(&scalars).chain(padded);
    let given: Vec<Value> = types.map(|ty| builder.input("operand", ty.clone())).collect();
    let (starts, rest) = given.split_at(rank);
    let (inits, padded) = rest.split_at(scalars.len());
    let elements: Vec<Value> =
        padded.iter().map(|&of| taken(&mut builder, op, of, starts)).collect::<Result<_, _>>()?;
    let (Some((&is_there, elements)), mut operands) = (elements.split_last(), Vec::new()) else {
        return Ok(builder.finish(&[]));
    };
    for (&element, &init) in elements.iter().zip(inits) {
        let init = builder.broadcast_in_dim(init, [length], Vec::new())?;
        operands.push(builder.select(is_there, element, init)?);
    }
    operands.extend(inits);
    let row = row(op.body.graph(), length)?;
    let results = builder.inline(&row, &operands)?;
    Ok(builder.finish(&results))
}

/// The elements of the window that begins here, in a row.
fn taken(
    builder: &mut Builder,
    op: &ReduceWindow,
    from: Value,
    starts: &[Value],
) -> Result<Value, BuildError> {
    let windows = op.window_dimensions.iter().zip(&op.window_dilations);
    let extent: Vec<usize> = windows.map(|(size, dilation)| (size - 1) * dilation + 1).collect();
    let slice = choral_ir::op::DynamicSlice { batching_dims: Vec::new(), slice_sizes: extent.clone() };
    let whole = builder.push(slice, &[&[from], starts].concat())?;
    let strides = op.window_dilations.clone();
    let taken = builder.push(Slice { start: vec![0; extent.len()], limit: extent, strides }, &[whole])?;
    builder.reshape(taken, [op.window_dimensions.iter().product()])
}

/// The gradient of a pooling: the place that each window selects, and a scatter to these.
pub(super) fn select_and_scatter(legal: &mut Legaliser, op: &SelectAndScatter, operands: &[Value]) -> Made {
    let [operand, source, init] = [operands[0], operands[1], operands[2]];
    let TensorType { shape, dtype } = legal.ty(operand);
    if lower::window::selects(op, dtype).is_some() {
        return Ok(None);
    }
    let (length, count) = (shape.iter().product(), legal.ty(source).len());
    let counting = legal.one(Iota { shape: vec![length], dtype: DType::I64, dimension: 0 }, &[])?;
    let places = legal.builder.reshape(counting, shape.clone())?;
    let [zero, none] =
        [(0.0, dtype), (-1.0, DType::I64)].map(|(of, dtype)| legal.builder.full(of, dtype, []));
    let selected = legal.op(&selecting(op, dtype)?.into(), &[operand, places, zero, none])?;
    let places = legal.builder.reshape(selected[1], [count, 1])?;
    let updates = legal.builder.reshape(source, [count])?;
    let sums = at_each_result(legal, &[init], &shape)?[0];
    let sums = legal.builder.reshape(sums, [length])?;
    let sums = legal.one(scattering(op.scatter.clone()), &[sums, places, updates])?;
    Ok(Some(vec![legal.builder.reshape(sums, shape)?]))
}

/// The fold that finds the selected element of each window and its place; none is at place -1.
fn selecting(op: &SelectAndScatter, dtype: DType) -> Result<ReduceWindow, BuildError> {
    let mut builder = Builder::new("selecting");
    let [value, place] = [dtype, DType::I64].map(TensorType::scalar);
    let [selected, at] = [&value, &place].map(|ty| builder.input("selected", ty.clone()));
    let [other, other_at] = [&value, &place].map(|ty| builder.input("other", ty.clone()));
    let zero = builder.full(0.0, DType::I64, []);
    let stays = builder.inline(op.select.graph(), &[selected, other])?[0];
    let is_one = builder.compare(ComparisonDirection::Ge, at, zero)?;
    let is_none = builder.compare(ComparisonDirection::Lt, other_at, zero)?;
    let stays = builder.binary(Binary::And, is_one, stays)?;
    let stays = builder.binary(Binary::Or, is_none, stays)?;
    let results = [builder.select(stays, selected, other)?, builder.select(stays, at, other_at)?];
    let ones = vec![1; op.window_dimensions.len()];
    Ok(ReduceWindow {
        window_dimensions: op.window_dimensions.clone(),
        window_strides: op.window_strides.clone(),
        base_dilations: ones.clone(),
        window_dilations: ones,
        padding: op.padding.clone(),
        body: builder.finish(&results).into(),
    })
}

/// The scatter of single elements into a row.
fn scattering(body: Reducer) -> Scatter {
    Scatter {
        update_window_dims: Vec::new(),
        inserted_window_dims: vec![0],
        input_batching_dims: Vec::new(),
        scatter_indices_batching_dims: Vec::new(),
        scatter_dims_to_operand_dims: vec![0],
        index_vector_dim: 1,
        body,
    }
}
