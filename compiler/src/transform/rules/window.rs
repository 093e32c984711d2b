//! Rules of windowed folds.
//!
//! | file | holds |
//! |---|---|
//! | `window.rs` | batching: the member dimension is one that windows do not span |
//! | `derivative.rs` | tangents and cotangents: sums, extremes, and what is selected and scattered |
//! | `chosen.rs` | what windows choose of a second operand, by the elements of the first |
//! | `places.rs` | windows folded by any body: running folds, and the places of windows as rows |

mod chosen;
mod derivative;
mod places;

pub(crate) use derivative::{jvp, transpose};

use choral_ir::BuildError;
use choral_ir::op::{ReduceWindow, SelectAndScatter, WindowOp};

use super::reduce::initial_values;
use crate::transform::lane::{Lane, MappedBuilder, inserted};

/// The rule of each op of the family.
pub(crate) fn batch(cx: &mut MappedBuilder, op: &WindowOp, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    match op {
        WindowOp::ReduceWindow(op) => reduce_window(cx, op, lanes),
        WindowOp::SelectAndScatter(op) => select_and_scatter(cx, op, lanes),
    }
}

fn reduce_window(cx: &mut MappedBuilder, op: &ReduceWindow, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let ReduceWindow { window_dimensions, window_strides, base_dilations, window_dilations, padding, body } =
        op;
    let (inputs, inits) = lanes.split_at(lanes.len() / 2);
    let (mut operands, at) = cx.aligned(inputs)?;
    let op = ReduceWindow {
        window_dimensions: inserted(window_dimensions, at, 1),
        window_strides: inserted(window_strides, at, 1),
        base_dilations: inserted(base_dilations, at, 1),
        window_dilations: inserted(window_dilations, at, 1),
        padding: inserted(padding, at, (0, 0)),
        body: body.clone(),
    };
    let shape = op.result_shape(&cx.ty(operands[0]).shape);
    let shape = shape.map_err(|cause| cx.builder.refusal(&op.clone().into(), &operands, cause))?;
    operands.extend(initial_values(cx, inits, &shape, at)?);
    cx.mapped(op, &operands, at)
}

fn select_and_scatter(
    cx: &mut MappedBuilder,
    op: &SelectAndScatter,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let SelectAndScatter { window_dimensions, window_strides, padding, select, scatter } = op;
    let (values, inits) = lanes.split_at(2);
    let (mut operands, at) = cx.aligned(values)?;
    let op = SelectAndScatter {
        window_dimensions: inserted(window_dimensions, at, 1),
        window_strides: inserted(window_strides, at, 1),
        padding: inserted(padding, at, (0, 0)),
        select: select.clone(),
        scatter: scatter.clone(),
    };
    let shape = cx.ty(operands[0]).shape.clone();
    operands.extend(initial_values(cx, inits, &shape, at)?);
    cx.mapped(op, &operands, at)
}
