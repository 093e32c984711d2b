//! Tangents and cotangents of windowed folds.
//!
//! Sums are linear. The first greatest or least element of a window gets its whole tangent, as in JAX.

use choral_ir::op::convolution::extent;
use choral_ir::op::{
    Binary, ComparisonDirection, Elementwise, Pad, ReduceWindow, SelectAndScatter, Slice, Transposed,
    WindowOp,
};
use choral_ir::{BuildError, Builder, Fold, NodeKind, Op, Value};

use super::chosen::{Choice, compared, kept};
use super::places::{rows, running};
use crate::transform::dual::{
    Dual, is_filled, is_linear, known, linear, not_linear, refused, tangent_of, type_of, values, zeros,
};
use crate::transform::rules::elementwise;
use crate::transform::rules::reduce::{accumulating, fold_first, initial, is_neutral, neutral};
use crate::transform::rules::shape::{reshaped, total};

/// The results and their tangents.
pub(crate) fn jvp(builder: &mut Builder, op: &WindowOp, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    match op {
        WindowOp::ReduceWindow(op) => reduce_window(builder, op, duals),
        WindowOp::SelectAndScatter(op) => select_and_scatter(builder, op, duals),
    }
}

fn reduce_window(builder: &mut Builder, op: &ReduceWindow, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let (inputs, inits) = duals.split_at(duals.len() / 2);
    let any: Op = op.clone().into();
    match op.body.fold() {
        Fold::Binary(Binary::Add) => linear(builder, &any, duals),
        Fold::Binary(fold @ (Binary::Maximum | Binary::Minimum)) => {
            let folded = extreme(builder, op, fold, inputs[0])?;
            if is_neutral(builder, fold, inits[0]) {
                return Ok(vec![folded]);
            }
            let shape = builder.graph().ty(folded.value).shape.clone();
            let init = initial(builder, inits[0], &shape)?;
            elementwise::jvp(builder, &Elementwise::Binary(fold), &[folded, init])
        }
        Fold::Binary(_) | Fold::Extreme(_) | Fold::Second | Fold::Body => {
            if let Some(choice) = Choice::of_fold(op)? {
                return chosen(builder, op, &choice, duals);
            }
            by_body(builder, op, inputs, inits)
        }
    }
}

/// The greatest or least element of each window, from a neutral initial value on, and its tangent.
fn extreme(builder: &mut Builder, op: &ReduceWindow, fold: Binary, input: Dual) -> Result<Dual, BuildError> {
    use ComparisonDirection::{Ge, Le};
    let neutral = neutral(builder, fold, input.value);
    let value = builder.push(op.clone(), &[input.value, neutral])?;
    let ty = builder.graph().ty(value).clone();
    let Some(tangent) = input.tangent.filter(|_| !ty.is_empty()) else { return Ok(Dual::constant(value)) };
    let direction = if fold == Binary::Minimum { Le } else { Ge };
    if let Some(running) = running(op, &ty.shape) {
        let folded = running.folded(builder, &kept(direction, ty.dtype)?, vec![input])?;
        return Ok(Dual { value, tangent: folded[0].tangent });
    }
    let undilated = Undilated::of(builder, op, &ty.shape, input.value);
    let choice = undilated.choice(op, compared(direction, ty.dtype)?);
    let none = builder.full(0.0, ty.dtype, []);
    let operand = undilated.operand(builder, input.value, neutral)?;
    let tangent = undilated.operand(builder, tangent, none)?;
    let tangent = choice.gather(builder, operand, tangent)?;
    Ok(Dual { value, tangent: Some(undilated.result(builder, op, &ty.shape, tangent)?) })
}

/// What makes windows without dilations of others: holes and padding are written out, and a line under windows
/// whose elements lie `n` apart becomes `n` lines, each of every `n`-th element.
struct Undilated {
    /// `None` where there are no dilations.
    padded: Option<Pad>,
    /// Sizes of the padded operand.
    sizes: Vec<usize>,
    /// How many lines each dimension becomes.
    lines: Vec<usize>,
}

impl Undilated {
    /// For an operand and its windows, of which there are some.
    fn of(builder: &Builder, op: &ReduceWindow, windows: &[usize], operand: Value) -> Undilated {
        let shape = &builder.graph().ty(operand).shape;
        let is_one = |list: &[usize]| list.iter().all(|&entry| entry == 1);
        if is_one(&op.base_dilations) && is_one(&op.window_dilations) {
            return Undilated { padded: None, sizes: shape.clone(), lines: vec![1; windows.len()] };
        }
        let (low, mut high): (Vec<i64>, Vec<i64>) = op.padding.iter().copied().unzip();
        let mut sizes = Vec::with_capacity(shape.len());
        for dim in 0..shape.len() {
            let spread = shape[dim].saturating_sub(1) * op.base_dilations[dim] + shape[dim].min(1);
            let padded = spread.saturating_add_signed((low[dim] + high[dim]) as isize);
            let whole = padded.next_multiple_of(op.window_dilations[dim]);
            high[dim] += (whole - padded) as i64;
            sizes.push(whole);
        }
        let interior = op.base_dilations.iter().map(|dilation| dilation - 1).collect();
        Undilated { padded: Some(Pad { low, high, interior }), sizes, lines: op.window_dilations.clone() }
    }

    /// The windows, which choose by a comparator.
    fn choice(&self, op: &ReduceWindow, select: choral_ir::Comparator) -> Choice {
        let mut choice = Choice { dimensions: Vec::new(), strides: Vec::new(), padding: Vec::new(), select };
        for (dim, &lines) in self.lines.iter().enumerate() {
            let padding = if self.padded.is_some() { (0, 0) } else { op.padding[dim] };
            choice.dimensions.push(op.window_dimensions[dim]);
            choice.strides.push(if lines > 1 { 1 } else { op.window_strides[dim] });
            choice.padding.push(padding);
            if lines > 1 {
                choice.dimensions.push(1);
                choice.strides.push(1);
                choice.padding.push((0, 0));
            }
        }
        choice
    }

    /// A tensor of the operand's shape, padded with a value.
    fn operand(&self, builder: &mut Builder, operand: Value, padding: Value) -> Result<Value, BuildError> {
        let Some(pad) = &self.padded else { return Ok(operand) };
        let padded = builder.push(pad.clone(), &[operand, padding])?;
        let sizes = self.sizes.iter().zip(&self.lines);
        let lines = |(&size, &lines): (&usize, &usize)| match lines {
            1 => vec![size],
            lines => vec![size / lines, lines],
        };
        let shape: Vec<usize> = sizes.flat_map(lines).collect();
        reshaped(builder, padded, &shape)
    }

    /// The windows of the op among all those of the lines.
    fn result(
        &self,
        builder: &mut Builder,
        op: &ReduceWindow,
        windows: &[usize],
        value: Value,
    ) -> Result<Value, BuildError> {
        if self.lines.iter().all(|&lines| lines == 1) {
            return Ok(value);
        }
        let size = |dim: usize| match self.lines[dim] {
            1 => windows[dim],
            lines => (self.sizes[dim] / lines - op.window_dimensions[dim] + 1) * lines,
        };
        let stride = |dim: usize| if self.lines[dim] == 1 { 1 } else { op.window_strides[dim] };
        let sizes: Vec<usize> = (0..windows.len()).map(size).collect();
        let strides: Vec<usize> = (0..windows.len()).map(stride).collect();
        let limit = windows.iter().zip(&strides).map(|(size, stride)| (size - 1) * stride + 1).collect();
        let value = reshaped(builder, value, &sizes)?;
        builder.push(Slice { start: vec![0; windows.len()], limit, strides }, &[value])
    }
}

/// A choice of elements is linear in what it takes at the places that it finds.
fn chosen(
    builder: &mut Builder,
    op: &ReduceWindow,
    choice: &Choice,
    duals: &[Dual],
) -> Result<Vec<Dual>, BuildError> {
    let results = builder.push_all(op.clone(), &values(duals))?;
    let mut duals_of_results: Vec<Dual> = results.into_iter().map(Dual::constant).collect();
    for (dual, input) in duals_of_results.iter_mut().zip(&duals[..2]) {
        let tangent = input.tangent.map(|tangent| choice.gather(builder, duals[0].value, tangent));
        dual.tangent = tangent.transpose()?;
    }
    Ok(duals_of_results)
}

/// The tangents of a fold by any body: it folds elements with their tangents, beside the op itself.
fn by_body(
    builder: &mut Builder,
    op: &ReduceWindow,
    inputs: &[Dual],
    inits: &[Dual],
) -> Result<Vec<Dual>, BuildError> {
    let results = builder.push_all(op.clone(), &[values(inputs), values(inits)].concat())?;
    let windows = builder.graph().ty(results[0]).clone();
    if windows.is_empty() {
        return Ok(results.into_iter().map(Dual::constant).collect());
    }
    let body = accumulating(&op.body, &op.clone().into());
    let types = body.graph().input_types();
    let (mut elements, mut sofar) = (Vec::with_capacity(inputs.len()), Vec::with_capacity(inits.len()));
    for ((&input, &init), ty) in inputs.iter().zip(inits).zip(&types) {
        elements.push(input.map(|value| builder.as_dtype(value, ty.dtype))?);
        let init = initial(builder, init, &windows.shape)?;
        sofar.push(init.map(|value| builder.as_dtype(value, ty.dtype))?);
    }
    let running =
        running(op, &windows.shape).filter(|_| inits.iter().all(|&init| is_unit(builder, op, init)));
    let folded = match running {
        Some(running) => running.folded(builder, &body, elements)?,
        None => {
            let mut places = Vec::with_capacity(elements.len());
            for (&element, &init) in elements.iter().zip(&sofar) {
                places.push(rows(builder, op, element, init)?);
            }
            fold_first(builder, &body, sofar, places)?
        }
    };
    let mut duals = Vec::with_capacity(results.len());
    for (value, dual) in results.into_iter().zip(folded) {
        let dtype = builder.graph().ty(value).dtype;
        let tangent = dual.tangent.map(|tangent| builder.as_dtype(tangent, dtype)).transpose()?;
        duals.push(Dual { value, tangent });
    }
    Ok(duals)
}

/// Whether windows that share their work may: elements may be grouped, and padding with the initial value leaves
/// windows as they are.
fn is_unit(builder: &Builder, op: &ReduceWindow, init: Dual) -> bool {
    let is_constant = matches!(builder.graph().node(init.value.node()).kind, NodeKind::Constant(_));
    init.tangent.is_none()
        && match op.body.fold() {
            Fold::Binary(Binary::Multiply) => is_filled(builder.graph(), init.value, 1.0),
            Fold::Extreme(_) => is_constant,
            Fold::Binary(_) | Fold::Second | Fold::Body => false,
        }
}

/// The op is linear in what it scatters; the operand only says where that goes.
fn select_and_scatter(
    builder: &mut Builder,
    op: &SelectAndScatter,
    duals: &[Dual],
) -> Result<Vec<Dual>, BuildError> {
    let (operand, source, init) = (duals[0], duals[1], duals[2]);
    let value = builder.push(op.clone(), &values(duals))?;
    if source.tangent.is_none() && init.tangent.is_none() {
        return Ok(vec![Dual::constant(value)]);
    }
    if op.scatter.binary() != Some(Binary::Add) {
        let message = "its derivative is known where it scatters by a sum alone";
        return Err(refused(builder, &op.clone().into(), &values(duals), message));
    }
    let (source, init) = (tangent_of(builder, source), tangent_of(builder, init));
    let tangent = builder.push(op.clone(), &[operand.value, source, init])?;
    Ok(vec![Dual { value, tangent: Some(tangent) }])
}

/// The cotangents of what windows sum, choose and scatter.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &WindowOp,
    operands: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    let any: Op = op.clone().into();
    match (op, cotangents) {
        (WindowOp::ReduceWindow(op), [Some(cotangent)]) if op.body.binary() == Some(Binary::Add) => {
            sum(builder, op, operands, *cotangent)
        }
        (WindowOp::ReduceWindow(op), [None, Some(cotangent), None]) => {
            let Some(choice) = Choice::of_fold(op)? else {
                return Err(not_linear(&any));
            };
            let operand = known(&any, &operands[0])?;
            let back = choice.scatter(builder, operand, *cotangent)?;
            Ok(vec![None, Some(back), None, None, None, None])
        }
        (WindowOp::SelectAndScatter(op), [Some(cotangent)]) if op.scatter.binary() == Some(Binary::Add) => {
            let operand = known(&any, &operands[0])?;
            let of_source = match is_linear(&operands[1]) {
                true => Some(Choice::of_scatter(op).gather(builder, operand, *cotangent)?),
                false => None,
            };
            let of_init = match is_linear(&operands[2]) {
                true => Some(of_initial(builder, &operands[2], *cotangent)?),
                false => None,
            };
            Ok(vec![None, of_source, of_init])
        }
        (WindowOp::ReduceWindow(_) | WindowOp::SelectAndScatter(_), _) => Err(not_linear(&any)),
    }
}

/// The cotangent of an initial value that each element of the result begins with.
fn of_initial(builder: &mut Builder, init: &Transposed, cotangent: Value) -> Result<Value, BuildError> {
    let is_scalar = type_of(builder, init).rank() == 0;
    let rank = builder.graph().ty(cotangent).rank();
    total(builder, cotangent, if is_scalar { (0..rank).collect() } else { Vec::new() })
}

/// Each element gets the cotangents of all windows that hold it: sums over windows of the result's cotangent, whose
/// elements lie as far apart as the op's windows did.
fn sum(
    builder: &mut Builder,
    op: &ReduceWindow,
    operands: &[Transposed],
    cotangent: Value,
) -> Result<Vec<Option<Value>>, BuildError> {
    let ty = type_of(builder, &operands[0]);
    let windows = builder.graph().ty(cotangent).clone();
    let of_input = match is_linear(&operands[0]) {
        true if ty.is_empty() || windows.is_empty() => Some(zeros(builder, &ty)),
        true => {
            let zero = builder.full(0.0, ty.dtype, []);
            Some(builder.push(turned(op, &ty.shape, &windows.shape), &[cotangent, zero])?)
        }
        false => None,
    };
    let of_init = match is_linear(&operands[1]) {
        true => {
            // It is also what padding and holes are made of.
            let init = type_of(builder, &operands[1]);
            let (none, one) = (zeros(builder, &ty), builder.full(1.0, init.dtype, init.shape));
            let count = builder.push(op.clone(), &[none, one])?;
            let counted = builder.binary(Binary::Multiply, cotangent, count)?;
            Some(of_initial(builder, &operands[1], counted)?)
        }
        false => None,
    };
    Ok(vec![of_input, of_init])
}

/// The windows over the result's places that hold an operand's element each.
fn turned(op: &ReduceWindow, shape: &[usize], windows: &[usize]) -> ReduceWindow {
    // One that does not fit 64 bits is too large for the op's type rule, too.
    let span = |size: usize, dilation: usize| extent(size, dilation).unwrap_or(i64::MAX);
    let padding = |dim: usize| {
        let own = span(shape[dim], op.base_dilations[dim]);
        let given = span(windows[dim], op.window_strides[dim]);
        let window = span(op.window_dimensions[dim], op.window_dilations[dim]);
        let (low, _) = op.padding[dim];
        ((window - 1).saturating_sub(low), (own - given).saturating_add(low))
    };
    ReduceWindow {
        window_strides: op.base_dilations.clone(),
        base_dilations: op.window_strides.clone(),
        padding: (0..shape.len()).map(padding).collect(),
        ..op.clone()
    }
}
