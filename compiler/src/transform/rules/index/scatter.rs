//! Tangents and cotangents of scatters, by what they fold with.
//!
//! Sums are linear, and so is overwriting, where the last update of a place wins. What is multiplied changes by the
//! product of the others, zeros told apart. Elements that equal the greatest or least one share its tangent. Scatters
//! of several inputs are taken one by one; a body that mixes them has no derivative.
//!
//! Sources: Frostig, Johnson, Leary, "Compiling machine learning programs via high-level tracing" (2018); for
//! updates told apart by numbers, the scatter of JAX.

use choral_ir::op::{Binary, ComparisonDirection, Gather, IndexOp, Iota, Scatter, Transposed};
use choral_ir::{BuildError, Builder, DType, Fold, Graph, Reducer, Value};

use crate::transform::differentiate::split::Linearity;
use crate::transform::dual::{
    Dual, full_like, is_linear, known, refused, sum, tangent_of, type_of, values, zeros_like,
};
use crate::transform::{rewrite, starts, views};

/// The results and their tangents.
pub(super) fn jvp(builder: &mut Builder, op: &Scatter, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let count = duals.len() / 2;
    let indices = duals[count].value;
    let results = builder.push_all(op.clone(), &values(duals))?;
    let mut found = Vec::with_capacity(count);
    for (at, value) in results.into_iter().enumerate() {
        let (input, update) = (duals[at], duals[count + 1 + at]);
        if input.tangent.is_none() && update.tangent.is_none() {
            found.push(Dual::constant(value));
            continue;
        }
        let Some(body) = alone(&op.body, at, count)? else {
            let message = "its body mixes its inputs, and has no derivative; scatter each by itself";
            return Err(refused(builder, &op.clone().into(), &values(duals), message));
        };
        let one = One { op: Scatter { body, ..op.clone() }, input, indices, update, value };
        let tangent = one.tangent(builder)?;
        found.push(Dual { value, tangent });
    }
    Ok(found)
}

/// The part of a body that folds one of several inputs; `None` if it depends on the others.
fn alone(body: &Reducer, at: usize, count: usize) -> Result<Option<Reducer>, BuildError> {
    if count == 1 {
        return Ok(Some(body.clone()));
    }
    let graph = body.graph();
    let is_other: Vec<bool> = (0..2 * count).map(|input| input % count != at).collect();
    let others = Linearity::of(graph, &is_other);
    let output = graph.outputs()[at].value;
    if others.is_linear(output) {
        return Ok(None);
    }
    let own = rewrite::part(graph, &[], |id| !others.is_linear(id.result(0)), &[output])?;
    Ok(Some(rewrite::dead_code(&own)?.into()))
}

/// A scatter of one input, and what it made.
struct One {
    op: Scatter,
    input: Dual,
    indices: Value,
    update: Dual,
    value: Value,
}

impl One {
    fn tangent(&self, builder: &mut Builder) -> Result<Option<Value>, BuildError> {
        match self.op.body.fold() {
            Fold::Binary(Binary::Add) => match self.update.tangent {
                None => Ok(self.input.tangent),
                Some(_) => self.of_tangents(builder).map(Some),
            },
            Fold::Second => self.of_tangents(builder).map(Some),
            Fold::Binary(Binary::Multiply) => self.product(builder),
            Fold::Binary(Binary::Maximum | Binary::Minimum) => self.extreme(builder),
            Fold::Binary(_) | Fold::Extreme(_) | Fold::Body => {
                let operands = [self.input.value, self.indices, self.update.value];
                let message = "only scatters that add, overwrite, multiply, or keep the greatest or least have derivatives";
                Err(refused(builder, &self.op.clone().into(), &operands, message))
            }
        }
    }

    /// The same scatter of the tangents.
    fn of_tangents(&self, builder: &mut Builder) -> Result<Value, BuildError> {
        let (input, update) = (tangent_of(builder, self.input), tangent_of(builder, self.update));
        builder.push(self.op.clone(), &[input, self.indices, update])
    }

    /// The scatter of another update onto another input, by another fold.
    fn by(
        &self,
        builder: &mut Builder,
        fold: Binary,
        input: Value,
        update: Value,
    ) -> Result<Value, BuildError> {
        let body = Graph::reducer(fold, builder.graph().ty(input).dtype)?.into();
        builder.push(Scatter { body, ..self.op.clone() }, &[input, self.indices, update])
    }

    /// The input's tangent times the updates there, and of each update the tangent times the input and the
    /// other updates there.
    fn product(&self, builder: &mut Builder) -> Result<Option<Value>, BuildError> {
        let ones = full_like(builder, self.input.value, 1.0);
        let of_input = match self.input.tangent {
            Some(tangent) => {
                let factor = self.by(builder, Binary::Multiply, ones, self.update.value)?;
                Some(builder.binary(Binary::Multiply, tangent, factor)?)
            }
            None => None,
        };
        let Some(tangent) = self.update.tangent else { return Ok(of_input) };
        let others = self.others(builder)?;
        let changed = builder.binary(Binary::Multiply, tangent, others)?;
        let zeros = zeros_like(builder, self.input.value);
        let of_updates = self.by(builder, Binary::Add, zeros, changed)?;
        sum(builder, of_input, Some(of_updates))
    }

    /// For each element of the updates, the product of the input and the other updates of its place. Its own
    /// derivative, for second derivatives, is that away from zeros.
    fn others(&self, builder: &mut Builder) -> Result<Value, BuildError> {
        let update = self.update.value;
        let (zeros, ones) = (zeros_like(builder, update), full_like(builder, update, 1.0));
        let is_zero = builder.compare(ComparisonDirection::Eq, update, zeros)?;
        let count = builder.select(is_zero, ones, zeros)?;
        let none = zeros_like(builder, self.input.value);
        let count = self.by(builder, Binary::Add, none, count)?;
        let divisor = builder.select(is_zero, ones, update)?;
        let product = self.by(builder, Binary::Multiply, self.input.value, divisor)?;
        let (count, product) = (self.read(builder, count)?, self.read(builder, product)?);
        let quotient = builder.binary(Binary::Divide, product, divisor)?;
        // Zeros among the others make the product zero.
        let own = builder.select(is_zero, ones, zeros)?;
        let no_other = builder.compare(ComparisonDirection::Eq, count, own)?;
        builder.select(no_other, quotient, zeros)
    }

    /// The mean of the tangents of the elements that equal the result, the input among them.
    fn extreme(&self, builder: &mut Builder) -> Result<Option<Value>, BuildError> {
        let everywhere = self.read(builder, self.value)?;
        let input_wins = builder.compare(ComparisonDirection::Eq, self.input.value, self.value)?;
        let update_wins = builder.compare(ComparisonDirection::Eq, self.update.value, everywhere)?;
        let chosen = |builder: &mut Builder, input: Value, update: Value| {
            let none = zeros_like(builder, input);
            let input = builder.select(input_wins, input, none)?;
            let none = zeros_like(builder, update);
            let update = builder.select(update_wins, update, none)?;
            self.by(builder, Binary::Add, input, update)
        };
        let (input, update) = (tangent_of(builder, self.input), tangent_of(builder, self.update));
        let total = chosen(builder, input, update)?;
        let ones = (full_like(builder, self.input.value, 1.0), full_like(builder, self.update.value, 1.0));
        let count = chosen(builder, ones.0, ones.1)?;
        builder.binary(Binary::Divide, total, count).map(Some)
    }

    /// What a value of the input's shape holds at the place of each element of the updates.
    fn read(&self, builder: &mut Builder, value: Value) -> Result<Value, BuildError> {
        let shape = builder.graph().ty(self.update.value).shape.clone();
        read(builder, &self.op, value, self.indices, &shape)
    }
}

/// What a value of the input's shape holds at the place of each element of updates of `shape`; something where a window
/// is left out.
fn read(
    builder: &mut Builder,
    op: &Scatter,
    value: Value,
    indices: Value,
    shape: &[usize],
) -> Result<Value, BuildError> {
    let sizes = window_sizes(op, &builder.graph().ty(value).shape, shape);
    let gather = Gather {
        offset_dims: op.update_window_dims.clone(),
        collapsed_slice_dims: op.inserted_window_dims.clone(),
        operand_batching_dims: op.input_batching_dims.clone(),
        start_indices_batching_dims: op.scatter_indices_batching_dims.clone(),
        start_index_map: op.scatter_dims_to_operand_dims.clone(),
        index_vector_dim: op.index_vector_dim,
        slice_sizes: sizes,
        indices_are_sorted: false,
    };
    builder.push(gather, &[value, indices])
}

/// The extent of a window along each dimension of the input.
fn window_sizes(op: &Scatter, input: &[usize], update: &[usize]) -> Vec<usize> {
    let mut sizes: Vec<usize> = input.iter().map(|&size| size.min(1)).collect();
    for (dim, &within) in op.window_dims(input.len()).into_iter().zip(&op.update_window_dims) {
        sizes[dim] = update[within];
    }
    sizes
}

/// The cotangents of the input and the updates of a scatter that adds or overwrites.
pub(super) fn transpose(
    builder: &mut Builder,
    op: &Scatter,
    operands: &[Transposed],
    cotangent: Value,
) -> Result<Vec<Option<Value>>, BuildError> {
    let indices = known(&op.clone().into(), &operands[1])?;
    let update = type_of(builder, &operands[2]);
    let mut back = vec![None; 3];
    match op.body.fold() {
        Fold::Binary(Binary::Add) => {
            back[0] = is_linear(&operands[0]).then_some(cotangent);
            if is_linear(&operands[2]) {
                let read = read(builder, op, cotangent, indices, &update.shape)?;
                let is_kept = within_bounds(builder, op, cotangent, indices, &update.shape)?;
                let zeros = zeros_like(builder, read);
                back[2] = Some(builder.select(is_kept, read, zeros)?);
            }
        }
        Fold::Second => {
            if is_linear(&operands[0]) {
                let zeros = builder.full(0.0, update.dtype, update.shape.clone());
                back[0] = Some(builder.push(op.clone(), &[cotangent, indices, zeros])?);
            }
            if is_linear(&operands[2]) {
                let read = read(builder, op, cotangent, indices, &update.shape)?;
                let is_last = last_of_its_place(builder, op, cotangent, indices, &update.shape)?;
                let zeros = zeros_like(builder, read);
                back[2] = Some(builder.select(is_last, read, zeros)?);
            }
        }
        Fold::Binary(_) | Fold::Extreme(_) | Fold::Body => {
            return Err(refused(
                builder,
                &op.clone().into(),
                &[],
                "it is not linear, so it cannot be transposed",
            ));
        }
    }
    Ok(back)
}

/// Refuses to transpose a scatter of several inputs: tangents are scattered one by one.
pub(super) fn several(builder: &Builder, op: &IndexOp) -> Result<Vec<Option<Value>>, BuildError> {
    Err(refused(builder, &op.clone().into(), &[], "it scatters several inputs, and cannot be transposed"))
}

/// Whether the window of each element of updates of `shape` lies within the input, and so is not left out.
fn within_bounds(
    builder: &mut Builder,
    op: &Scatter,
    input: Value,
    indices: Value,
    shape: &[usize],
) -> Result<Value, BuildError> {
    let sizes = builder.graph().ty(input).shape.clone();
    let windows = window_sizes(op, &sizes, shape);
    let last: Vec<usize> =
        op.scatter_dims_to_operand_dims.iter().map(|&dim| sizes[dim] - windows[dim]).collect();
    let last = starts::last_places(builder, indices, &last, op.index_vector_dim)?;
    let first = zeros_like(builder, indices);
    let is_late = builder.compare(ComparisonDirection::Ge, indices, first)?;
    let is_early = builder.compare(ComparisonDirection::Le, indices, last)?;
    let mut fits = builder.binary(Binary::And, is_late, is_early)?;
    if op.index_vector_dim < builder.graph().ty(indices).rank() {
        let yes = builder.full(1.0, DType::I1, []);
        fits = builder.reduce(fits, yes, vec![op.index_vector_dim], Binary::And)?;
    }
    views::stretch(builder, fits, shape, &op.scatter_dims(shape.len()))
}

/// Whether each element of updates of `shape` is the one that stays of all that overwrite its place. Each is told by a
/// number, which is scattered and read again.
fn last_of_its_place(
    builder: &mut Builder,
    op: &Scatter,
    input: Value,
    indices: Value,
    shape: &[usize],
) -> Result<Value, BuildError> {
    let count: usize = shape.iter().product();
    let dtype = if i32::try_from(count).is_ok() { DType::I32 } else { DType::I64 };
    let numbers = builder.push(Iota { shape: vec![count], dtype, dimension: 0 }, &[])?;
    let numbers = builder.reshape(numbers, shape)?;
    let places = builder.graph().ty(input).shape.clone();
    let none = builder.full(-1.0, dtype, places);
    let overwrite = Scatter { body: Graph::second(dtype).into(), ..op.clone() };
    let last = builder.push(overwrite, &[none, indices, numbers])?;
    let last = read(builder, op, last, indices, shape)?;
    builder.compare(ComparisonDirection::Eq, last, numbers)
}
