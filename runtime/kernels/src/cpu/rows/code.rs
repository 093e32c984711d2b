//! Assembled kernels: codes over slots, which are pointers.

use super::geometry::{Geometry, Memory};
use crate::cpu::machine::streams::COPIES;
use crate::cpu::machine::{Loop, fold};

/// A place in a kernel's table of pointers.
pub type Slot = u16;

/// A kernel that can run.
#[derive(Debug, Clone)]
pub struct Program {
    /// How its space is cut.
    pub geometry: Geometry,
    pub(super) stages: Vec<Stage>,
    /// What runs on rows after the last stage.
    pub(super) last: Vec<Code>,
    pub(super) slots: Vec<Place>,
    pub(super) memories: Vec<Memory>,
    pub(super) constants: Box<[Constant]>,
    /// Bytes of a frame: the table of pointers, and registers.
    pub(super) frame: usize,
}

/// Copies of a constant, aligned to a cache line as registers are.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Constant(pub [u64; COPIES]);

impl Constant {
    /// Copies of a number of so many bytes.
    pub(super) fn new((bits, bytes): (u64, usize)) -> Constant {
        let in_a_word = size_of::<u64>() / bytes;
        let bits = bits & (u64::MAX >> (u64::BITS as usize - 8 * bytes));
        let repeated = (0..in_a_word).fold(0, |word, at| word | bits << (8 * bytes * at));
        Constant([repeated; COPIES])
    }
}

/// One pass over the tiles of a unit.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    /// What runs on rows before.
    pub before: Vec<Code>,
    /// What runs on every tile.
    pub tile: Vec<Code>,
    /// What runs on rows after: the results of folds.
    pub after: Vec<Code>,
}

/// Where a slot points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At so many bytes of the frame.
    Frame(usize),
    /// At a register for whole rows at so many bytes of the frame: at the tile's part of it, of elements of so many bytes.
    Wide(usize, usize),
    /// At a constant.
    Constant(usize),
    /// At the first element of a memory in the tile.
    Memory(usize),
}

/// A step of an assembled kernel.
#[derive(Debug, Clone, Copy)]
pub(super) enum Code {
    /// Sets a slot to the tile's first element of a memory.
    Point { slot: Slot, memory: usize },
    /// Sets a slot to the tile's part of a wide register.
    PointWide { slot: Slot },
    /// Runs a loop.
    Run { run: Loop, out: Slot, operands: [Slot; 3], extra: u64 },
    /// Reads elements from a memory where they lie apart.
    Gather { memory: usize, out: Slot },
    /// Writes elements to a memory where they lie apart.
    Scatter { memory: usize, from: Slot },
    /// Copies the number that a register holds.
    Copies { out: Slot, from: Slot, bytes: usize },
    /// Repeats an element of each row along the row.
    Expand { out: Slot, from: Slot, bytes: usize },
    /// Runs a loop of a fold.
    Fold { run: unsafe fn(&fold::Arguments), part: FoldPart, out: Slot, from: Slot, state: Slot },
}

/// What a loop of a fold works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FoldPart {
    /// Rows that are in the tile as a whole, or the next part of one.
    Tile,
    /// A row that was fed.
    Row,
}

impl Program {
    /// Bytes of a frame: each thread that runs the program has one of its own.
    pub fn frame_bytes(&self) -> usize {
        self.frame
    }

    /// Number of units, which may run in any order and at the same time.
    pub fn units(&self) -> usize {
        self.geometry.units()
    }
}
