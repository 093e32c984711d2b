//! CUDA C++ from programs.
//!
//! Every kernel is a `__device__` function of a *team*: the threads of a whole launch, or those of one block. A team splits
//! the kernel's items among its threads, its warps or its blocks, and waits for itself between two kernels. So the same
//! functions run a plan step by step, and a loop with all its rounds in one launch.
//!
//! | module | holds |
//! |---|---|
//! | `unit`, `control` | all of a program: its functions and launches; loops and branches |
//! | `rows`, `tree`, `product`, `moves`, `sort`, `random`, `linalg` | the functions of kernels |
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
pub mod functions;
mod instruction;
mod linalg;
mod moves;
mod number;
mod places;
mod product;
mod random;
mod rows;
mod running;
mod select_and_scatter;
mod sort;
mod spans;
mod text;
mod tree;
mod unit;
mod window;

use std::collections::BTreeMap;

use choral_kernels::functions::{Function, FunctionOfTwo};
use choral_kernels::instruction::Instruction;
use choral_kernels::{Kernel, Number};

use functions::Defined;
use text::Text;
pub use unit::{Argument, Launch, Unit, Work};

/// Threads of a block.
pub const THREADS: usize = 256;

/// Multiprocessors of a large GPU: what kernels of a whole launch are divided for.
const MULTIPROCESSORS: usize = 132;

/// What has no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no CUDA kernel runs {what}, for {step}\n  run the program on `cpu`, which runs every op")]
pub struct Missing {
    /// A kernel or an instruction, with its types.
    pub what: String,
    /// The value that it makes, with its type and the line that asks for it.
    pub step: String,
}

impl Missing {
    fn of(what: String) -> Missing {
        Missing { what, step: String::new() }
    }

    /// Of this step, if it is not known yet.
    fn within(self, step: &str) -> Missing {
        if self.step.is_empty() { Missing { step: step.to_owned(), ..self } } else { self }
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
    /// Bytes of memory that it works in.
    scratch_bytes: usize,
    /// Whether the team waits within it.
    waits: bool,
}

impl Emitted {
    fn of_threads(threads: usize) -> Emitted {
        Emitted { threads, shared_bytes: 0, scratch_bytes: 0, waits: false }
    }

    /// With so many bytes of shared memory at least.
    fn sharing(self, bytes: usize) -> Emitted {
        Emitted { shared_bytes: self.shared_bytes.max(bytes), ..self }
    }

    /// With so many bytes of memory to work in: the parameter `scratch`.
    fn working_in(self, bytes: usize) -> Emitted {
        // Of nothing, there is a place still.
        Emitted { scratch_bytes: self.scratch_bytes.max(bytes).max(1), ..self }
    }

    /// Of a team that waits within the function.
    fn waiting(self) -> Emitted {
        Emitted { waits: true, ..self }
    }

    /// One after the other.
    fn and(self, other: Emitted) -> Emitted {
        Emitted {
            threads: self.threads.max(other.threads),
            shared_bytes: self.shared_bytes.max(other.shared_bytes),
            scratch_bytes: self.scratch_bytes.max(other.scratch_bytes),
            waits: self.waits || other.waits,
        }
    }
}

/// Functions of floats that kernels call: each is written once.
#[derive(Debug, Clone, Default)]
struct Needed {
    /// Definitions by name.
    definitions: BTreeMap<String, String>,
    /// What is written by hand, in the order in which it is needed.
    texts: Vec<&'static str>,
}

impl Needed {
    /// The name of a function of one float.
    fn function(&mut self, function: Function, number: Number) -> String {
        self.define(functions::definition(function, number))
    }

    /// The name of a function of two floats.
    fn function_of_two(&mut self, function: FunctionOfTwo, number: Number) -> String {
        self.define(functions::definition_of_two(function, number))
    }

    fn define(&mut self, defined: Defined) -> String {
        self.definitions.insert(defined.name.clone(), defined.source);
        defined.name
    }

    /// The name of a function that is called; `None` of one that has no source.
    fn called(&mut self, name: &str, number: Number) -> Option<String> {
        let called = functions::called(name)?;
        called.needs.iter().for_each(|&(function, number)| drop(self.function(function, number)));
        called.texts.iter().for_each(|text| self.text(text));
        Some(if number == Number::F64 { called.double } else { called.single }.to_owned())
    }

    /// A text of several functions.
    fn text(&mut self, text: &'static str) {
        if !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }

    /// All sources, each after what it needs.
    fn into_source(self) -> String {
        let texts = self.texts.into_iter().map(str::to_owned);
        let prelude = (!self.definitions.is_empty()).then(|| functions::PRELUDE.to_owned());
        let all = prelude.into_iter().chain(self.definitions.into_values()).chain(texts);
        all.collect::<Vec<_>>().join("\n")
    }
}

/// Writes the body of a kernel's function, for a team that runs on so many multiprocessors: all, or the one of its block.
fn kernel(
    text: &mut Text,
    kernel: &Kernel,
    multiprocessors: usize,
    needed: &mut Needed,
) -> Result<Emitted, Missing> {
    match kernel {
        Kernel::Rows(kernel) => rows::rows(text, kernel, multiprocessors, needed),
        Kernel::Products(kernel) => Ok(product::products(text, kernel, multiprocessors, needed)),
        Kernel::Window(kernel) => window::window(text, kernel, needed),
        Kernel::Extreme(kernel) => Ok(extreme::extreme(text, kernel)),
        Kernel::Fold(kernel) => fold::fold(text, kernel, needed),
        Kernel::SelectAndScatter(kernel) => select_and_scatter::select_and_scatter(text, kernel, needed),
        Kernel::Gather(kernel) => Ok(moves::gather(text, kernel)),
        Kernel::Scatter(kernel) => moves::scatter(text, kernel, needed),
        Kernel::Sort(kernel) => sort::sort(text, kernel, needed),
        Kernel::Cholesky(kernel) => Ok(linalg::cholesky(text, kernel)),
        Kernel::TriangularSolve(kernel) => Ok(linalg::triangular_solve(text, kernel)),
        Kernel::Random(kernel) => Ok(random::random(text, kernel, needed)),
        Kernel::Pack(_) => Err(Missing::of("an operand of a product that a processor packs".to_owned())),
    }
}
