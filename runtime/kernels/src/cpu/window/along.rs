//! Running folds along rows: a few at once, each from its first element to its last.

use std::ops::Range;

use super::schedule::{Dim, Numbers, dims};
use crate::cpu::machine::chain::{self, ROWS};
use crate::cpu::machine::copies::{self, Side};
use crate::cpu::machine::{Arguments, Loop};
use crate::window::{Direction, Initial, Window};

/// Elements of a unit, about.
const UNIT: usize = 1 << 14;

/// Elements of a row that are widened at once.
const CHUNK: usize = 512;

/// A running fold that can run.
#[derive(Debug, Clone)]
pub(super) struct Along {
    numbers: Numbers,
    chain: unsafe fn(&chain::Arguments),
    /// Of input, results and initial values; no buffer for initial values that are a constant.
    buffers: [Option<usize>; 3],
    /// Where the first element of the first row lies in each.
    offsets: [isize; 3],
    constant: u64,
    /// Sizes of the other dimensions, and distances in each buffer.
    rows: Vec<(usize, [isize; 3])>,
    length: usize,
    /// Distances along a row in input and results.
    steps: [isize; 2],
    rows_of_unit: usize,
}

impl Along {
    pub(super) fn new(
        window: &Window,
        (axis, direction): (usize, Direction),
        numbers: Numbers,
        chain: unsafe fn(&chain::Arguments),
    ) -> Along {
        let length = window.sizes(axis)[1];
        let row = |dim: &Dim| (dim.count, [dim.spans[0].source_step, dim.to, dim.initial]);
        let (constant, initial) = match &window.initial {
            Initial::Constant(bits) => (*bits, None),
            Initial::Load(initial) => (0, Some(initial)),
        };
        let steps = [&window.input, &window.result].map(|elements| elements.access.dims[axis].1);
        let last = length.saturating_sub(1) as isize;
        let starts = if direction == Direction::Forward { [0; 2] } else { steps.map(|step| step * last) };
        Along {
            numbers,
            chain,
            buffers: [
                Some(window.input.buffer),
                Some(window.result.buffer),
                initial.map(|initial| initial.buffer),
            ],
            offsets: [
                window.input.access.offset + starts[0],
                window.result.access.offset + starts[1],
                initial.map_or(0, |initial| initial.access.offset),
            ],
            constant,
            rows: dims(window, Some(axis)).iter().map(row).collect(),
            length,
            steps: if direction == Direction::Forward { steps } else { steps.map(|step| -step) },
            rows_of_unit: (UNIT / length.max(1)).next_multiple_of(ROWS).max(ROWS),
        }
    }

    fn count(&self) -> usize {
        self.rows.iter().map(|(size, _)| size).product()
    }

    pub(super) fn units(&self) -> usize {
        if self.length == 0 { 0 } else { self.count().div_ceil(self.rows_of_unit) }
    }

    /// Folds so far, and tiles in memory's type and in registers' of a chunk of each row.
    pub(super) fn frame_bytes(&self) -> usize {
        64 + if self.numbers.widen.is_some() { CHUNK * (2 + 4 * ROWS) } else { 0 }
    }

    /// # Safety
    /// As [`super::Program::run`].
    pub(super) unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        let end = (units.end * self.rows_of_unit).min(self.count());
        for first in (units.start * self.rows_of_unit..end).step_by(ROWS) {
            // Rows beyond the last are the last one again.
            let rows = std::array::from_fn(|row| self.places((first + row).min(end - 1)));
            // SAFETY: the caller's contract.
            unsafe { self.rows(buffers, &rows, frame) }
        }
    }

    /// Where a row's first element lies in each buffer.
    fn places(&self, mut row: usize) -> [isize; 3] {
        let mut places = self.offsets;
        for (size, strides) in self.rows.iter().rev() {
            let at = (row % size) as isize;
            row /= size;
            places.iter_mut().zip(strides).for_each(|(place, stride)| *place += at * stride);
        }
        places
    }

    /// # Safety
    /// As [`super::Program::run`]; the rows are some of the kernel's.
    unsafe fn rows(&self, buffers: &[*mut u8], rows: &[[isize; 3]; ROWS], frame: *mut u8) {
        let [bytes, wide] = self.numbers.bytes;
        let at = |row: usize, role: usize| match self.buffers[role] {
            Some(buffer) => buffers[buffer].wrapping_offset(rows[row][role] * bytes as isize),
            None => (&raw const self.constant).cast_mut().cast(),
        };
        // SAFETY: the caller vouches for the elements of its rows and for the frame.
        unsafe {
            for row in 0..ROWS {
                load(self.numbers.widen, (at(row, 2), bytes), frame.add(row * wide), 1);
            }
            let (from, to) = (std::array::from_fn(|row| at(row, 0)), std::array::from_fn(|row| at(row, 1)));
            match (self.numbers.widen, self.numbers.narrow) {
                (Some(widen), Some(narrow)) => self.chunks((widen, narrow), (from, to), frame),
                (_, _) => (self.chain)(&chain::Arguments {
                    from: from.map(<*mut u8>::cast_const),
                    to,
                    sofar: frame,
                    length: self.length,
                    steps: self.steps,
                }),
            }
        }
    }

    /// Rows of 16-bit floats: each chunk is widened, folded and rounded.
    ///
    /// # Safety
    /// As [`Along::rows`].
    unsafe fn chunks(
        &self,
        (widen, narrow): (Loop, Loop),
        (from, to): ([*mut u8; ROWS], [*mut u8; ROWS]),
        frame: *mut u8,
    ) {
        let bytes = self.numbers.bytes[0] as isize;
        // SAFETY: the frame holds folds, a tile in memory's type and one in registers' for each row; elements are those
        // that the caller vouches for.
        unsafe {
            let raw = frame.add(64);
            let tiles: [*mut u8; ROWS] = std::array::from_fn(|row| raw.add(CHUNK * (2 + 4 * row)));
            let copy = |side: Side, to, from| {
                (self.numbers.copy)(&copies::Arguments { sides: &raw const side, rank: 1, to, from });
            };
            for start in (0..self.length).step_by(CHUNK) {
                let size = CHUNK.min(self.length - start);
                let [step, stride] = self.steps;
                let place = |step: isize| start as isize * step * bytes;
                for row in 0..ROWS {
                    copy(Side { size, to: 1, from: step }, raw, from[row].offset(place(step)));
                    run(widen, raw, tiles[row], size);
                }
                (self.chain)(&chain::Arguments {
                    from: tiles.map(<*mut u8>::cast_const),
                    to: tiles,
                    sofar: frame,
                    length: size,
                    steps: [1, 1],
                });
                for row in 0..ROWS {
                    run(narrow, tiles[row], raw, size);
                    copy(Side { size, to: stride, from: 1 }, to[row].offset(place(stride)), raw);
                }
            }
        }
    }
}

/// Runs a conversion over a tile.
///
/// # Safety
/// As [`Loop`].
unsafe fn run(convert: Loop, from: *const u8, out: *mut u8, length: usize) {
    // SAFETY: the caller's contract.
    unsafe { convert(&Arguments { out, operands: [from; 3], length, extra: 0 }) }
}

/// Brings numbers of so many bytes in memory into registers.
///
/// # Safety
/// As [`Loop`], for the conversion or for a copy.
pub(super) unsafe fn load(
    widen: Option<Loop>,
    (from, bytes): (*const u8, usize),
    out: *mut u8,
    length: usize,
) {
    // SAFETY: the caller's contract.
    unsafe {
        match widen {
            Some(widen) => run(widen, from, out, length),
            None => std::ptr::copy_nonoverlapping(from, out, bytes * length),
        }
    }
}
