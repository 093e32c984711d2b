//! What steps take, about: by a whole launch at a time, and by blocks that run all of them.
//!
//! Figures are those of a large GPU of compute capability 9.0, rounded; only which is less matters. Must not live here:
//! anything that results depend on.

use choral_kernels::Kernel;
use choral_kernels::strips::Use;

use super::Limits;
use crate::library_product::{Matmul, WORTH};
use crate::program::{Branch, Loop, Program, Rounds, Step, Task};

/// From a launch of a graph to the next, in nanoseconds.
const LAUNCH: f64 = 2500.0;

/// Until all blocks of a launch have waited for each other, and have begun to read again.
const BARRIER: f64 = 2000.0;

/// Until the threads of a block have, and what they read first is there.
const TURN: f64 = 500.0;

/// What a unit of a kernel's cost takes a multiprocessor.
const UNIT: f64 = 0.1;

/// Bytes that a multiprocessor reads in a nanosecond from memory that others read, too.
const BYTES: f64 = 20.0;

/// Blocks that a multiprocessor runs at once: while some wait, others go on.
const AT_ONCE: usize = 4;

/// How many times as fast as kernels cuBLASLt makes a product, on tensor cores.
const TENSOR_CORES: f64 = 8.0;

/// Rounds of a loop of which nobody knows.
const ROUNDS: f64 = 16.0;

/// What it takes to begin a step: a launch, or a step of one.
pub(super) fn start(is_launch: bool) -> f64 {
    if is_launch { LAUNCH } else { BARRIER }
}

/// A kernel of a part, on a multiprocessor that runs so many parts.
pub(super) fn in_parts(cost: usize, uses: &[Use], parts: usize) -> f64 {
    let bytes = |used: &Use| {
        let moving = used.dims.iter().filter(|&&(size, bytes)| size > 0 && bytes != 0);
        moving.fold(used.bytes as f64, |all, &(size, _)| all * size as f64)
    };
    let work = (cost as f64 * UNIT).max(uses.iter().map(bytes).sum::<f64>() / BYTES);
    TURN * parts.div_ceil(AT_ONCE) as f64 + work * parts as f64
}

/// A step by a launch of its own, or within one that others run in, too.
pub(super) fn by_all(step: &Step, limits: Limits, is_launch: bool) -> f64 {
    let start = start(is_launch);
    match &step.task {
        Task::Kernel(kernel) => {
            let is_the_librarys = limits.has_library
                && is_launch
                && Matmul::of_kernel(kernel).is_some_and(|matmul| matmul.multiply_adds() >= WORTH);
            let speed = if is_the_librarys { TENSOR_CORES } else { 1.0 };
            start + work(kernel) / limits.multiprocessors as f64 / speed
        }
        Task::Loop(looped) => start + through(looped, &mut |step| by_all(step, limits, false)),
        Task::Branch(branch) => start + one_of(branch, &mut |step| by_all(step, limits, false)),
        Task::Parts(_) => start,
    }
}

/// A step by one block.
pub(super) fn by_one(step: &Step) -> f64 {
    match &step.task {
        Task::Kernel(kernel) => TURN + work(kernel),
        Task::Loop(looped) => through(looped, &mut by_one),
        Task::Branch(branch) => TURN + one_of(branch, &mut by_one),
        Task::Parts(_) => TURN,
    }
}

fn work(kernel: &Kernel) -> f64 {
    kernel.cost() as f64 * UNIT
}

fn all(program: &Program, of: &mut impl FnMut(&Step) -> f64) -> f64 {
    program.steps.iter().map(of).sum()
}

fn through(looped: &Loop, of: &mut impl FnMut(&Step) -> f64) -> f64 {
    match &looped.rounds {
        Rounds::Counted(length) => *length as f64 * all(&looped.body, of),
        Rounds::While(condition) => ROUNDS * (all(&condition.program, of) + all(&looped.body, of)),
    }
}

fn one_of(branch: &Branch, of: &mut impl FnMut(&Step) -> f64) -> f64 {
    branch.programs.iter().map(|(program, _, _)| all(program, of)).fold(0.0, f64::max)
}
