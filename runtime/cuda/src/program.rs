//! What runs on a device: a plan without anything that is a processor's own.
//!
//! Must not live here: source ([`crate::source`]), and memory.

use choral_kernels::Kernel;

/// Kernels, loops and branches in order, over a table of buffers.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Where each buffer lies.
    pub buffers: Vec<Home>,
    /// What runs, one after another.
    pub steps: Vec<Step>,
}

/// Where a buffer lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// Where a pointer leads that launches are given: inputs, constants and results of the whole program have one number
    /// each, in bodies, too.
    Given(usize),
    /// So many bytes into the room that the program works in.
    Room(usize),
    /// Of a body, where whoever runs it says.
    Port,
}

/// A step of a program.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it makes, and the line of the user's program: a comment in the source.
    pub comment: String,
    /// What runs.
    pub task: Task,
}

/// What runs at once.
#[derive(Debug, Clone)]
pub enum Task {
    /// A kernel.
    Kernel(Box<Kernel>),
    /// A program that runs again and again.
    Loop(Box<Loop>),
    /// One of several programs.
    Branch(Box<Branch>),
}

/// A program that runs again and again.
#[derive(Debug, Clone)]
pub struct Loop {
    /// What decides before each round whether there is one.
    pub rounds: Rounds,
    /// What runs in each round.
    pub body: Program,
    /// Whether slices are taken from the last one to the first.
    pub is_reverse: bool,
    /// Buffers of the body that it reads, and where they lie.
    pub inputs: Vec<(usize, Port)>,
    /// Buffers of the body that it writes, and where they lie.
    pub outputs: Vec<(usize, Port)>,
    /// Values that rounds hand on.
    pub carried: Vec<Carried>,
    /// The buffer that body and condition work in.
    pub room: usize,
}

/// How often a loop runs.
#[derive(Debug, Clone)]
pub enum Rounds {
    /// So many times.
    Counted(usize),
    /// As long as a program says.
    While(Condition),
}

/// A program that decides whether there is another round.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The program; it works in the room of the loop's body.
    pub program: Program,
    /// Its buffers that lie where those of the body's inputs lie, one for each.
    pub inputs: Vec<usize>,
    /// Its buffer of the truth value.
    pub output: usize,
    /// The buffer around it where the truth value goes.
    pub holds: usize,
}

/// Where an input or a result of a body lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// In a slice of a buffer, so many bytes further on in the next round.
    Slice {
        /// The buffer around the body.
        buffer: usize,
        /// From one slice to the next.
        bytes: isize,
    },
    /// In the carried value of this number.
    Carried(usize),
    /// In the same buffer in every round.
    Constant(usize),
}

/// A value that rounds hand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// Where the first round reads it: a buffer, and bytes from its start.
    pub initial: (usize, isize),
    /// The buffer of the result, and the other one that rounds write in turns.
    pub buffers: [usize; 2],
    /// Its size.
    pub bytes: usize,
}

/// One of several programs, chosen by a value.
#[derive(Debug, Clone)]
pub struct Branch {
    /// The buffer of the index, or of the truth value that chooses the first of two.
    pub index: usize,
    /// Whether it is a truth value; otherwise it is an `i32`, and the last program stands for what lies beyond.
    pub is_truth: bool,
    /// The programs, each with its buffers of operands and of results.
    pub programs: Vec<(Program, Vec<usize>, Vec<usize>)>,
    /// The buffers of operands and results around them.
    pub operands: Vec<usize>,
    /// Where results go.
    pub results: Vec<usize>,
    /// The buffer that the programs work in.
    pub room: usize,
}
