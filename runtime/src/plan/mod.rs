//! How a graph runs: kernels in order, over buffers that were placed when the plan was made.
//!
//! | module | holds |
//! |---|---|
//! | `value` | where each value is found: what only says where elements lie makes none |
//! | `group`, `order` | which ops share a kernel, and which kernels come first |
//! | `build` | kernels and buffers of a graph |
//! | `members`, `copy` | the kernel of a group; kernels that copy |
//! | `single`, `epilogue` | the kernel of an op by itself; what products do to their sums |
//! | `packs` | operands of products that are packed ahead |
//! | `in_place` | values that are made where others lie |
//! | `control`, `strips` | branches and loops, which run plans of their own; loops whose members run them on threads of their own |
//! | `host` | ops without a kernel |
//! | `run`, `state`, `rounds`, `results` | running a plan: the memory of runs, the steps, and where results go |
//! | `memory` | what a run takes |
//! | `device` | a plan for a device of its own: what `choral_cuda` makes source of |
//! | `show` | a plan as text |
//!
//! Must not live here: the loops themselves (`choral_kernels`).

mod build;
mod control;
mod copy;
mod device;
mod epilogue;
mod group;
mod host;
mod in_place;
mod members;
mod memory;
mod order;
mod packs;
mod results;
mod rounds;
mod run;
mod show;
mod single;
mod state;
mod strips;
mod value;

use choral_ir::{Op, Tensor, TensorType};
use choral_kernels::cpu::pool::Pool;
use choral_kernels::cpu::rows::NoLoop;
use choral_kernels::cpu::{Program, parallel};
use choral_kernels::kernel::Repeat;
use choral_kernels::product::Operand;
use choral_kernels::{Kernel, Product};

use crate::memory::Label;
use crate::setting::Setting;
use control::{Branch, Loop, Port};
pub(crate) use device::DevicePlan;
use host::{From, Host};
pub(crate) use run::Workspace;
use run::Workspaces;
use strips::Strips;

/// The kernels of a graph, in order.
#[derive(Debug, Clone)]
pub struct Plan {
    steps: Vec<Step>,
    buffers: Vec<Buffer>,
    constants: Vec<Tensor>,
    outputs: Vec<Output>,
    /// The buffers of inputs: of a body, those of the graph's first.
    inputs: Vec<usize>,
    /// Operands of products that are packed ahead, once for as long as they stay the same.
    packs: Vec<KeptPack>,
    /// Of a body, operands that whoever runs it packs before.
    asked: Vec<AskedPack>,
    /// Bytes of the arena, and the most that is alive in it at once.
    arena: (usize, usize),
    /// Bytes of a thread's frame, and how many threads any kernel is worth.
    frame: (usize, usize),
    /// The last step that reads each buffer.
    last_reads: Vec<usize>,
    /// Results that are written where donated inputs lie: the buffer, and the number of the input.
    donors: Vec<(usize, usize)>,
    /// The threads that run it.
    pool: Pool,
    /// Of the body of a loop, how it runs in strips.
    strips: Option<Strips>,
    workspaces: Workspaces,
}

/// What runs at once.
#[derive(Debug, Clone)]
struct Step {
    /// What its last result is called.
    label: Label,
    task: Task,
}

#[derive(Debug, Clone)]
enum Task {
    Kernel(Box<Runnable>),
    Branch(Box<Branch>),
    Loop(Box<Loop>),
    Host(Box<Host>),
}

/// A kernel, and how it runs.
#[derive(Debug, Clone)]
struct Runnable {
    kernel: Kernel,
    /// The loops of this processor; none in the plan of another device.
    program: Option<Program>,
}

/// A value that lies in memory.
#[derive(Debug, Clone)]
struct Buffer {
    /// What the value is called; of what is none of the graph's, what it is for.
    name: String,
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
    /// In a result that kernels write; of a body, in the buffers around it.
    Output,
    /// In a tensor that an op made.
    Held,
    /// In the packed operand of this number.
    Packed(usize),
}

/// An operand that is packed and kept.
#[derive(Debug, Clone)]
struct KeptPack {
    /// The input or the constant.
    home: Home,
    runnable: Runnable,
    buffer: usize,
    bytes: usize,
}

/// An operand that a body wants packed.
#[derive(Debug, Clone)]
struct AskedPack {
    product: Product,
    operand: Operand,
    /// The number of the input that it is.
    input: usize,
    strips: Repeat,
}

/// A result of the graph: a whole buffer.
#[derive(Debug, Clone)]
struct Output {
    label: Label,
    buffer: usize,
}

impl Plan {
    /// Bytes of the memory that intermediate values lie in.
    pub fn arena_bytes(&self) -> usize {
        self.arena.0
    }

    /// The most bytes of intermediate values that are alive at once: no arena is smaller.
    pub fn alive_bytes(&self) -> usize {
        self.arena.1
    }

    /// The ops that run by their definitions, in bodies, too: user-defined ones, and the few that no kernel runs.
    ///
    /// ```
    /// use choral_ir::{Builder, DType, TensorType, op::Binary};
    /// use choral_runtime::{Device, Executable};
    /// let mut builder = Builder::new("main");
    /// let x = builder.input("x", TensorType::new([2], DType::F32));
    /// let sum = builder.binary(Binary::Add, x, x)?;
    /// let executable = Executable::compile(&builder.finish(&[sum]), Device::Cpu)?;
    /// assert!(executable.plan().expect("the processor runs plans").host_ops().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn host_ops(&self) -> Vec<&Op> {
        let own = self.hosts().map(|host| &host.op);
        let bodies = self.hosts().flat_map(|host| &host.bodies);
        let inside = self.steps.iter().flat_map(|step| step.task.plans()).chain(bodies);
        own.chain(inside.flat_map(Plan::host_ops)).collect()
    }
}

impl Runnable {
    /// A kernel that can run.
    ///
    /// # Errors
    /// If no loop runs it on its types.
    fn of(kernel: Kernel, setting: &Setting) -> Result<Runnable, NoLoop> {
        let program = setting.program(&kernel)?;
        Ok(Runnable { kernel, program })
    }
}

impl Task {
    /// The kernel that it is.
    fn kernel(&self) -> Option<&Runnable> {
        match self {
            Task::Kernel(runnable) => Some(runnable),
            Task::Branch(_) | Task::Loop(_) | Task::Host(_) => None,
        }
    }

    /// Calls `visit` for every buffer that it reads or writes.
    fn buffers(&self, visit: &mut dyn FnMut(usize)) {
        match self {
            Task::Kernel(runnable) => runnable.kernel.buffers().into_iter().for_each(visit),
            Task::Branch(branch) => {
                visit(branch.index);
                branch.operands.iter().chain(&branch.results).for_each(|&buffer| visit(buffer));
                visit(branch.room);
            }
            Task::Loop(looped) => {
                for port in looped.inputs.iter().chain(&looped.outputs) {
                    match *port {
                        Port::Slice { buffer, .. } | Port::Constant(buffer) => visit(buffer),
                        Port::Carried(carried) => {
                            looped.carried[carried].buffers().into_iter().for_each(&mut *visit)
                        }
                    }
                }
                looped.cond.iter().for_each(|cond| visit(cond.holds));
                visit(looped.room);
            }
            Task::Host(host) => {
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
            Task::Kernel(runnable) => {
                runnable.program.as_ref().map_or(1, |program| parallel::threads(program, available))
            }
            Task::Loop(looped) if looped.strips().is_some() => looped.seats(available),
            Task::Branch(_) | Task::Loop(_) | Task::Host(_) => {
                self.plans().into_iter().map(|plan| plan.frame.1).max().unwrap_or(0)
            }
        }
    }

    /// Plans that it runs on pointers, in its own room and its own frames.
    fn plans(&self) -> Vec<&Plan> {
        match self {
            Task::Kernel(_) | Task::Host(_) => Vec::new(),
            Task::Branch(branch) => branch.plans.iter().collect(),
            Task::Loop(looped) => {
                let cond = looped.cond.iter().map(|cond| &cond.plan);
                [&looped.body].into_iter().chain(cond).collect()
            }
        }
    }

    /// Bytes of a frame.
    fn frame_bytes(&self) -> usize {
        match self {
            Task::Kernel(runnable) => runnable.program.as_ref().map_or(0, Program::frame_bytes),
            Task::Branch(_) | Task::Loop(_) | Task::Host(_) => {
                self.plans().into_iter().map(|plan| plan.frame.0).max().unwrap_or(0)
            }
        }
    }
}
