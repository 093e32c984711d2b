//! Rules of reductions.
//!
//! | file | holds |
//! |---|---|
//! | `reduce.rs` | batching |
//! | `derivative.rs` | tangents and cotangents of sums and extremes |
//! | `combine.rs` | folds of values with their tangents, by any body |

mod combine;
mod derivative;

pub(in crate::transform::rules) use combine::{accumulating, combined, fold_first, is_associative};
pub(in crate::transform::rules) use derivative::{initial, is_neutral, neutral};
pub(crate) use derivative::{jvp, transpose};

use choral_ir::op::Reduce;
use choral_ir::{BuildError, Value};

use crate::transform::lane::{Lane, MappedBuilder, settle, shift};

/// The same fold over renumbered dimensions. Per-member initial values are given per
/// result element, which the op takes.
pub(crate) fn batch(
    cx: &mut MappedBuilder,
    Reduce { dimensions, body }: &Reduce,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (inputs, inits) = lanes.split_at(lanes.len() / 2);
    let (mut operands, at) = cx.aligned(inputs)?;
    let dimensions = shift(dimensions, at);
    let settled = settle(at, &dimensions);
    let kept = |dim: &usize| !dimensions.contains(dim);
    let shape: Vec<usize> =
        (0..cx.ty(operands[0]).rank()).filter(kept).map(|dim| cx.ty(operands[0]).shape[dim]).collect();
    operands.extend(initial_values(cx, inits, &shape, settled)?);
    cx.mapped(Reduce { dimensions, body: body.clone() }, &operands, settled)
}

/// Initial values for a mapped fold whose result has `shape`, members at `at`: scalars that are
/// shared stay scalars, all others take the result's shape.
pub(super) fn initial_values(
    cx: &mut MappedBuilder,
    inits: &[Lane],
    shape: &[usize],
    at: usize,
) -> Result<Vec<Value>, BuildError> {
    let mut values = Vec::with_capacity(inits.len());
    for &init in inits {
        let value = match init {
            Lane::Shared(value) if cx.ty(value).shape.is_empty() => value,
            Lane::Mapped(value, _) if cx.ty(value).rank() == 1 => {
                crate::transform::views::stretch(&mut cx.builder, value, shape, &[at])?
            }
            Lane::Shared(_) | Lane::Mapped(..) => cx.at(init, at)?,
        };
        values.push(value);
    }
    Ok(values)
}
