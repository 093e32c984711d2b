//! How a graph runs: kernels in order, over buffers that were placed when the plan was made.
//!
//! | module | holds |
//! |---|---|
//! | `value` | where each value is found: what only says where elements lie makes none |
//! | `group` | which ops share a kernel |
//! | `build` | kernels and buffers of a graph |
//! | `members`, `copy` | the kernel of a group; kernels that copy |
//! | `arena` | where values lie in one block of memory |
//! | `control` | branches and loops, which run plans of their own |
//! | `host` | ops without a kernel |
//! | `run` | running a plan |
//! | `memory` | what a run takes |
//!
//! Must not live here: the loops themselves (`choral_kernels`).

mod arena;
mod build;
mod control;
mod copy;
mod group;
mod host;
mod members;
mod memory;
mod run;
mod value;

use choral_ir::{Tensor, TensorType};
use choral_kernels::Rows;
use choral_kernels::cpu::parallel;
use choral_kernels::cpu::product::Schedule;
use choral_kernels::cpu::rows::Program;

use crate::memory::Label;
use control::{Branch, Loop};
use host::{From, Host};
use run::Sessions;

/// The kernels of a graph, in order.
#[derive(Debug, Clone)]
pub struct Plan {
    steps: Vec<Step>,
    buffers: Vec<Buffer>,
    constants: Vec<Tensor>,
    outputs: Vec<Output>,
    inputs: usize,
    /// Bytes of the arena, and the most that is alive in it at once.
    arena: (usize, usize),
    /// Bytes of a thread's frame, and how many threads any kernel is worth.
    frame: (usize, usize),
    /// The last step that reads each buffer.
    last_reads: Vec<usize>,
    sessions: Sessions,
}

/// One kernel.
#[derive(Debug, Clone)]
struct Step {
    /// What its last result is called.
    label: Label,
    kernel: Kernel,
}

#[derive(Debug, Clone)]
enum Kernel {
    Rows(Box<Fused>),
    Products(Products),
    Branch(Box<Branch>),
    Loop(Box<Loop>),
    Host(Box<Host>),
}

/// A kernel of rows.
#[derive(Debug, Clone)]
struct Fused {
    program: Program,
    rows: Rows,
    /// Elements times steps.
    cost: usize,
}

/// Products of two buffers whose results make up a third.
#[derive(Debug, Clone)]
struct Products {
    schedules: Vec<Schedule>,
    lhs: usize,
    rhs: usize,
    out: usize,
}

/// A value that lies in memory.
#[derive(Debug, Clone)]
struct Buffer {
    ty: TensorType,
    home: Home,
}

/// Where a buffer lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    /// In the input of this number.
    Input(usize),
    /// In the constant of this number.
    Constant(usize),
    /// At this many bytes of the arena.
    Arena(usize),
    /// In the result of this number among those that kernels write.
    Output(usize),
    /// In a tensor that an op made.
    Held,
}

/// A result of the graph: a whole buffer.
#[derive(Debug, Clone)]
struct Output {
    label: Label,
    buffer: usize,
}

impl Kernel {
    /// Calls `visit` for every buffer that it reads or writes.
    fn buffers(&self, visit: &mut dyn FnMut(usize)) {
        match self {
            Kernel::Rows(fused) => fused.rows.buffers().for_each(visit),
            Kernel::Products(products) => {
                [products.lhs, products.rhs, products.out].into_iter().for_each(visit)
            }
            Kernel::Branch(branch) => {
                visit(branch.index);
                branch.operands.iter().chain(&branch.results).for_each(|&buffer| visit(buffer));
            }
            Kernel::Loop(looped) => {
                looped.inputs.iter().chain(&looped.outputs).for_each(|slice| visit(slice.buffer));
                looped.constants.iter().for_each(|&buffer| visit(buffer));
                looped.cond.iter().for_each(|cond| visit(cond.holds));
                for carried in &looped.carried {
                    visit(carried.result);
                    carried.spare.into_iter().for_each(&mut *visit);
                }
            }
            Kernel::Host(host) => {
                for operand in &host.operands {
                    if let From::Whole(buffer) | From::Part(buffer, _) = &operand.from {
                        visit(*buffer);
                    }
                }
                host.results.iter().for_each(|&buffer| visit(buffer));
            }
        }
    }

    /// How many of the available threads it is worth.
    fn threads(&self, available: usize) -> usize {
        match self {
            Kernel::Rows(fused) => parallel::threads(&fused.program, fused.cost, available),
            Kernel::Products(products) => {
                let each = products.schedules.iter();
                each.map(|schedule| parallel::product_threads(schedule, available)).max().unwrap_or(0)
            }
            Kernel::Branch(_) | Kernel::Loop(_) | Kernel::Host(_) => 0,
        }
    }

    /// Plans that it runs on pointers.
    fn plans(&self) -> Vec<&Plan> {
        match self {
            Kernel::Rows(_) | Kernel::Products(_) | Kernel::Host(_) => Vec::new(),
            Kernel::Branch(branch) => branch.plans.iter().collect(),
            Kernel::Loop(looped) => {
                let cond = looped.cond.iter().map(|cond| &cond.plan);
                [&looped.body].into_iter().chain(cond).collect()
            }
        }
    }

    /// Bytes of a frame.
    fn frame_bytes(&self) -> usize {
        match self {
            Kernel::Rows(fused) => fused.program.frame_bytes(),
            Kernel::Products(products) => products.schedules.iter().map(Schedule::scratch).max().unwrap_or(0),
            Kernel::Branch(_) | Kernel::Loop(_) | Kernel::Host(_) => 0,
        }
    }
}
