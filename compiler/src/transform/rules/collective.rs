//! Rules of collectives.
//!
//! Batching binds them: along the axis of this `vmap` they become ops on the member
//! dimension. Along other axes they stay, and carry the member dimension as any op does. Their derivatives are
//! collectives again (`derivative.rs`).

mod derivative;

use std::collections::HashMap;

use choral_ir::op::{
    AllGather, AllReduce, AllToAll, AxisIndex, Binary, CollectiveOp, Elementwise, MemberKey, Permute,
    Randomness, Reduce, Reduction,
};
use choral_ir::{BuildError, DType, Graph, Op, Tensor, TensorError, TypeError, Value};

pub(crate) use derivative::{jvp, transpose};

use crate::transform::lane::Lane::{Mapped, Shared};
use crate::transform::lane::{Lane, MappedBuilder, shift};
use crate::transform::threefry;
use crate::transform::views;

/// The rule of each op of the family.
pub(crate) fn batch(
    cx: &mut MappedBuilder,
    op: &CollectiveOp,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let is_bound = op.axes().contains(&cx.axis) && !is_further_out(op);
    let lane = match (op, is_bound) {
        (CollectiveOp::AxisIndex(_), true) => axis_index(cx)?,
        (CollectiveOp::AxisIndex(AxisIndex { axis }), false) => {
            Shared(cx.push(AxisIndex { axis: axis.clone() }, &[])?)
        }
        (CollectiveOp::AllReduce(op), true) => all_reduce(cx, op, lanes[0])?,
        (CollectiveOp::AllGather(op), true) => all_gather(cx, op, lanes[0])?,
        (CollectiveOp::Permute(op), true) => permute(cx, op, lanes[0])?,
        (CollectiveOp::AllToAll(op), true) => all_to_all(cx, op, lanes[0])?,
        (CollectiveOp::MemberKey(op), true) => member_key(cx, op, lanes)?,
        (
            CollectiveOp::AllReduce(_)
            | CollectiveOp::AllGather(_)
            | CollectiveOp::Permute(_)
            | CollectiveOp::AllToAll(_)
            | CollectiveOp::MemberKey(_),
            false,
        ) => along_another_axis(cx, op, lanes)?,
    };
    Ok(vec![lane])
}

/// Whether the op names an axis outside the innermost of its name.
fn is_further_out(op: &CollectiveOp) -> bool {
    matches!(op, CollectiveOp::MemberKey(op) if op.level > 0)
}

/// The op as it is once this axis, which is not its own, is bound.
fn passed_by(cx: &MappedBuilder, op: &CollectiveOp) -> CollectiveOp {
    match op.clone() {
        CollectiveOp::MemberKey(op) if op.axis == cx.axis => {
            CollectiveOp::MemberKey(MemberKey { level: op.level - 1, ..op })
        }
        same @ (CollectiveOp::AxisIndex(_)
        | CollectiveOp::AllReduce(_)
        | CollectiveOp::AllGather(_)
        | CollectiveOp::Permute(_)
        | CollectiveOp::AllToAll(_)
        | CollectiveOp::MemberKey(_)) => same,
    }
}

/// The op itself, with the members first.
fn along_another_axis(cx: &mut MappedBuilder, op: &CollectiveOp, lanes: &[Lane]) -> Result<Lane, BuildError> {
    let op = passed_by(cx, op);
    if lanes.iter().all(|lane| lane.dim().is_none()) {
        let values: Vec<Value> = lanes.iter().map(|lane| lane.value()).collect();
        return Ok(Shared(cx.push(Op::Collective(op), &values)?));
    }
    let values: Vec<Value> = lanes.iter().map(|&lane| cx.at_front(lane)).collect::<Result<_, _>>()?;
    let op: Op = match op {
        CollectiveOp::AllGather(op) => AllGather { dimension: op.dimension + 1, ..op }.into(),
        CollectiveOp::AllToAll(op) => AllToAll {
            split_dimension: op.split_dimension + 1,
            concat_dimension: op.concat_dimension + 1,
            ..op
        }
        .into(),
        same @ (CollectiveOp::AxisIndex(_)
        | CollectiveOp::AllReduce(_)
        | CollectiveOp::Permute(_)
        | CollectiveOp::MemberKey(_)) => Op::Collective(same),
    };
    Ok(Mapped(cx.push(op, &values)?, 0))
}

fn axis_index(cx: &mut MappedBuilder) -> Result<Lane, BuildError> {
    Ok(Mapped(cx.member_numbers()?, 0))
}

/// A key that differs between members is used as it is.
fn member_key(cx: &mut MappedBuilder, op: &MemberKey, lanes: &[Lane]) -> Result<Lane, BuildError> {
    let key = match (lanes[0], op.randomness) {
        (Mapped(..), _) | (Shared(_), Randomness::Same) => return Ok(lanes[0]),
        (Shared(key), Randomness::Different) => key,
        (Shared(key), Randomness::Error) => {
            let message = format!(
                "members along the axis `{}` share the key, and would draw the same numbers; give each its own \
                 (map over keys, such as Key::split_n gives), or say what you want with \
                 .randomness(Randomness::Different) or .randomness(Randomness::Same)",
                op.axis
            );
            let cause = TypeError { message, constraint: "randomness" };
            return Err(cx.builder.refusal(&op.clone().into(), &[key], cause));
        }
    };
    let keys = cx.at_front(Shared(key))?;
    let shape = cx.ty(keys).shape.clone();
    let numbers = match lanes.get(1) {
        Some(&numbers) => cx.at_front(numbers)?,
        None => cx.member_numbers()?,
    };
    let leading: Vec<usize> = (0..cx.ty(numbers).rank()).collect();
    let numbers = cx.builder.convert(numbers, DType::Ui32)?;
    let numbers = views::stretch(&mut cx.builder, numbers, &shape[..shape.len() - 1], &leading)?;
    Ok(Mapped(threefry::fold_in(&mut cx.builder, keys, numbers)?, 0))
}

/// Along several axes nothing is rounded before the last of them.
fn all_reduce(
    cx: &mut MappedBuilder,
    AllReduce { axes, reduction }: &AllReduce,
    lane: Lane,
) -> Result<Lane, BuildError> {
    let axes: Vec<_> = axes.iter().filter(|axis| **axis != cx.axis).cloned().collect();
    if axes.is_empty() {
        return Ok(Shared(of_members(cx, lane, *reduction)?));
    }
    let dtype = cx.ty(lane.value()).dtype;
    let wide = cx.builder.as_dtype(lane.value(), dtype.accumulator())?;
    let wide = lane.dim().map_or(Shared(wide), |at| Mapped(wide, at));
    let value = of_members(cx, wide, *reduction)?;
    let value = cx.push(AllReduce { axes, reduction: *reduction }, &[value])?;
    Ok(Shared(cx.builder.as_dtype(value, dtype)?))
}

/// All members' values as one. What they share counts once for each of them in a sum.
fn of_members(cx: &mut MappedBuilder, lane: Lane, reduction: Reduction) -> Result<Value, BuildError> {
    match (lane, reduction) {
        (Mapped(value, at), _) => folded(cx, value, at, reduction),
        (Shared(value), Reduction::Sum) => times_members(cx, value),
        (Shared(value), Reduction::Max | Reduction::Min) => Ok(value),
    }
}

/// The value as often as there are members, added up.
fn times_members(cx: &mut MappedBuilder, value: Value) -> Result<Value, BuildError> {
    let ty = cx.ty(value).clone();
    if cx.size == 0 {
        // Not a product, which infinities would make NaN.
        return Ok(cx.builder.full(0.0, ty.dtype, ty.shape));
    }
    // Narrow floats may hold the sum, but not the number of members; integers wrap around.
    let through = ty.dtype.accumulator();
    let count = if through.is_float() { through } else { DType::I64 };
    let count = cx.builder.full(cx.size as f64, count, ty.shape);
    let builder = &mut cx.builder;
    let (count, value) = (builder.as_dtype(count, through)?, builder.as_dtype(value, through)?);
    let sum = builder.binary(Binary::Multiply, value, count)?;
    builder.as_dtype(sum, ty.dtype)
}

fn folded(
    cx: &mut MappedBuilder,
    value: Value,
    at: usize,
    reduction: Reduction,
) -> Result<Value, BuildError> {
    let dtype = cx.ty(value).dtype;
    let (fold, start) = match reduction {
        Reduction::Sum => (Binary::Add, 0.0),
        Reduction::Max => (Binary::Maximum, f64::NEG_INFINITY),
        Reduction::Min => (Binary::Minimum, f64::INFINITY),
    };
    // Integers saturate at their limits.
    let start = Tensor::scalar_of(dtype, start);
    let start = cx.builder.constant(start);
    let body = Graph::reducer(fold, dtype)?.into();
    cx.push(Reduce { dimensions: vec![at], body }, &[value, start])
}

/// The member dimension becomes one that all members see.
fn all_gather(cx: &mut MappedBuilder, op: &AllGather, lane: Lane) -> Result<Lane, BuildError> {
    check_size(cx, op.clone().into(), op.size, lane)?;
    Ok(Shared(cx.at(lane, op.dimension)?))
}

/// Member `to` takes the slice of member `from`, and zeros where there is no such pair.
fn permute(cx: &mut MappedBuilder, op: &Permute, lane: Lane) -> Result<Lane, BuildError> {
    let Permute { axis, pairs } = op;
    if let Some((from, to)) = pairs.iter().find(|(from, to)| *from.max(to) >= cx.size) {
        let message = format!("{from} -> {to} names a member outside axis {axis} of size {}", cx.size);
        let cause = TypeError { message, constraint: "range" };
        return Err(cx.builder.refusal(&op.clone().into(), &[lane.value()], cause));
    }
    let senders: HashMap<usize, usize> = pairs.iter().map(|&(from, to)| (to, from)).collect();
    let value = cx.at_front(lane)?;
    let ty = cx.ty(value).clone();
    let zeros = cx.builder.full(0.0, ty.dtype, ty.shape.clone());
    if pairs.is_empty() {
        return Ok(Mapped(zeros, 0));
    }
    // A member that receives nothing gets zeros, whatever `source` says.
    let from = Tensor::try_from_fn([cx.size, 1], |to| senders.get(&to).copied().unwrap_or_default() as i32);
    let there = Tensor::try_from_fn([cx.size], |to| senders.contains_key(&to));
    let refused = |cx: &MappedBuilder, error: TensorError| {
        let cause = TypeError { message: error.to_string(), constraint: "size" };
        cx.builder.refusal(&op.clone().into(), &[value], cause)
    };
    let from = from.map_err(|error| refused(cx, error))?;
    let there = there.map_err(|error| refused(cx, error))?;
    let from = cx.builder.constant(from);
    let sent = cx.slices_of(value, from)?;
    let there = cx.builder.constant(there);
    let there = views::stretch(&mut cx.builder, there, &ty.shape, &[0])?;
    Ok(Mapped(cx.push(Elementwise::Select, &[there, sent, zeros])?, 0))
}

/// The split dimension becomes the members', and the members' the new one.
fn all_to_all(cx: &mut MappedBuilder, op: &AllToAll, lane: Lane) -> Result<Lane, BuildError> {
    let AllToAll { axis: _, size, split_dimension, concat_dimension } = op;
    check_size(cx, op.clone().into(), *size, lane)?;
    let value = cx.at_front(lane)?;
    let split = shift(&[*split_dimension], 0)[0];
    let value = views::move_dim(&mut cx.builder, value, split, 0)?;
    // The members that sent stand behind those that receive.
    Ok(Mapped(views::move_dim(&mut cx.builder, value, 1, concat_dimension + 1)?, 0))
}

/// Fails unless the op was made for as many members as there are.
fn check_size(cx: &MappedBuilder, op: Op, size: usize, lane: Lane) -> Result<(), BuildError> {
    if size == cx.size {
        return Ok(());
    }
    let message = format!("it was traced for {size} members along {}, but there are {}", cx.axis, cx.size);
    Err(cx.builder.refusal(&op, &[lane.value()], TypeError { message, constraint: "size" }))
}
