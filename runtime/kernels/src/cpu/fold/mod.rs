//! Folds by a body on this processor: many results side by side, one place of their windows after another.
//!
//! | module | holds |
//! |---|---|
//! | `chain` | few results: each by itself, its elements found many at a time |
//! | `layout` | dimensions, and where operands' elements lie under a place of the windows |
//!
//! Must not live here: what the body does ([`super::scalar`]).

mod chain;
mod layout;

use std::ops::Range;

use super::machine::moves::with_width;
use super::rows::NoLoop;
use super::scalar::Scalars;
use crate::Level;
use crate::fold::Fold;
use chain::{Chains, FEW};
use layout::{Dims, Operand};

/// Results that are folded side by side, at most: so many that calling a loop counts little.
const LANES: usize = 256;

/// Bytes of an element in a tile, at most.
const ELEMENT: usize = 8;

/// A fold that can run.
#[derive(Debug, Clone)]
pub struct Program {
    scalars: Scalars,
    operands: Vec<Operand>,
    dims: Dims,
    lanes: usize,
    /// Tiles that the results of a row are cut into.
    parts: usize,
    /// Where results are few, the elements of each.
    chains: Option<Chains>,
    /// Whether the body's results become its accumulators as registers hold them.
    hands_on: bool,
}

/// Tiles of an operand in a frame: initial values, accumulators and elements, as they are in memory.
const TILES: usize = 3;

#[derive(Clone, Copy)]
enum Tile {
    Initial,
    Accumulator,
    Element,
}

/// Some neighbours in a row of results.
#[derive(Clone, Copy)]
struct At {
    row: usize,
    first: usize,
    count: usize,
}

impl Program {
    /// Schedules a kernel for a level.
    ///
    /// # Errors
    /// If no loop runs an instruction of the body on its types.
    pub fn new(fold: &Fold, level: Level) -> Result<Program, NoLoop> {
        Program::of_lanes(fold, level, LANES)
    }

    /// As [`Program::new`], with so many results side by side.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn of_lanes(fold: &Fold, level: Level, lanes: usize) -> Result<Program, NoLoop> {
        let (dims, operands) = layout::of(fold);
        let lanes = dims.lane.count.clamp(1, lanes.max(1));
        let scalars = Scalars::compile(&fold.body, lanes, level)?;
        let chains = layout::chains(fold).filter(|_| lanes < FEW);
        let (parts, hands_on) = (dims.lane.count.div_ceil(lanes), scalars.hands_on());
        Ok(Program { scalars, operands, lanes, parts, chains, hands_on, dims })
    }

    /// Number of units, which may run in any order and at the same time.
    pub fn units(&self) -> usize {
        self.dims.rows() * self.parts
    }

    /// Bytes of a frame: each thread that runs the program has one of its own.
    pub fn frame_bytes(&self) -> usize {
        let of_chains =
            if self.chains.is_some() { self.operands.len() * chain::TILES * chain::TILE } else { 0 };
        self.tiles_end() + of_chains
    }

    fn tiles_end(&self) -> usize {
        self.scalars.frame_bytes() + self.operands.len() * TILES * self.tile_bytes()
    }

    fn tile_bytes(&self) -> usize {
        (self.lanes * ELEMENT).next_multiple_of(64)
    }

    /// Where a tile of an operand lies in the frame.
    fn tile(&self, frame: *mut u8, operand: usize, tile: Tile) -> *mut u8 {
        frame.wrapping_add(self.scalars.frame_bytes() + (operand * TILES + tile as usize) * self.tile_bytes())
    }

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, aligned for its type;
    /// nothing else writes them now, and the results no other thread reads or writes. Results overlap nothing that is
    /// read, nor one another. The frame has [`Program::frame_bytes`] initialised bytes, aligned to 64, for this thread
    /// alone. The processor has the level that the program was scheduled for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        // SAFETY: the frame begins with that of the body.
        unsafe { self.scalars.begin(frame) };
        for unit in units {
            let first = unit % self.parts * self.lanes;
            let count = self.lanes.min(self.dims.lane.count - first);
            let row = unit / self.parts;
            // SAFETY: the caller's contract.
            unsafe {
                if self.chains.is_none() {
                    self.fold(buffers, At { row, first, count }, frame);
                    continue;
                }
                (first..first + count)
                    .for_each(|first| self.fold(buffers, At { row, first, count: 1 }, frame));
            }
        }
    }

    /// # Safety
    /// As [`Program::run`], in a frame that the body is ready in.
    unsafe fn fold(&self, buffers: &[*mut u8], at: At, frame: *mut u8) {
        for (number, operand) in self.operands.iter().enumerate() {
            let [initial, sofar] =
                [Tile::Initial, Tile::Accumulator].map(|tile| self.tile(frame, number, tile));
            // SAFETY: tiles have room for so many elements; there is an initial value for every result.
            unsafe {
                operand.start(&self.dims, buffers, (at.row, at.first, at.count), initial);
                std::ptr::copy_nonoverlapping(initial, sofar, at.count * operand.bytes);
                self.scalars.load(frame, number, sofar, 1, at.count);
            }
        }
        // SAFETY: the caller's contract; accumulators are loaded.
        unsafe {
            match &self.chains {
                Some(chains) => self.chain(chains, buffers, at, frame),
                None => self.side_by_side(buffers, at, frame),
            }
        }
        for (number, operand) in self.operands.iter().enumerate() {
            let sofar = self.tile(frame, number, Tile::Accumulator);
            // SAFETY: the body has run, if there were elements; the caller vouches for the results, of which these are some.
            unsafe {
                if self.hands_on && self.dims.places > 0 {
                    self.scalars.store(frame, number, sofar, 1, at.count);
                }
                operand.finish(&self.dims, buffers, (at.row, at.first, at.count), sofar);
            }
        }
    }

    /// Folds the elements under one place of the windows after another.
    ///
    /// # Safety
    /// As [`Program::run`], in a frame that the body and the accumulators are ready in.
    unsafe fn side_by_side(&self, buffers: &[*mut u8], at: At, frame: *mut u8) {
        for place in 0..self.dims.places {
            // SAFETY: elements and accumulators are loaded before the body runs, and its results are kept after it.
            unsafe {
                self.elements(buffers, at, place, frame);
                self.scalars.run(frame, at.count);
                self.keep(at.count, frame);
            }
        }
    }

    /// Takes the body's results as accumulators: all are read before any is written over.
    ///
    /// # Safety
    /// As [`Program::run`], after the body has run.
    unsafe fn keep(&self, count: usize, frame: *mut u8) {
        if self.hands_on {
            // SAFETY: the caller's contract.
            return unsafe { self.scalars.hand_on(frame, count) };
        }
        let tile = |number: usize| self.tile(frame, number, Tile::Accumulator);
        // SAFETY: tiles have room for so many elements.
        unsafe {
            (0..self.operands.len())
                .for_each(|number| self.scalars.store(frame, number, tile(number), 1, count));
            (0..self.operands.len())
                .for_each(|number| self.scalars.load(frame, number, tile(number), 1, count));
        }
    }

    /// Loads the elements under a place of the windows.
    ///
    /// # Safety
    /// As [`Program::run`].
    unsafe fn elements(&self, buffers: &[*mut u8], at: At, place: usize, frame: *mut u8) {
        let span = self.dims.span(place);
        let has = self.dims.has(at.row, place);
        let (skipped, found) = if has { span.within(at.first, at.first + at.count) } else { (0, 0) };
        let source = span.source + skipped as isize * span.source_step;
        let first = (span.first + skipped * span.step).saturating_sub(at.first);
        for (number, operand) in self.operands.iter().enumerate() {
            let element = self.operands.len() + number;
            let from = operand.element(&self.dims, buffers, (at.row, place), source);
            let stride = span.source_step * operand.lane();
            if found == at.count && span.step == 1 {
                // SAFETY: there is an element for every result.
                unsafe { self.scalars.load(frame, element, from, stride, at.count) }
                continue;
            }
            let [initial, tile] = [Tile::Initial, Tile::Element].map(|tile| self.tile(frame, number, tile));
            // SAFETY: tiles have room for so many elements; of the results here, `found` have an element, `step` apart.
            unsafe {
                std::ptr::copy_nonoverlapping(initial, tile, at.count * operand.bytes);
                with_width!(operand.bytes, T => {
                    let (from, to) = (from.cast::<T>(), tile.cast::<T>().wrapping_add(first));
                    for at in 0..found {
                        to.add(at * span.step).write(from.offset(at as isize * stride).read());
                    }
                });
                self.scalars.load(frame, element, tile, 1, at.count);
            }
        }
    }
}
