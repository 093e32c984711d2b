//! Loops: what each round does anew is done once, and what a loop makes for nobody is not made.
//!
//! Each value is made by the same ops on the same values, in another place. So all rows hold for every
//! element type, but for running sums of 16-bit floats: a scan that is one stays one, and none becomes one.
//!
//! A scan that carries nothing is a loop for the sake of memory, such as members in chunks: no work over all
//! steps goes before it.

use choral_ir::op::{ControlOp, Reshape, Scan, While};
use choral_ir::{BuildError, Builder, Graph, NodeKind, Op, TensorType, Value};

use super::{Found, Rewrite, Rule};
use crate::transform::rewrite::counted::counted;
use crate::transform::rewrite::input_like;
use crate::transform::rewrite::optimise::regions::{
    between, flow, frontier, handed_on, inputs, is_work, may_move, needed, outputs,
};
use crate::transform::rewrite::optimise::rewriter::{LoopSite, Rewriter, accumulates};
use crate::transform::rewrite::optimise::site::Kind;
use crate::transform::vmap::{Axis, VmapOptions, vmap_graph};

/// A table of rules that look at a loop and its body.
macro_rules! loops {
    ($($name:literal: $says:literal, $rule:expr;)*) => {
        &[$(Rewrite { name: $name, says: $says, rule: Rule::Loop($rule) }),*]
    };
}

pub(super) const TABLE: &[Rewrite] = loops! {
    "counted_loop": "a while that counts from a constant to a constant -> a scan",
        |rewriter, site| match While::of(site.op) {
            Some(op) => counted(&mut rewriter.builder, op, site.operands),
            None => Ok(None),
        };
    "unread_results": "a branch or loop some of whose results nobody reads -> one without them",
        unread_results;
    "carried_unchanged": "a value that a scan carries and never changes -> a constant of the scan",
        carried_unchanged;
    "scan_of_one_step": "a scan of one step -> its ops",
        scan_of_one_step;
    "invariant_of_scan": "work of a scan's body on its constants alone -> once, before the scan",
        invariant_of_scan;
    "invariant_of_while": "work of a loop's body on what it hands on alone -> once, before the loop",
        invariant_of_while;
    "products_over_all_steps": "products of what a scan walks along -> one over all steps, before the scan",
        products_over_all_steps;
};

/// The most bytes of what is worked out over all steps, for each byte that the scan takes and gives.
const GROWTH: usize = 16;

/// The scan that is the op.
fn scan<'a>(site: &LoopSite<'a>) -> Option<&'a Scan> {
    Scan::of(site.op)
}

/// The scan with another body and operands, unless it folds in another way. What the body does not read is
/// not handed to it.
fn rebuilt(rewriter: &mut Rewriter<'_>, site: &LoopSite<'_>, after: Scan, operands: &[Value]) -> Found {
    let types = |values: &[Value]| -> Vec<TensorType> {
        values.iter().map(|&value| rewriter.ty(value).clone()).collect()
    };
    let results = outputs(&after.body);
    let mut keep = inputs_for(&after.body, &results);
    keep[after.inputs..after.inputs + after.carried].fill(true);
    let body = between(&after.body, &kept(&inputs(&after.body), &keep), &results)?;
    let walked = count(&keep[..after.inputs]);
    let walks = walked + after.outputs() > 0;
    let dimension = if walks { after.dimension } else { 0 };
    let after = Op::from(Scan { dimension, inputs: walked, body: body.into(), ..after });
    let operands = kept(operands, &keep);
    let alike = accumulates(site.op, &types(site.operands)) == accumulates(&after, &types(&operands));
    if alike { rewriter.push(after, &operands).map(Some) } else { Ok(None) }
}

/// How many of a list hold.
fn count(list: &[bool]) -> usize {
    list.iter().filter(|&&holds| holds).count()
}

fn unread_results(rewriter: &mut Rewriter<'_>, site: &LoopSite<'_>) -> Found {
    match site.op {
        Op::Control(ControlOp::If(_) | ControlOp::Case(_)) => unread_of_branches(rewriter, site),
        Op::Control(ControlOp::While(op)) => unread_of_while(rewriter, site, op),
        Op::Control(ControlOp::Scan(op)) => unread_of_scan(rewriter, site, op),
        Op::Control(ControlOp::Map(_) | ControlOp::OptimizationBarrier)
        | Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Dot(_)
        | Op::Convolution(_)
        | Op::Reduce(_)
        | Op::Window(_)
        | Op::Index(_)
        | Op::Sort(_)
        | Op::Linalg(_)
        | Op::Random(_)
        | Op::Collective(_)
        | Op::Custom(_) => Ok(None),
    }
}

/// The entries of a list that are kept.
fn kept<T: Copy>(list: &[T], keep: &[bool]) -> Vec<T> {
    list.iter().zip(keep).filter(|&(_, &keep)| keep).map(|(&entry, _)| entry).collect()
}

/// A value for every result: those that were made where they are kept, and any where nobody reads.
fn spread(keep: &[bool], made: &[Value], any: Value) -> Vec<Value> {
    let mut made = made.iter();
    keep.iter().map(|&keep| if keep { made.next().copied().unwrap_or(any) } else { any }).collect()
}

fn unread_of_branches(rewriter: &mut Rewriter<'_>, site: &LoopSite<'_>) -> Found {
    let read = &site.read;
    if read.iter().all(|&is_read| is_read) {
        return Ok(None);
    }
    let op = site.op.map_regions(|region| between(region, &inputs(region), &kept(&outputs(region), read)))?;
    let made = rewriter.push(op, site.operands)?;
    Ok(Some(spread(read, &made, site.operands[0])))
}

/// Adds the values that a loop carries for the sake of those that are kept, until there are no more;
/// `needs` says which inputs of the body these numbers of carried values need.
fn carried_for(mut keep: Vec<bool>, needs: impl Fn(&[bool]) -> Vec<bool>) -> Vec<bool> {
    loop {
        let needed = needs(&keep);
        let more: Vec<bool> = keep.iter().zip(needed).map(|(&keep, needed)| keep || needed).collect();
        if more == keep {
            return keep;
        }
        keep = more;
    }
}

/// Which inputs of a graph these of its values need.
fn inputs_for(graph: &Graph, values: &[Value]) -> Vec<bool> {
    let needed = needed(graph, values);
    inputs(graph).iter().map(|input| needed[input.node().index()]).collect()
}

fn unread_of_while(rewriter: &mut Rewriter<'_>, site: &LoopSite<'_>, op: &While) -> Found {
    let decides = inputs_for(&op.cond, &outputs(&op.cond));
    if site.read.is_empty() {
        return Ok(None);
    }
    let first = site.read.iter().zip(decides).map(|(&read, decides)| read || decides).collect();
    let keep = carried_for(first, |keep| inputs_for(&op.body, &kept(&outputs(&op.body), keep)));
    if keep.iter().all(|&keep| keep) {
        return Ok(None);
    }
    let of = |graph: &Graph, outputs: &[Value]| between(graph, &kept(&inputs(graph), &keep), outputs);
    let body = of(&op.body, &kept(&outputs(&op.body), &keep))?.into();
    let cond = of(&op.cond, &outputs(&op.cond))?.into();
    let made = rewriter.push(While { cond, body }, &kept(site.operands, &keep))?;
    Ok(Some(spread(&keep, &made, site.operands[0])))
}

fn unread_of_scan(rewriter: &mut Rewriter<'_>, site: &LoopSite<'_>, op: &Scan) -> Found {
    if site.read.is_empty() {
        return Ok(None);
    }
    let (stacked, carried) = site.read.split_at(op.outputs());
    let (body_inputs, body_outputs) = (inputs(&op.body), outputs(&op.body));
    let results = |carried: &[bool]| kept(&body_outputs, &[stacked, carried].concat());
    let is_carried = op.inputs..op.inputs + op.carried;
    let carried = carried_for(carried.to_vec(), |carried| {
        inputs_for(&op.body, &results(carried))[is_carried.clone()].to_vec()
    });
    let keep = [stacked, &carried].concat();
    let mut given = inputs_for(&op.body, &results(&carried));
    given[is_carried].copy_from_slice(&carried);
    let walked = count(&given[..op.inputs]);
    if walked == op.inputs && keep.iter().all(|&keep| keep) {
        return Ok(None);
    }
    let body = between(&op.body, &kept(&body_inputs, &given), &results(&carried))?;
    let after = Scan { inputs: walked, carried: count(&carried), body: body.into(), ..op.clone() };
    let made = rebuilt(rewriter, site, after, &kept(site.operands, &given))?;
    Ok(made.map(|made| spread(&keep, &made, made[0])))
}

fn carried_unchanged(rewriter: &mut Rewriter<'_>, site: &LoopSite<'_>) -> Found {
    let Some(op) = scan(site) else { return Ok(None) };
    let (body_inputs, body_outputs) = (inputs(&op.body), outputs(&op.body));
    let changes = |at: usize| body_inputs[op.inputs + at] != body_outputs[op.outputs() + at];
    let changed: Vec<bool> = (0..op.carried).map(changes).collect();
    if changed.iter().all(|&changed| changed) {
        return Ok(None);
    }
    let unchanged: Vec<bool> = changed.iter().map(|changed| !changed).collect();
    let in_order = |values: &[Value]| {
        let (walked, rest) = values.split_at(op.inputs);
        let (carried, constants) = rest.split_at(op.carried);
        [walked, &kept(carried, &changed), constants, &kept(carried, &unchanged)].concat()
    };
    let (stacked, carried) = body_outputs.split_at(op.outputs());
    let body = between(&op.body, &in_order(&body_inputs), &[stacked, &kept(carried, &changed)].concat())?;
    let after = Scan { carried: count(&changed), body: body.into(), ..op.clone() };
    let Some(made) = rebuilt(rewriter, site, after, &in_order(site.operands))? else { return Ok(None) };
    let (stacked, mut last) = (&made[..op.outputs()], made[op.outputs()..].iter().copied());
    let carried = changed.iter().zip(&site.operands[op.inputs..]);
    let carried =
        carried.map(|(&changed, &first)| if changed { last.next().unwrap_or(first) } else { first });
    Ok(Some(stacked.iter().copied().chain(carried).collect()))
}

fn scan_of_one_step(rewriter: &mut Rewriter<'_>, site: &LoopSite<'_>) -> Found {
    let Some(op) = scan(site).filter(|op| op.length == 1 && site.op.accumulating().is_none()) else {
        return Ok(None);
    };
    let mut given = site.operands.to_vec();
    for value in &mut given[..op.inputs] {
        let shape = op.slice(rewriter.ty(*value)).shape;
        *value = rewriter.push(Reshape { shape }, &[*value])?[0];
    }
    let mut results = rewriter.inline(&op.body, &given)?;
    for value in &mut results[..op.outputs()] {
        let shape = op.stack(rewriter.ty(*value)).shape;
        *value = rewriter.push(Reshape { shape }, &[*value])?[0];
    }
    Ok(Some(results))
}

/// Which nodes of a body do work on nothing but inputs that are the same in each round, with what they need.
fn invariant(body: &Graph, is_fixed: impl Fn(usize) -> bool) -> Vec<bool> {
    let fixed = flow(body, is_fixed, |node, operands| may_move(node) && operands.iter().all(|&fixed| fixed));
    let works = |(at, (_, node)): (usize, (_, &choral_ir::graph::Node))| fixed[at] && is_work(node);
    body.nodes().enumerate().map(works).collect()
}

fn invariant_of_scan(rewriter: &mut Rewriter<'_>, site: &LoopSite<'_>) -> Found {
    let Some(op) = scan(site).filter(|op| op.length > 1) else { return Ok(None) };
    let own = op.inputs + op.carried;
    let made = frontier(&op.body, &invariant(&op.body, |at| at >= own));
    if made.is_empty() {
        return Ok(None);
    }
    let body_inputs = inputs(&op.body);
    let before = between(&op.body, &body_inputs[own..], &made)?;
    let body = between(&op.body, &[body_inputs.as_slice(), &made].concat(), &outputs(&op.body))?;
    let after = Scan { body: body.into(), ..op.clone() };
    let given = rewriter.inline(&before, &site.operands[own..])?;
    rebuilt(rewriter, site, after, &[site.operands, &given].concat())
}

fn invariant_of_while(rewriter: &mut Rewriter<'_>, site: &LoopSite<'_>) -> Found {
    let Some(op) = While::of(site.op) else { return Ok(None) };
    let is_fixed = |at: usize| handed_on(&op.body, at);
    let made = frontier(&op.body, &invariant(&op.body, is_fixed));
    if made.is_empty() {
        return Ok(None);
    }
    let (body_inputs, body_outputs) = (inputs(&op.body), outputs(&op.body));
    let fixed: Vec<bool> = (0..body_inputs.len()).map(is_fixed).collect();
    let before = between(&op.body, &kept(&body_inputs, &fixed), &made)?;
    let given = rewriter.inline(&before, &kept(site.operands, &fixed))?;
    let body = between(
        &op.body,
        &[body_inputs.as_slice(), &made].concat(),
        &[body_outputs.as_slice(), &made].concat(),
    )?;
    let cond = with_more(&op.cond, &op.body, &made)?;
    let operands = [site.operands, &given].concat();
    let results = rewriter.push(While { cond: cond.into(), body: body.into() }, &operands)?;
    Ok(Some(results[..site.operands.len()].to_vec()))
}

/// A condition that takes more values and does not read them: those of the body.
fn with_more(cond: &Graph, body: &Graph, more: &[Value]) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(cond.name());
    let own: Vec<Value> = inputs(cond).iter().map(|&value| input_like(&mut builder, cond, value)).collect();
    more.iter().for_each(|&value| {
        input_like(&mut builder, body, value);
    });
    let outputs = builder.inline(cond, &own)?;
    Ok(builder.finish(&outputs))
}

/// What a value of a body depends on besides what is the same in each round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Fixed,
    Walked,
    Carried,
}

fn products_over_all_steps(rewriter: &mut Rewriter<'_>, site: &LoopSite<'_>) -> Found {
    let Some(op) = scan(site).filter(|op| op.length > 1 && op.carried > 0) else { return Ok(None) };
    let own = op.inputs + op.carried;
    let of_input = |at: usize| match (at < op.inputs, at < own) {
        (true, _) => Source::Walked,
        (false, true) => Source::Carried,
        (false, false) => Source::Fixed,
    };
    let sources = flow(&op.body, of_input, |node, operands| {
        let most = operands.iter().copied().max().unwrap_or(Source::Fixed);
        if may_move(node) { most } else { Source::Carried }
    });
    let made = over_all_steps(op, &sources);
    let bytes = |values: &[Value]| values.iter().map(|&value| rewriter.ty(value).bytes()).sum::<usize>();
    let outputs_of = op.body.output_types();
    let results: usize = outputs_of[..op.outputs()].iter().map(|slice| op.stack(slice).bytes()).sum();
    let held = bytes(site.operands).saturating_add(results);
    let stacked: usize = made.iter().map(|&value| op.stack(op.body.ty(value)).bytes()).sum();
    let fits = |value: &Value| {
        op.body.ty(*value).rank() >= op.dimension && sources[value.node().index()] == Source::Walked
    };
    if made.is_empty() || !made.iter().all(fits) || stacked > GROWTH.saturating_mul(held) {
        return Ok(None);
    }
    let body_inputs = inputs(&op.body);
    let outside = |values: &[Value]| [&values[..op.inputs], &values[own..]].concat();
    let step = between(&op.body, &outside(&body_inputs), &made)?;
    let mut in_dims = vec![Some(op.dimension); op.inputs];
    in_dims.resize(step.inputs().len(), None);
    let out_dims = vec![Some(op.dimension as i64); made.len()];
    let options = VmapOptions::new(Axis::new("steps", op.length), in_dims, out_dims);
    let Ok(all) = vmap_graph(&step, &options) else { return Ok(None) };
    let given = rewriter.inline(&all, &outside(site.operands))?;
    let walk = |values: &[Value], more: &[Value]| [&values[..op.inputs], more, &values[op.inputs..]].concat();
    let body = between(&op.body, &walk(&body_inputs, &made), &outputs(&op.body))?;
    let after = Scan { inputs: op.inputs + made.len(), body: body.into(), ..op.clone() };
    rebuilt(rewriter, site, after, &walk(site.operands, &given))
}

/// The values that the body reads of its products on what is walked along, and of what those need.
fn over_all_steps(op: &Scan, sources: &[Source]) -> Vec<Value> {
    let is_product =
        |node: &choral_ir::graph::Node| matches!(node.kind, NodeKind::Op(Op::Dot(_) | Op::Convolution(_)));
    let products =
        op.body.nodes().filter(|(id, node)| sources[id.index()] == Source::Walked && is_product(node));
    let products: Vec<Value> = products.map(|(id, _)| id.result(0)).collect();
    let needed = needed(&op.body, &products);
    let goes: Vec<bool> = op.body.nodes().map(|(id, node)| needed[id.index()] && is_work(node)).collect();
    frontier(&op.body, &goes)
}
