//! Parts of a program that blocks run by themselves: members of an ensemble, tiles of a batch, or all of what is small.
//!
//! A chain of small steps costs a launch each, or a barrier of the whole launch. Where every value of a chain has an equal
//! part for each member, and no member reads another's, a block takes a member through all steps: between them its
//! threads wait for each other alone, values stay in shared memory, and weights are read once. What kernels read and write
//! says whether there are parts, whatever ops they came from. Chains that are little work altogether are one part.
//!
//! | module | holds |
//! |---|---|
//! | `reading` | what a run of steps reads and writes |
//! | `chain` | the parts of a run of steps, and how long it is best |
//! | `price` | what steps take, about |
//! | `rewriting` | a run of steps as the program of a part |
//!
//! Must not live here: how a kernel is cut (`choral_kernels::strips`), source, and anything that bits depend on.

mod chain;
mod price;
mod reading;
mod rewriting;

use chain::Chain;

use crate::program::{Loop, Program, Rounds, Step, Task};

/// What a GPU has, as far as it says what parts are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many multiprocessors.
    pub multiprocessors: usize,
    /// Bytes of shared memory that a block may have.
    pub shared_bytes: usize,
    /// Whether cuBLASLt does the products that it is worth.
    pub has_library: bool,
}

/// Multiprocessors that nothing is work for.
const PIECES: usize = 1 << 20;

impl Limits {
    /// As of a GPU with so many multiprocessors that nothing is work: all is worth being divided as far as it goes, and
    /// nothing is left to one block.
    #[must_use]
    pub fn in_pieces(self) -> Limits {
        Limits { multiprocessors: PIECES, ..self }
    }

    fn is_in_pieces(self) -> bool {
        self.multiprocessors == PIECES
    }
}

impl Default for Limits {
    /// Those of an H100.
    fn default() -> Limits {
        Limits { multiprocessors: 132, shared_bytes: 227 << 10, has_library: false }
    }
}

/// Lets blocks run by themselves what they can and what it is worth.
pub fn divide(program: &mut Program, limits: Limits) {
    divide_steps(program, limits, true);
}

fn divide_steps(program: &mut Program, limits: Limits, are_launches: bool) {
    let mut divided: Vec<Step> = Vec::with_capacity(program.steps.len());
    let lives = chain::lives(program);
    let mut at = 0;
    while at < program.steps.len() {
        match Chain::best((program, &lives), at, limits, are_launches) {
            Ok(chain) => {
                let length = chain.length();
                divided.push(rewriting::step(program, at, chain));
                at += length;
            }
            Err(reason) => {
                let mut step = program.steps[at].clone();
                step.note = reason;
                inside(&mut step, limits);
                divided.push(step);
                at += 1;
            }
        }
    }
    program.steps = divided;
}

/// Divides the bodies of a step.
fn inside(step: &mut Step, limits: Limits) {
    match &mut step.task {
        Task::Kernel(_) | Task::Parts(_) => {}
        Task::Loop(looped) => {
            let Loop { body, rounds, .. } = &mut **looped;
            if let Rounds::While(condition) = rounds {
                divide_steps(&mut condition.program, limits, false);
            }
            divide_steps(body, limits, false);
        }
        Task::Branch(branch) => {
            branch.programs.iter_mut().for_each(|(program, _, _)| divide_steps(program, limits, false));
        }
    }
}
