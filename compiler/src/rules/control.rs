//! Batching branches and loops.
//!
//! What decides (an index, a loop's condition) is shared by all members, or each member's own.
//! Where it is shared, the op stays as it is and its regions run over all members. Where it is not,
//! every branch runs and each member takes the results of its own; a loop runs while any member
//! wants to, and members that have finished keep their values.
//!
//! Then members run code that they did not ask for, and a loop inside might never end for them.
//! Where code holds a loop (or an op of a user's own, which might fail), such members run it on the
//! operands of one that did ask ([`stand_ins`]), and it does not run at all if nobody did. Members that exchange values are all asked.

use std::sync::Arc;

use choral_ir::op::{
    Binary, Case, ComparisonDirection, ControlOp, Gather, If, Iota, Map, Reduce, Scan, Unary, While,
};
use choral_ir::{BuildError, Builder, DType, Graph, NodeKind, Op, Tensor, TensorType, Value};

use super::Lane::{Mapped, Shared};
use super::{Batch, Lane, Lanes, any_in, exchanges};
use crate::{views, walk};

/// The rule of each op of the family.
pub(crate) fn batch(cx: &mut Batch, op: &ControlOp, lanes: &[Lane]) -> Lanes {
    match op {
        ControlOp::If(op) => if_else(cx, op, lanes),
        ControlOp::Case(op) => case(cx, op, lanes),
        ControlOp::While(op) => while_loop(cx, op, lanes),
        ControlOp::Scan(op) => scan(cx, op, lanes),
        ControlOp::Map(op) => map(cx, op, lanes),
        ControlOp::OptimizationBarrier => optimization_barrier(cx, lanes),
    }
}

/// A region of an op: what it is called, and where it has the members in its inputs.
pub(crate) struct OverMembers<'op> {
    pub(crate) name: String,
    pub(crate) region: &'op Graph,
    pub(crate) in_dims: Vec<Option<usize>>,
}

/// The op's regions as its rule runs them, for who wants to know; none for a body that combines elements.
pub(crate) fn regions<'op>(
    cx: &Batch,
    op: &'op ControlOp,
    lanes: &[Lane],
) -> Result<Vec<OverMembers<'op>>, BuildError> {
    let branch = |name: String, region: &'op Graph| {
        let by_each = lanes[0].dim().is_some() && needs_stand_ins(region);
        let at = |lane: &Lane| lane.dim().map(|at| if by_each { 0 } else { at });
        OverMembers { name, region, in_dims: lanes[1..].iter().map(at).collect() }
    };
    Ok(match op {
        ControlOp::If(If { true_branch, false_branch }) => {
            vec![branch("true".to_owned(), true_branch), branch("false".to_owned(), false_branch)]
        }
        ControlOp::Case(Case { branches }) => {
            branches.iter().enumerate().map(|(at, region)| branch(format!("branch {at}"), region)).collect()
        }
        ControlOp::While(op) => {
            let in_dims = at_dim(&mapped_carried(cx, op, lanes)?.0, 0);
            let named =
                |name: &str, region| OverMembers { name: name.to_owned(), region, in_dims: in_dims.clone() };
            vec![named("cond", &op.cond), named("body", &op.body)]
        }
        ControlOp::Scan(op) => {
            let (in_dims, _) = scanned_dims(cx, op, lanes)?;
            vec![OverMembers { name: "body".to_owned(), region: &op.body, in_dims }]
        }
        ControlOp::Map(_) | ControlOp::OptimizationBarrier => Vec::new(),
    })
}

fn if_else(cx: &mut Batch, If { true_branch, false_branch }: &If, lanes: &[Lane]) -> Lanes {
    let branches = [true_branch.clone(), false_branch.clone()];
    match lanes[0] {
        Shared(pred) => chosen_for_all(cx, pred, &branches, &lanes[1..], |regions| {
            If { true_branch: regions[0].clone(), false_branch: regions[1].clone() }.into()
        }),
        Mapped(..) => {
            let pred = cx.at_front(lanes[0])?;
            chosen_by_each(cx, &[pred], &branches, &lanes[1..])
        }
    }
}

fn case(cx: &mut Batch, Case { branches }: &Case, lanes: &[Lane]) -> Lanes {
    match lanes[0] {
        Shared(index) => {
            chosen_for_all(cx, index, branches, &lanes[1..], |branches| Case { branches }.into())
        }
        Mapped(..) => {
            let index = cx.at_front(lanes[0])?;
            let takes = |number: usize| {
                let number = cx.builder.full(number as f64, DType::I32, [cx.size]);
                cx.builder.compare(ComparisonDirection::Eq, index, number)
            };
            let takes: Vec<Value> = (0..branches.len() - 1).map(takes).collect::<Result<_, _>>()?;
            chosen_by_each(cx, &takes, branches, &lanes[1..])
        }
    }
}

/// One branch for all members: each runs over them.
fn chosen_for_all(
    cx: &mut Batch,
    index: Value,
    branches: &[Arc<Graph>],
    operands: &[Lane],
    op: impl Fn(Vec<Arc<Graph>>) -> Op,
) -> Lanes {
    let in_dims = dims(operands);
    let mut mapped = vec![false; branches[0].outputs().len()];
    for branch in branches {
        mapped = either(&mapped, &walk::mapped_outputs(cx, branch, &in_dims)?);
    }
    let out_dims = at_dim(&mapped, 0);
    let region = |branch: &Arc<Graph>| walk::region(cx, branch, &in_dims, &out_dims).map(Arc::new);
    let regions: Vec<Arc<Graph>> = branches.iter().map(region).collect::<Result<_, _>>()?;
    let operands: Vec<Value> = operands.iter().map(|lane| lane.value()).collect();
    let results = cx.builder.push_all(op(regions), &[vec![index], operands].concat())?;
    Ok(lanes(results, &out_dims))
}

/// A branch for each member: `takes` says which members take each branch but the last.
fn chosen_by_each(cx: &mut Batch, takes: &[Value], branches: &[Arc<Graph>], operands: &[Lane]) -> Lanes {
    let Some((last, others)) = branches.split_last() else { return Ok(Vec::new()) };
    let rest = none_of(cx, takes)?;
    let mut results = branch(cx, last, rest, operands)?;
    for (other, &takes) in others.iter().zip(takes).rev() {
        let taken = branch(cx, other, takes, operands)?;
        for (result, taken) in results.iter_mut().zip(taken) {
            *result = where_each(cx, takes, taken, *result)?;
        }
    }
    Ok(results)
}

/// The members that no mask holds.
fn none_of(cx: &mut Batch, masks: &[Value]) -> Result<Value, BuildError> {
    let mut any = cx.builder.splat(Tensor::from(false), [cx.size]);
    for &mask in masks {
        any = cx.builder.binary(Binary::Or, any, mask)?;
    }
    cx.builder.unary(Unary::Not, any)
}

/// A branch's results, right for the members in `takes`.
fn branch(cx: &mut Batch, branch: &Graph, takes: Value, operands: &[Lane]) -> Lanes {
    if !needs_stand_ins(branch) {
        return walk::outputs(cx, branch, operands);
    }
    let operands = stand_ins(cx, takes, operands)?;
    let out_dims = vec![Some(0); branch.outputs().len()];
    let region = walk::region(cx, branch, &dims(&operands), &out_dims)?;
    let op = If { false_branch: Arc::new(zeros_like(&region)), true_branch: Arc::new(region) };
    let any = any(&mut cx.builder, takes)?;
    let operands: Vec<Value> = operands.iter().map(|lane| lane.value()).collect();
    cx.mapped(op, &[vec![any], operands].concat(), 0)
}

/// Whether members that do not take part run the code as one that does. They do not where members
/// exchange values, along whichever axis, as every member gives its own there: then its loops must end
/// for all of them.
fn needs_stand_ins(code: &Graph) -> bool {
    holds_a_loop(code) && !any_in(code, &exchanges)
}

/// Whether a run might not end, or end in an error: there is a loop, or an op of a user's own, whose
/// batching rule may loop.
fn holds_a_loop(graph: &Graph) -> bool {
    graph.nodes().any(|(_, node)| match &node.kind {
        NodeKind::Op(Op::Control(ControlOp::While(_)) | Op::Custom(_)) => true,
        NodeKind::Op(op) => op.regions().into_iter().any(holds_a_loop),
        NodeKind::Input | NodeKind::Constant(_) => false,
    })
}

/// A region on the same inputs that returns zeros of the same types.
fn zeros_like(region: &Graph) -> Graph {
    let mut builder = Builder::new(region.name());
    for (port, ty) in region.inputs().iter().zip(region.input_types()) {
        builder.input(region.node(port.value.node()).name.clone(), ty);
    }
    let outputs: Vec<Value> =
        region.output_types().into_iter().map(|ty| builder.full(0.0, ty.dtype, ty.shape)).collect();
    builder.finish(&outputs)
}

/// The operands, each member outside of `mask` with those of the first member in it.
fn stand_ins(cx: &mut Batch, mask: Value, operands: &[Lane]) -> Lanes {
    if cx.size == 0 {
        return Ok(operands.to_vec());
    }
    let own = cx.push(Iota { shape: vec![cx.size], dtype: DType::I32, dimension: 0 }, &[])?;
    let last = cx.builder.full((cx.size - 1) as f64, DType::I32, []);
    let lasts = cx.builder.full((cx.size - 1) as f64, DType::I32, [cx.size]);
    let candidates = cx.builder.select(mask, own, lasts)?;
    let first = cx.builder.reduce(candidates, last, vec![0], Binary::Minimum)?;
    let firsts = views::stretch(&mut cx.builder, first, &[cx.size], &[])?;
    let source = cx.builder.select(mask, own, firsts)?;
    let source = cx.builder.reshape(source, [cx.size, 1])?;
    operands.iter().map(|&lane| taken(cx, lane, source)).collect()
}

/// The operand with each member's slice taken from the member that `source` names.
fn taken(cx: &mut Batch, lane: Lane, source: Value) -> Result<Lane, BuildError> {
    let Mapped(..) = lane else { return Ok(lane) };
    let value = cx.at_front(lane)?;
    let mut slice_sizes = cx.ty(value).shape.clone();
    slice_sizes[0] = 1;
    let op = Gather {
        offset_dims: (1..slice_sizes.len()).collect(),
        collapsed_slice_dims: vec![0],
        operand_batching_dims: Vec::new(),
        start_indices_batching_dims: Vec::new(),
        start_index_map: vec![0],
        index_vector_dim: 1,
        slice_sizes,
        indices_are_sorted: false,
    };
    Ok(Mapped(cx.push(op, &[value, source])?, 0))
}

/// Each member's choice of two values by a mask.
fn where_each(cx: &mut Batch, mask: Value, on_true: Lane, on_false: Lane) -> Result<Lane, BuildError> {
    let (on_true, on_false) = (cx.at_front(on_true)?, cx.at_front(on_false)?);
    let shape = cx.ty(on_true).shape.clone();
    let mask = views::stretch(&mut cx.builder, mask, &shape, &[0])?;
    Ok(Mapped(cx.builder.select(mask, on_true, on_false)?, 0))
}

/// Whether the mask holds any member.
fn any(builder: &mut Builder, mask: Value) -> Result<Value, BuildError> {
    let none = builder.splat(Tensor::from(false), []);
    let body = Arc::new(Graph::reducer(Binary::Or, DType::I1)?);
    builder.push(Reduce { dimensions: vec![0], body }, &[mask, none])
}

fn while_loop(cx: &mut Batch, op: &While, lanes: &[Lane]) -> Lanes {
    let (mapped, by_each) = mapped_carried(cx, op, lanes)?;
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

/// Which carried values differ between running members once nothing changes any more, and whether each
/// member ends the loop for itself.
///
/// All running members have done as many rounds: what these change for all of them alike stays shared.
/// Only where members exchange values do those that have ended give what they ended with.
fn mapped_carried(cx: &Batch, op: &While, lanes: &[Lane]) -> Result<(Vec<bool>, bool), BuildError> {
    let ended_count = any_in(&op.cond, &exchanges) || any_in(&op.body, &exchanges);
    let mut mapped: Vec<bool> = lanes.iter().map(|lane| lane.dim().is_some()).collect();
    loop {
        let in_dims = at_dim(&mapped, 0);
        let by_each = walk::mapped_outputs(cx, &op.cond, &in_dims)?[0];
        let mut next = either(&mapped, &walk::mapped_outputs(cx, &op.body, &in_dims)?);
        if by_each && ended_count {
            next = next.iter().enumerate().map(|(at, &mapped)| mapped || !hands_on(&op.body, at)).collect();
        }
        if next == mapped {
            return Ok((mapped, by_each));
        }
        mapped = next;
    }
}

/// Whether a body returns the carried value of this number as it is.
fn hands_on(body: &Graph, at: usize) -> bool {
    body.outputs()[at].value == body.inputs()[at].value
}

/// A loop that carries, before all else, which members are running, and behind all else what members
/// have of the shared values that change ([`held`]): those at the round with which they ended.
fn ended_by_each(cx: &mut Batch, op: &While, carried: &[Lane]) -> Lanes {
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
    cx: &Batch,
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
fn held_input(cx: &mut Batch, carried: Lane) -> Lane {
    let mut ty = cx.ty(carried.value()).clone();
    ty.shape.insert(0, cx.size);
    let name = format!("{}.held", cx.builder.graph().node(carried.value().node()).name);
    Mapped(cx.builder.input(name, ty), 0)
}

/// Members lie behind the dimension that is walked along, so that slices of inputs that all share
/// stay shared; carried values have them first.
fn scan(cx: &mut Batch, op: &Scan, lanes: &[Lane]) -> Lanes {
    let Scan { dimension, is_reverse, inputs, body } = op;
    let outputs = body.outputs().len() - (lanes.len() - inputs);
    let (in_dims, out_dims) = scanned_dims(cx, op, lanes)?;
    let body = Arc::new(walk::region(cx, body, &in_dims, &out_dims)?);
    let mut operands = Vec::with_capacity(lanes.len());
    for (position, (&lane, dim)) in lanes.iter().zip(&in_dims).enumerate() {
        let behind = usize::from(position < *inputs);
        operands.push(dim.map_or(Ok(lane.value()), |dim| cx.at(lane, dim + behind))?);
    }
    let op = Scan { dimension: *dimension, is_reverse: *is_reverse, inputs: *inputs, body };
    let results = cx.builder.push_all(op, &operands)?;
    let behind = |(at, dim): (usize, &Option<usize>)| dim.map(|dim| dim + usize::from(at < outputs));
    Ok(self::lanes(results, &out_dims.iter().enumerate().map(behind).collect::<Vec<_>>()))
}

/// Where each of several values has the members, if it differs between them.
type MemberDims = Vec<Option<usize>>;

/// Where the body of a scan has the members in its inputs and outputs, once nothing changes any more.
fn scanned_dims(
    cx: &Batch,
    Scan { dimension, is_reverse: _, inputs, body }: &Scan,
    lanes: &[Lane],
) -> Result<(MemberDims, MemberDims), BuildError> {
    let (taken, carried) = lanes.split_at(*inputs);
    let outputs = body.outputs().len() - carried.len();
    let taken_dims: Vec<Option<usize>> = taken.iter().map(|lane| lane.dim().map(|_| *dimension)).collect();
    let mut mapped: Vec<bool> = carried.iter().map(|lane| lane.dim().is_some()).collect();
    loop {
        let in_dims = [taken_dims.clone(), at_dim(&mapped, 0)].concat();
        let out_mapped = walk::mapped_outputs(cx, body, &in_dims)?;
        let next = either(&mapped, &out_mapped[outputs..]);
        if next == mapped {
            let out_dims = [at_dim(&out_mapped[..outputs], *dimension), at_dim(&mapped, 0)].concat();
            return Ok((in_dims, out_dims));
        }
        mapped = next;
    }
}

fn map(cx: &mut Batch, Map { computation }: &Map, lanes: &[Lane]) -> Lanes {
    let (values, at) = cx.aligned(lanes)?;
    cx.mapped(Map { computation: computation.clone() }, &values, at)
}

fn optimization_barrier(cx: &mut Batch, lanes: &[Lane]) -> Lanes {
    let values: Vec<Value> = lanes.iter().map(|lane| lane.value()).collect();
    let results = cx.builder.push_all(ControlOp::OptimizationBarrier, &values)?;
    Ok(self::lanes(results, &dims(lanes)))
}

fn dims(lanes: &[Lane]) -> Vec<Option<usize>> {
    lanes.iter().map(|lane| lane.dim()).collect()
}

fn at_dim(mapped: &[bool], dim: usize) -> Vec<Option<usize>> {
    mapped.iter().map(|mapped| mapped.then_some(dim)).collect()
}

fn either(left: &[bool], right: &[bool]) -> Vec<bool> {
    left.iter().zip(right).map(|(left, right)| *left || *right).collect()
}

fn lanes(values: Vec<Value>, dims: &[Option<usize>]) -> Vec<Lane> {
    values
        .into_iter()
        .zip(dims)
        .map(|(value, dim)| dim.map_or(Shared(value), |dim| Mapped(value, dim)))
        .collect()
}
