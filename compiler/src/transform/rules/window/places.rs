//! Windows folded by any body, values with their tangents, in ordinary ops.
//!
//! Windows of a cumulative op share their work: each doubling of their length folds two that lie beside each
//! other. Of all others the places are the rows of a tensor, which a reduction folds.

use std::ops::Range;

use choral_ir::op::{Concatenate, Elementwise, Pad, ReduceWindow, Slice};
use choral_ir::{BuildError, Builder, DType, Op, Reducer, Tensor, Value};

use crate::transform::dual::{Dual, linear};
use crate::transform::rules::elementwise;
use crate::transform::rules::reduce::combined;

/// A cumulative op: along which dimension it runs, and whether from the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    dimension: usize,
    is_reverse: bool,
}

/// The cumulative op that the windows over an operand of this shape are.
pub(super) fn running(op: &ReduceWindow, shape: &[usize]) -> Option<Running> {
    let dimension = op.window_dimensions.iter().position(|&size| size > 1)?;
    let size = shape[dimension];
    let behind = i64::try_from(size).ok()? - 1;
    let is_reverse = match op.padding[dimension] {
        (low, 0) if low == behind => false,
        (0, high) if high == behind => true,
        (_, _) => return None,
    };
    let is_one = |list: &[usize]| list.iter().all(|&entry| entry == 1);
    let others = (0..shape.len()).filter(|&dim| dim != dimension);
    let fits = op.window_dimensions[dimension] == size
        && is_one(&op.window_strides)
        && is_one(&op.base_dilations)
        && is_one(&op.window_dilations)
        && others.into_iter().all(|dim| op.window_dimensions[dim] == 1 && op.padding[dim] == (0, 0));
    fits.then_some(Running { dimension, is_reverse })
}

impl Running {
    /// The folds up to each element, or from it on.
    pub(super) fn folded(
        self,
        builder: &mut Builder,
        body: &Reducer,
        mut elements: Vec<Dual>,
    ) -> Result<Vec<Dual>, BuildError> {
        let size = builder.graph().ty(elements[0].value).shape[self.dimension];
        let mut length = 1;
        while length < size {
            let earlier = self.part(builder, &elements, 0..size - length)?;
            let later = self.part(builder, &elements, length..size)?;
            let folded = combined(builder, body, &earlier, &later)?;
            let whole = if self.is_reverse { size - length..size } else { 0..length };
            let whole = self.part(builder, &elements, whole)?;
            let together: Op = Concatenate { dimension: self.dimension }.into();
            elements.clear();
            for (folded, whole) in folded.into_iter().zip(whole) {
                let parts = if self.is_reverse { [folded, whole] } else { [whole, folded] };
                elements.extend(linear(builder, &together, &parts)?);
            }
            length *= 2;
        }
        Ok(elements)
    }

    fn part(
        self,
        builder: &mut Builder,
        duals: &[Dual],
        range: Range<usize>,
    ) -> Result<Vec<Dual>, BuildError> {
        let shape = builder.graph().ty(duals[0].value).shape.clone();
        let mut op =
            Slice { start: vec![0; shape.len()], limit: shape.clone(), strides: vec![1; shape.len()] };
        (op.start[self.dimension], op.limit[self.dimension]) = (range.start, range.end);
        let op: Op = op.into();
        let mut parts = Vec::with_capacity(duals.len());
        for &dual in duals {
            parts.extend(linear(builder, &op, &[dual])?);
        }
        Ok(parts)
    }
}

/// The elements at each place of the windows, `[places, windows..]`; `init`, of the windows' shape, where there
/// is none.
pub(super) fn rows(
    builder: &mut Builder,
    op: &ReduceWindow,
    input: Dual,
    init: Dual,
) -> Result<Dual, BuildError> {
    let ty = builder.graph().ty(input.value).clone();
    let windows = builder.graph().ty(init.value).shape.clone();
    let zero = builder.full(0.0, ty.dtype, []);
    let elements = stacked(builder, op, input, zero, &windows)?;
    let is_dense =
        op.padding.iter().all(|&sides| sides == (0, 0)) && op.base_dilations.iter().all(|&at| at == 1);
    if is_dense {
        return Ok(elements);
    }
    let everywhere = builder.splat(Tensor::scalar(true), ty.shape);
    let nowhere = builder.full(0.0, DType::I1, []);
    let is_there = stacked(builder, op, Dual::constant(everywhere), nowhere, &windows)?;
    let shape = builder.graph().ty(elements.value).shape.clone();
    let dims: Vec<usize> = (1..shape.len()).collect();
    let init = init.map(|value| builder.broadcast_in_dim(value, shape.clone(), dims.clone()))?;
    Ok(elementwise::jvp(builder, &Elementwise::Select, &[is_there, elements, init])?[0])
}

/// The elements at each place of the windows, of an operand padded with a value.
fn stacked(
    builder: &mut Builder,
    op: &ReduceWindow,
    input: Dual,
    padding: Value,
    windows: &[usize],
) -> Result<Dual, BuildError> {
    let (low, high) = op.padding.iter().copied().unzip();
    let interior = op.base_dilations.iter().map(|dilation| dilation - 1).collect();
    let padded = Op::from(Pad { low, high, interior });
    let padded = linear(builder, &padded, &[input, Dual::constant(padding)])?;
    let row = [&[1], windows].concat();
    let mut places = Vec::new();
    for place in 0..op.window_dimensions.iter().product() {
        let start = offsets(op, place);
        let end = |dim: usize| start[dim] + (windows[dim] - 1) * op.window_strides[dim] + 1;
        let limit = (0..start.len()).map(end).collect();
        let taken = Op::from(Slice { start, limit, strides: op.window_strides.clone() });
        let taken = linear(builder, &taken, &padded)?;
        places.push(taken[0].map(|value| builder.reshape(value, row.clone()))?);
    }
    Ok(linear(builder, &Concatenate { dimension: 0 }.into(), &places)?[0])
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
