//! Rules of ops that move, repeat and select elements by place: batching. Derivatives stand in `shape/derivative.rs`.

mod derivative;

pub(crate) use derivative::{jvp, transpose};
pub(in crate::transform::rules) use derivative::{reshaped, total};

use choral_ir::op::{
    BitcastConvert, BroadcastInDim, Concatenate, Elementwise, Pad, Reshape, Reverse, ShapeOp, Slice,
    Transpose,
};
use choral_ir::{BuildError, DType, Tensor, Value};

use crate::transform::lane::{Lane, MappedBuilder, inserted, shift};
use crate::transform::views;

/// The rule of each op of the family.
pub(crate) fn batch(cx: &mut MappedBuilder, op: &ShapeOp, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    match op {
        ShapeOp::Iota(op) => cx.mapped(op.clone(), &[], 0),
        ShapeOp::BitcastConvert(op) => bitcast_convert(cx, op, lanes),
        ShapeOp::BroadcastInDim(op) => broadcast_in_dim(cx, op, lanes),
        ShapeOp::Reshape(op) => reshape(cx, op, lanes),
        ShapeOp::Transpose(op) => permute(cx, op, lanes),
        ShapeOp::Reverse(op) => reverse(cx, op, lanes),
        ShapeOp::Slice(op) => slice(cx, op, lanes),
        ShapeOp::Pad(op) => pad(cx, op, lanes),
        ShapeOp::Concatenate(op) => concatenate(cx, op, lanes),
    }
}

/// The last dimension may come or go, so the members come first.
fn bitcast_convert(
    cx: &mut MappedBuilder,
    BitcastConvert { dtype }: &BitcastConvert,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let value = cx.at_front(lanes[0])?;
    cx.mapped(BitcastConvert { dtype: *dtype }, &[value], 0)
}

fn broadcast_in_dim(
    cx: &mut MappedBuilder,
    BroadcastInDim { shape, dims }: &BroadcastInDim,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let value = cx.at_front(lanes[0])?;
    let dims = inserted(&shift(dims, 0), 0, 0);
    let result = views::stretch(&mut cx.builder, value, &inserted(shape, 0, cx.size), &dims)?;
    Ok(vec![Lane::Mapped(result, 0)])
}

/// The members stay where they are if as many elements lie before and behind them as lie before and
/// behind a place in the result, as where dimensions of size 1 come and go. If not, they come first.
fn reshape(
    cx: &mut MappedBuilder,
    Reshape { shape }: &Reshape,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (mut values, mut at) = cx.aligned(lanes)?;
    let of = &cx.ty(values[0]).shape;
    let sizes = |shape: &[usize], at: usize, next: usize| {
        [shape[..at].iter().product::<usize>(), shape[next..].iter().product()]
    };
    let around = sizes(of, at, at + 1);
    let place = (0..=shape.len()).find(|&place| sizes(shape, place, place) == around);
    if place.is_none() {
        (values, at) = (vec![cx.at_front(lanes[0])?], 0);
    }
    let to = place.unwrap_or(at);
    cx.mapped(Reshape { shape: inserted(shape, to, cx.size) }, &values, to)
}

/// The member dimension comes first, whichever place it had: one transpose either way.
fn permute(
    cx: &mut MappedBuilder,
    Transpose { permutation }: &Transpose,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (values, at) = cx.aligned(lanes)?;
    let permutation = inserted(&shift(permutation, at), 0, at);
    let result = views::permute(&mut cx.builder, values[0], &permutation)?;
    Ok(vec![Lane::Mapped(result, 0)])
}

fn reverse(
    cx: &mut MappedBuilder,
    Reverse { dims }: &Reverse,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (values, at) = cx.aligned(lanes)?;
    cx.mapped(Reverse { dims: shift(dims, at) }, &values, at)
}

fn slice(
    cx: &mut MappedBuilder,
    Slice { start, limit, strides }: &Slice,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (values, at) = cx.aligned(lanes)?;
    let op = Slice {
        start: inserted(start, at, 0),
        limit: inserted(limit, at, cx.size),
        strides: inserted(strides, at, 1),
    };
    cx.mapped(op, &values, at)
}

/// A per-member padding value is applied with a mask: pad with anything, pad a mask that
/// all members share, and select.
fn pad(cx: &mut MappedBuilder, op: &Pad, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let (operand, padding) = (lanes[0], lanes[1]);
    let Lane::Mapped(padding, _) = padding else {
        return Ok(vec![padded(cx, op, operand, padding.value())?]);
    };
    let dtype = cx.ty(operand.value()).dtype;
    let zero = cx.builder.full(0.0, dtype, []);
    let result = padded(cx, op, operand, zero)?;
    let at = result.dim().unwrap_or(0);
    let kept = kept_by(cx, op, operand)?;
    let values = [cx.at(kept, at)?, cx.at(result, at)?];
    let shape = cx.ty(values[1]).shape.clone();
    let padding = views::stretch(&mut cx.builder, padding, &shape, &[at])?;
    cx.mapped(Elementwise::Select, &[values[0], values[1], padding], at)
}

/// The operand, padded for each member or once for all.
fn padded(cx: &mut MappedBuilder, op: &Pad, operand: Lane, padding: Value) -> Result<Lane, BuildError> {
    let Lane::Mapped(value, at) = operand else {
        return Ok(Lane::Shared(cx.push(op.clone(), &[operand.value(), padding])?));
    };
    let Pad { low, high, interior } = op;
    let op =
        Pad { low: inserted(low, at, 0), high: inserted(high, at, 0), interior: inserted(interior, at, 0) };
    Ok(Lane::Mapped(cx.push(op, &[value, padding])?, at))
}

/// Where one member's padded value holds elements of its operand.
fn kept_by(cx: &mut MappedBuilder, op: &Pad, operand: Lane) -> Result<Lane, BuildError> {
    let mut shape = cx.ty(operand.value()).shape.clone();
    if let Some(at) = operand.dim() {
        shape.remove(at);
    }
    let inside = cx.builder.splat(Tensor::scalar(true), shape);
    let outside = cx.builder.full(0.0, DType::I1, []);
    padded(cx, op, Lane::Shared(inside), outside)
}

fn concatenate(
    cx: &mut MappedBuilder,
    Concatenate { dimension }: &Concatenate,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (values, at) = cx.aligned(lanes)?;
    cx.mapped(Concatenate { dimension: shift(&[*dimension], at)[0] }, &values, at)
}
