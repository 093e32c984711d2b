//! Loops that run while a condition holds: for one number of rounds, or for a per-member number.

use choral_ir::op::{Binary, While};
use choral_ir::{BuildError, Builder, DType, Graph, TensorType, Value};

use super::stand_ins::{needs_stand_ins, stand_ins};
use super::{any, at_dim, dims, is_mapped, lanes, where_each};
use crate::transform::dependence::{self, hands_on};
use crate::transform::lane::Lane::Mapped;
use crate::transform::lane::{Lane, MappedBuilder};
use crate::transform::walk;

pub(super) fn while_loop(
    cx: &mut MappedBuilder,
    op: &While,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (mapped, by_each) = mapped_carried(cx, op, lanes);
    let in_dims = at_dim(&mapped, 0);
    let mut carried = Vec::with_capacity(lanes.len());
    for (&lane, dim) in lanes.iter().zip(&in_dims) {
        carried.push(dim.map_or(Ok(lane), |dim| cx.at(lane, dim).map(|value| Mapped(value, dim)))?);
    }
    if by_each {
        return ended_by_each(cx, op, &carried);
    }
    let op = While {
        cond: walk::region(cx, &op.cond, &in_dims, &[None])?.into(),
        body: walk::region(cx, &op.body, &in_dims, &in_dims)?.into(),
    };
    let values: Vec<Value> = carried.iter().map(|lane| lane.value()).collect();
    let results = cx.builder.push_all(op, &values)?;
    Ok(self::lanes(results, &in_dims))
}

/// Which carried values differ between running members, and whether each member ends the loop on its own.
pub(super) fn mapped_carried(cx: &MappedBuilder, op: &While, lanes: &[Lane]) -> (Vec<bool>, bool) {
    let mapped = is_mapped(lanes);
    let sources = dependence::of_while(op, &cx.axis);
    let carried = sources.running.iter().map(|sources| sources.is_mapped(&mapped)).collect();
    (carried, sources.rounds.is_mapped(&mapped))
}

/// A loop that carries, before all else, which members are running, and behind all else what members
/// have of the shared values that change ([`held`]): those at the round with which they ended.
fn ended_by_each(cx: &mut MappedBuilder, op: &While, carried: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let running = walk::outputs(cx, &op.cond, carried)?[0];
    let running = cx.at_front(running)?;
    let mut operands: Vec<Value> =
        std::iter::once(running).chain(carried.iter().map(|lane| lane.value())).collect();
    let held = held(&op.body, carried);
    for &at in &held {
        operands.push(cx.at_front(carried[at])?);
    }
    let body = body_of_the_running(cx, op, carried, &held)?;
    let cond = any_running(&body)?;
    let results = cx.builder.push_all(While { cond: cond.into(), body: body.into() }, &operands)?;
    let mut ended = lanes(results[1..=carried.len()].to_vec(), &dims(carried));
    for (&at, &result) in held.iter().zip(&results[1 + carried.len()..]) {
        ended[at] = Mapped(result, 0);
    }
    Ok(ended)
}

/// The carried values that change for all running members alike.
fn held(body: &Graph, carried: &[Lane]) -> Vec<usize> {
    let changes = |&at: &usize| carried[at].dim().is_none() && !hands_on(body, at);
    (0..carried.len()).filter(changes).collect()
}

fn any_running(body: &Graph) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("cond");
    let name = |at: usize| body.node(body.inputs()[at].value.node()).name.clone();
    let types = body.input_types().into_iter().enumerate();
    let inputs: Vec<Value> = types.map(|(at, ty)| builder.input(name(at), ty)).collect();
    let any = any(&mut builder, inputs[0])?;
    Ok(builder.finish(&[any]))
}

/// The body over all members, of which those that are running take the results.
fn body_of_the_running(
    cx: &MappedBuilder,
    op: &While,
    carried: &[Lane],
    held: &[usize],
) -> Result<Graph, BuildError> {
    let mut cx = cx.within(op.body.name());
    let running = cx.builder.input("running", TensorType::new([cx.size], DType::I1));
    let old = walk::inputs(&mut cx, &op.body, &dims(carried));
    let old_held: Vec<Lane> = held.iter().map(|&at| held_input(&mut cx, old[at])).collect();
    let taken = if needs_stand_ins(&op.body) { stand_ins(&mut cx, running, &old)? } else { old.clone() };
    let mut new = walk::outputs(&mut cx, &op.body, &taken)?;
    let mut new_held = Vec::with_capacity(held.len());
    for (&at, &old) in held.iter().zip(&old_held) {
        new_held.push(where_each(&mut cx, running, new[at], old)?);
    }
    for (at, (new, &old)) in new.iter_mut().zip(&old).enumerate() {
        if hands_on(&op.body, at) {
            *new = old;
        } else if old.dim().is_some() {
            *new = where_each(&mut cx, running, *new, old)?;
        }
    }
    let wants = walk::outputs(&mut cx, &op.cond, &new)?[0];
    let wants = cx.at_front(wants)?;
    let still = cx.builder.binary(Binary::And, running, wants)?;
    let values = new.iter().chain(&new_held).map(|lane| lane.value());
    let outputs: Vec<Value> = std::iter::once(still).chain(values).collect();
    walk::finished(cx.builder, &outputs)
}

/// An input for what members have of a carried value that all running ones share.
fn held_input(cx: &mut MappedBuilder, carried: Lane) -> Lane {
    let mut ty = cx.ty(carried.value()).clone();
    ty.shape.insert(0, cx.size);
    let name = format!("{}.held", cx.builder.graph().node(carried.value().node()).name);
    Mapped(cx.builder.input(name, ty), 0)
}
