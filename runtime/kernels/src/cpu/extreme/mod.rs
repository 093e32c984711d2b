//! Searches for extreme elements on this processor.
//!
//! | module | holds |
//! |---|---|
//! | `operands` | where values, places and results lie |
//! | `loops` | the loops over a tile |
//! | `rows` | searches along long rows: the extreme of a chunk, and only if it is better where it is |
//! | `lanes` | searches of many results side by side, element after element |
//!
//! The better of two pairs may be taken of neighbouring parts in any grouping, as long as their order stays: the first NaN
//! wins, and of equal values the last one's bits and the lowest place. Must not live here: what is looked for
//! ([`crate::extreme`]).

mod lanes;
mod loops;
mod operands;
mod rows;

use std::ops::Range;

use crate::access::size;
use crate::cpu::rows::NoLoop;
use crate::extreme::Extreme;
use crate::{Level, Number};
use lanes::Lanes;
use operands::Operands;
use rows::Rows;

/// Results that are worked on side by side, at most.
const TILE: usize = 1024;

/// Elements of a row from which on it is searched by itself, where rows are dense.
const LONG: usize = 64;

/// A search that can run.
#[derive(Debug, Clone)]
pub struct Program {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Lanes(Lanes),
    Rows(Rows),
}

impl Program {
    /// Schedules a kernel for a level.
    ///
    /// # Errors
    /// If there are no loops for the types.
    pub fn new(extreme: &Extreme, level: Level) -> Result<Program, NoLoop> {
        Program::of_tiles(extreme, level, TILE)
    }

    /// As [`Program::new`], with so many results or elements of a row at once.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn of_tiles(extreme: &Extreme, level: Level, tile: usize) -> Result<Program, NoLoop> {
        let operands = Operands::of(extreme, level);
        let (kept, folded) = (operands.count, size(&operands.values.folded));
        let is_dense = matches!(operands.values.folded.as_slice(), [(_, 1)]);
        let by_rows = (is_dense && folded >= LONG || kept == 1) && !extreme.place.is_float();
        let kind = if by_rows && extreme.place != Number::I1 {
            Kind::Rows(Rows::new(extreme, operands, level, tile))
        } else {
            Kind::Lanes(Lanes::new(extreme, operands, level, tile)?)
        };
        Ok(Program { kind })
    }

    /// Number of units, which may run in any order and at the same time.
    pub fn units(&self) -> usize {
        match &self.kind {
            Kind::Lanes(lanes) => lanes.units(),
            Kind::Rows(rows) => rows.units(),
        }
    }

    /// Bytes of a frame: each thread that runs the program has one of its own.
    pub fn frame_bytes(&self) -> usize {
        match &self.kind {
            Kind::Lanes(lanes) => lanes.frame_bytes(),
            Kind::Rows(rows) => rows.frame_bytes(),
        }
    }

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, aligned for its type;
    /// nothing else writes them now, and the results no other thread reads or writes. Results overlap nothing that is
    /// read, nor one another. The frame has [`Program::frame_bytes`] initialised bytes, aligned to 64, for this thread alone. The
    /// processor has the level that the program was scheduled for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        // SAFETY: the caller's contract.
        unsafe {
            match &self.kind {
                Kind::Lanes(lanes) => lanes.run(buffers, units, frame),
                Kind::Rows(rows) => rows.run(buffers, units, frame),
            }
        }
    }
}
