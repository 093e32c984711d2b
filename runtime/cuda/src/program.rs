//! What runs on a device: a plan without anything that is a processor's own.
//!
//! Must not live here: source ([`crate::source`]), and memory.

use choral_kernels::Kernel;

/// Kernels, loops and branches in order, over a table of buffers.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The memory that steps read and write.
    pub buffers: Vec<Buffer>,
    /// Bytes of the room that it works in.
    pub room: usize,
    /// What runs, one after another.
    pub steps: Vec<Step>,
}

/// Memory of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// Where it lies.
    pub home: Home,
    /// Its size.
    pub bytes: usize,
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
    /// In [parts](Parts), where the pointer of this number leads.
    Part(usize),
    /// In parts, so many bytes into the shared memory of a block.
    Shared(usize),
}

/// A step of a program.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it makes, and the line of the user's program: a comment in the source.
    pub comment: String,
    /// Why it runs as it does.
    pub note: String,
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
    /// A program in parts that know nothing of each other.
    Parts(Box<Parts>),
}

impl Task {
    /// The buffers that it reads or writes, of the program that it is a step of.
    pub fn buffers(&self) -> Vec<usize> {
        match self {
            Task::Kernel(kernel) => kernel.buffers(),
            Task::Loop(looped) => {
                let Loop { rounds, inputs, outputs, carried, room, .. } = &**looped;
                let port = |&(_, port): &(usize, Port)| match port {
                    Port::Slice { buffer, .. } | Port::Constant(buffer) => Some(buffer),
                    Port::Carried(_) => None,
                };
                let holds = match rounds {
                    Rounds::Counted(_) => None,
                    Rounds::While(condition) => Some(condition.holds),
                };
                let carried = carried.iter().flat_map(|carried| {
                    let [result, spare] = carried.buffers;
                    [carried.initial.0, result, spare]
                });
                let ports = inputs.iter().chain(outputs).filter_map(port);
                ports.chain(carried).chain(holds).chain([*room]).collect()
            }
            Task::Branch(branch) => {
                let Branch { index, operands, results, room, .. } = &**branch;
                operands.iter().chain(results).copied().chain([*index, *room]).collect()
            }
            Task::Parts(parts) => {
                let pointers = parts.pointers.iter().filter_map(|pointer| match pointer.first {
                    Origin::Buffer(buffer) => Some(buffer),
                    Origin::Given(_) => None,
                });
                let is_around = |&buffer: &usize| {
                    !matches!(parts.program.buffers[buffer].home, Home::Part(_) | Home::Shared(_))
                };
                let steps = parts.program.steps.iter().flat_map(|step| step.task.buffers());
                pointers.chain(steps.filter(is_around)).collect()
            }
        }
    }
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

/// A program in parts that know nothing of each other: each is run by one block, from the first step to the last.
#[derive(Debug, Clone)]
pub struct Parts {
    /// How many there are. Of two numbers, each part of the first is made of so many.
    pub counts: Vec<usize>,
    /// Where the pointers of a part lead.
    pub pointers: Vec<Pointer>,
    /// Bytes of shared memory that hold values from one step to the next.
    pub shared_bytes: usize,
    /// What the first part does; buffers are those around it, where they lie as there.
    pub program: Program,
}

/// Where a pointer of a part leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// That of the first part.
    pub first: Origin,
    /// Bytes from it to the next, for each of [`Parts::counts`].
    pub steps: Vec<isize>,
}

/// Memory around parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The buffer of this number.
    Buffer(usize),
    /// What launches are given, by its number.
    Given(usize),
}
