//! CUDA C++ from programs.
//!
//! Every kernel is a `__device__` function of a *team*: the threads of a whole launch, or those of one block. A team splits
//! the kernel's items among its threads, its warps or its blocks, and waits for itself between two kernels. So the same
//! functions run a plan step by step, and a loop with all its rounds in one launch.
//!
//! | module | holds |
//! |---|---|
//! | `unit`, `control` | all of a program: its functions and launches; loops and branches |
//! | `rows`, `tree`, `product` | the functions of kernels |
//! | `window`, `running`, `extreme`, `fold`, `select_and_scatter` | and of folds of windows, in the order of their elements |
//! | `instruction`, `functions`, `body` | what happens to one element; bodies of folds and comparators |
//! | `spans` | which elements lie under a window |
//! | `number`, `places`, `text` | numbers, offsets of elements, and lines |
//! | `prelude.cu`, `team.cu` | what every program begins with |
//!
//! Must not live here: launching, and anything that bits depend on: the order of operations is that of `choral_kernels`.

mod body;
mod control;
mod extreme;
mod fold;
mod functions;
mod instruction;
mod number;
mod places;
mod product;
mod rows;
mod running;
mod select_and_scatter;
mod spans;
mod text;
mod tree;
mod unit;
mod window;

use std::collections::BTreeMap;

use choral_kernels::functions::{Function, FunctionOfTwo};
use choral_kernels::instruction::Instruction;
use choral_kernels::{Kernel, Number};

use text::Text;
pub use unit::{Argument, Launch, Unit};

/// Threads of a block.
pub const THREADS: usize = 256;

/// What has no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no CUDA kernel runs {what}")]
pub struct Missing {
    /// A kernel or an instruction, with its types.
    pub what: String,
}

impl Missing {
    fn of(what: String) -> Missing {
        Missing { what }
    }

    fn instruction(instruction: &Instruction, from: Number, to: Number) -> Missing {
        Missing::of(format!("{instruction:?} of {from} to {to}"))
    }
}

/// What a kernel's function asks of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Emitted {
    /// How many threads have something to do.
    threads: usize,
    /// Bytes of shared memory that a block needs.
    shared_bytes: usize,
}

impl Emitted {
    fn of_threads(threads: usize) -> Emitted {
        Emitted { threads, shared_bytes: 0 }
    }

    /// With so many bytes of shared memory at least.
    fn sharing(self, bytes: usize) -> Emitted {
        Emitted { shared_bytes: self.shared_bytes.max(bytes), ..self }
    }

    /// One after the other.
    fn and(self, other: Emitted) -> Emitted {
        Emitted { threads: self.threads.max(other.threads), ..self }.sharing(other.shared_bytes)
    }
}

/// Functions of floats that kernels call: each is written once.
#[derive(Debug, Clone, Default)]
struct Needed {
    sources: BTreeMap<String, String>,
}

impl Needed {
    /// The name of a function of one float.
    fn function(&mut self, function: Function, number: Number) -> String {
        let (name, source) = functions::definition(function, number);
        self.sources.insert(name.clone(), source);
        name
    }

    /// The name of a function of two floats.
    fn function_of_two(&mut self, function: FunctionOfTwo, number: Number) -> String {
        let (name, source) = functions::definition_of_two(function, number);
        self.sources.insert(name.clone(), source);
        name
    }

    /// The name of a function that is called; `None` of one that has no source.
    fn called(&mut self, name: &str, number: Number) -> Option<String> {
        let (name, source) = functions::called(name, number)?;
        self.sources.insert(name.clone(), source);
        Some(name)
    }
}

/// Writes the body of a kernel's function.
fn kernel(text: &mut Text, kernel: &Kernel, needed: &mut Needed) -> Result<Emitted, Missing> {
    match kernel {
        Kernel::Rows(kernel) => rows::rows(text, kernel, needed),
        Kernel::Products(kernel) => Ok(product::products(text, kernel)),
        Kernel::Window(kernel) => window::window(text, kernel, needed),
        Kernel::Extreme(kernel) => Ok(extreme::extreme(text, kernel)),
        Kernel::Fold(kernel) => fold::fold(text, kernel, needed),
        Kernel::SelectAndScatter(kernel) => select_and_scatter::select_and_scatter(text, kernel, needed),
        Kernel::Pack(_)
        | Kernel::Gather(_)
        | Kernel::Scatter(_)
        | Kernel::Sort(_)
        | Kernel::Cholesky(_)
        | Kernel::TriangularSolve(_)
        | Kernel::Random(_) => Err(Missing::of(format!("a kernel of kind {}", kernel.name()))),
    }
}
