//! What the results of a graph depend on: which of its inputs, and whether the members themselves.
//!
//! A property of the graph alone, so no pass has to build a region to learn which of its results
//! differ between members: [`of_outputs`] visits every region once, whatever is mapped later. Must not
//! live here: what is built where a value differs ([`crate::transform::rules`]).
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use std::convert::Infallible;
use std::sync::Arc;

use choral_ir::op::{Case, CollectiveOp, ControlOp, If, Map, Randomness, Scan, While};
use choral_ir::{Graph, NodeKind, Op, interpret};
use fixedbitset::FixedBitSet;

use crate::transform::between::{any_in, exchanges};

/// Where a value's differences between members come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sources {
    /// The inputs, by number, that the value depends on.
    inputs: FixedBitSet,
    /// Whether it differs on its own, as a member number does.
    is_own: bool,
}

impl Sources {
    /// A value that is the same for all members, in a graph with this many inputs.
    fn none(inputs: usize) -> Sources {
        Sources { inputs: FixedBitSet::with_capacity(inputs), is_own: false }
    }

    fn own(inputs: usize) -> Sources {
        Sources { is_own: true, ..Sources::none(inputs) }
    }

    /// The input of this number.
    fn input(at: usize, inputs: usize) -> Sources {
        let mut sources = Sources::none(inputs);
        sources.inputs.insert(at);
        sources
    }

    fn add(&mut self, other: &Sources) {
        self.inputs.union_with(&other.inputs);
        self.is_own |= other.is_own;
    }

    fn all<'s>(inputs: usize, sources: impl IntoIterator<Item = &'s Sources>) -> Sources {
        sources.into_iter().fold(Sources::none(inputs), |mut all, sources| {
            all.add(sources);
            all
        })
    }

    /// The same for who gives a region's inputs: each of them has these sources.
    fn through(&self, inputs: usize, given: &[Sources]) -> Sources {
        let mut outer = Sources::all(inputs, self.inputs.ones().map(|at| &given[at]));
        outer.is_own |= self.is_own;
        outer
    }

    /// Whether the value differs between members, if these inputs do.
    pub(crate) fn is_mapped(&self, inputs: &[bool]) -> bool {
        self.is_own || self.inputs.ones().any(|at| inputs[at])
    }
}

/// What each output depends on, between members along this axis.
pub(crate) fn of_outputs(graph: &Graph, axis: &Arc<str>) -> Vec<Sources> {
    let count = graph.inputs().len();
    let inputs = (0..count).map(|at| Sources::input(at, count));
    let outputs = interpret(graph, inputs, |_, node, operands| {
        Ok::<_, Infallible>(match &node.kind {
            NodeKind::Op(op) => of_results(op, axis, count, &operands, node.types.len()),
            NodeKind::Input | NodeKind::Constant(_) => vec![Sources::none(count)],
        })
    });
    match outputs {
        Ok(outputs) => outputs,
        Err(never) => match never {},
    }
}

/// What each result of an op depends on, in a graph of `count` inputs.
fn of_results(op: &Op, axis: &Arc<str>, count: usize, operands: &[Sources], results: usize) -> Vec<Sources> {
    match op {
        Op::Control(op) => of_control(op, axis, count, operands),
        Op::Collective(op) => vec![of_collective(op, axis, count, operands)],
        Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Dot(_)
        | Op::Convolution(_)
        | Op::Reduce(_)
        | Op::Window(_)
        | Op::Index(_)
        | Op::Sort(_)
        | Op::Linalg(_)
        | Op::Random(_)
        | Op::Custom(_) => vec![Sources::all(count, operands); results],
    }
}

/// A collective along the axis: its result is the same for all members.
fn of_collective(op: &CollectiveOp, axis: &Arc<str>, count: usize, operands: &[Sources]) -> Sources {
    let is_bound = op.axes().contains(axis);
    match op {
        CollectiveOp::AllReduce(_) | CollectiveOp::AllGather(_) if is_bound => Sources::none(count),
        CollectiveOp::AxisIndex(_) | CollectiveOp::Permute(_) | CollectiveOp::AllToAll(_) if is_bound => {
            Sources::own(count)
        }
        CollectiveOp::MemberKey(op)
            if is_bound && op.level == 0 && op.randomness == Randomness::Different =>
        {
            Sources::own(count)
        }
        CollectiveOp::AllReduce(_)
        | CollectiveOp::AllGather(_)
        | CollectiveOp::AxisIndex(_)
        | CollectiveOp::Permute(_)
        | CollectiveOp::AllToAll(_)
        | CollectiveOp::MemberKey(_) => Sources::all(count, operands),
    }
}

fn of_control(op: &ControlOp, axis: &Arc<str>, count: usize, operands: &[Sources]) -> Vec<Sources> {
    let outer = |sources: &Sources| sources.through(count, operands);
    match op {
        ControlOp::If(If { true_branch, false_branch }) => {
            of_branches(&[true_branch, false_branch], axis, count, operands)
        }
        ControlOp::Case(Case { branches }) => {
            of_branches(&branches.iter().collect::<Vec<_>>(), axis, count, operands)
        }
        ControlOp::While(op) => of_while(op, axis).results().iter().map(outer).collect(),
        ControlOp::Scan(op) => of_scan(op, axis, operands.len()).results.iter().map(outer).collect(),
        ControlOp::Map(Map { computation: _ }) => vec![Sources::all(count, operands)],
        ControlOp::OptimizationBarrier => operands.to_vec(),
    }
}

/// What each branch returns, and which one is taken.
fn of_branches(
    branches: &[&Arc<Graph>],
    axis: &Arc<str>,
    count: usize,
    operands: &[Sources],
) -> Vec<Sources> {
    let (index, given) = (&operands[0], &operands[1..]);
    // With one branch there is no choice.
    let decides = if branches.len() == 1 { Sources::none(count) } else { index.clone() };
    let mut results: Vec<Sources> = vec![decides; branches[0].outputs().len()];
    for branch in branches {
        for (result, output) in results.iter_mut().zip(of_outputs(branch, axis)) {
            result.add(&output.through(count, given));
        }
    }
    results
}

/// What a `while` carries, and how long it runs, by the op's operands.
pub(crate) struct Carried {
    /// Of each carried value among members that are still running.
    pub(crate) running: Vec<Sources>,
    /// Of the number of rounds.
    pub(crate) rounds: Sources,
    /// Which carried values the body returns unchanged.
    handed_on: Vec<bool>,
}

impl Carried {
    /// What changes in a round differs between members that end at different times.
    fn results(&self) -> Vec<Sources> {
        let result = |(running, &handed_on): (&Sources, &bool)| {
            let mut result = running.clone();
            if !handed_on {
                result.add(&self.rounds);
            }
            result
        };
        self.running.iter().zip(&self.handed_on).map(result).collect()
    }
}

/// The sources of what a loop carries, at the fixed point.
///
/// All running members have run the same number of rounds: what changes alike for all of them stays shared.
/// Only collectives read the values of members that have ended.
pub(crate) fn of_while(op: &While, axis: &Arc<str>) -> Carried {
    let count = op.body.inputs().len();
    let (body, cond) = (of_outputs(&op.body, axis), &of_outputs(&op.cond, axis)[0]);
    let handed_on: Vec<bool> = (0..count).map(|at| hands_on(&op.body, at)).collect();
    let ended_count = any_in(&op.cond, &exchanges) || any_in(&op.body, &exchanges);
    let mut running: Vec<Sources> = (0..count).map(|at| Sources::input(at, count)).collect();
    loop {
        let before = running.clone();
        let rounds = cond.through(count, &before);
        for (at, sources) in running.iter_mut().enumerate() {
            sources.add(&body[at].through(count, &before));
            if ended_count && !handed_on[at] {
                sources.add(&rounds);
            }
        }
        if running == before {
            return Carried { running, rounds, handed_on };
        }
    }
}

/// Whether a body returns the carried value of this number unchanged.
pub(crate) fn hands_on(body: &Graph, at: usize) -> bool {
    body.outputs()[at].value == body.inputs()[at].value
}

/// What a `scan` carries and returns, by the op's operands.
pub(crate) struct Scanned {
    /// Of each carried value.
    pub(crate) carried: Vec<Sources>,
    /// Of each result: the outputs, then the carried values.
    pub(crate) results: Vec<Sources>,
}

/// The sources of what a scan carries, at the fixed point, and of its results.
pub(crate) fn of_scan(op: &Scan, axis: &Arc<str>, operands: usize) -> Scanned {
    let body = of_outputs(&op.body, axis);
    let (outputs, carried) = (op.outputs(), op.inputs..op.inputs + op.carried);
    let mut given: Vec<Sources> = (0..operands).map(|at| Sources::input(at, operands)).collect();
    loop {
        let before = given.clone();
        for (sources, next) in given[carried.clone()].iter_mut().zip(&body[outputs..]) {
            sources.add(&next.through(operands, &before));
        }
        if given == before {
            let results = body.iter().map(|output| output.through(operands, &given)).collect();
            return Scanned { carried: given[carried].to_vec(), results };
        }
    }
}
