//! The two operands of a product: in place, packed ahead, or packed chunk by chunk.
//!
//! Must not live here: what is done with them.

use std::ops::Range;

use super::element::{Element, Truth};
use super::pack::Lines;
use super::run::{Run, Tile};
use super::schedule::{Schedule, Source};
use super::with_element;
use crate::product::order::Chunk;
use crate::product::{Compute, Dim, space};

impl Schedule {
    /// In how many parts the operand that is packed ahead may be packed at the same time.
    pub fn pack_parts(&self) -> usize {
        let Some((_, operand)) = self.side_ahead() else { return 0 };
        // A product without elements or terms reads none of its operands.
        let sizes = [self.left.size, self.right.size, self.depth, space::size(&self.own_batch)];
        if sizes.contains(&0) { 0 } else { space::size(&moving(&self.own_batch, operand)) }
    }

    /// Packs parts of the operand that is to be packed ahead.
    ///
    /// # Safety
    /// What [`Product::reach`](crate::product::Product::reach) says of the operand must be valid for reading,
    /// initialised and aligned; there must be as many bytes to write as [`Schedule::packed`] says, which nobody uses
    /// now but other runs of other parts.
    ///
    /// # Panics
    /// If it is not aligned for its elements.
    pub unsafe fn pack(&self, operand: *const u8, into: *mut u8, parts: Range<usize>) {
        assert!((into as usize).is_multiple_of(self.compute.bytes()), "what is packed must be aligned");
        with_element!(self.compute, T => {
            // SAFETY: the caller's promises, and the check above.
            unsafe { pack_ahead::<T>(self, operand, into.cast(), parts) }
        });
    }
}

/// # Safety
/// As [`Schedule::pack`]; `into` is aligned, and as large as it asks for.
unsafe fn pack_ahead<T: Element>(schedule: &Schedule, from: *const u8, into: *mut T, parts: Range<usize>) {
    let Some((side, operand)) = schedule.side_ahead() else { return };
    let pack = T::pack(side.number).expect("the schedule checked that the operand widens");
    let transpose = T::kernels(schedule.level).transpose;
    let mut terms = vec![0; schedule.depth];
    space::fill(&schedule.terms, operand, 0, &mut terms);
    let mut lines = vec![0; side.width];
    let (own_batch, batch) = (moving(&schedule.own_batch, operand), moving(&schedule.batch, operand));
    for part in parts {
        let own = space::offsets(&own_batch, part)[operand] + schedule.own_offsets[operand];
        let ahead = space::offsets(&batch, part)[operand];
        for start in (0..side.size).step_by(side.width) {
            let lines = &mut lines[..side.width.min(side.size - start)];
            space::fill(&side.dims, 0, start, lines);
            let what = Lines { lines, terms: &terms, width: side.width, panel: side.width * schedule.depth };
            // SAFETY: the caller's promises. Panels are written in order, the last one with room behind it.
            unsafe {
                let from = from.offset(own * side.number.bytes() as isize);
                pack.run(from, &what, transpose, into.offset(ahead).add(start * schedule.depth));
            }
        }
    }
}

/// The dimensions of the batch in which an operand moves.
fn moving(batch: &[Dim<4>], operand: usize) -> Vec<Dim<4>> {
    batch.iter().filter(|dim| dim.strides[operand] != 0).copied().collect()
}

impl<T: Element> Run<'_, T> {
    /// Where the right operand's panels for a chunk are, packed if need be. Where it is read in place,
    /// scratch holds the last panel if the columns do not fill it.
    ///
    /// # Safety
    /// As [`Run::tile`].
    pub(super) unsafe fn right(&mut self, tile: &Tile, chunk: &Chunk) -> *const T {
        let side = &self.schedule.right;
        let start = chunk.terms.start as isize;
        let whole = tile.columns.len() / side.width * side.width;
        let here = self.operands[1].cast::<T>();
        match side.source {
            Source::Ahead => {
                let first = tile.offsets[1] + (tile.columns.start * self.schedule.depth) as isize;
                here.wrapping_offset(first + start * side.width as isize)
            }
            Source::InPlace => {
                if whole < tile.columns.len() {
                    // SAFETY: the caller's promises.
                    unsafe { self.pack_right(tile, chunk, whole) };
                }
                here.wrapping_offset(tile.offsets[1])
            }
            Source::Scratch => {
                let panel = side.width * chunk.terms.len();
                packed_rows(self.parts.right_panels, 1, panel);
                // SAFETY: the caller's promises.
                unsafe { self.pack_right(tile, chunk, 0) };
                self.parts.right
            }
        }
    }

    /// Packs a tile's columns from one on.
    ///
    /// # Safety
    /// As [`Run::tile`].
    pub(super) unsafe fn pack_right(&mut self, tile: &Tile, chunk: &Chunk, from: usize) {
        let key = [tile.offsets[1], tile.columns.start as isize, chunk.terms.start as isize];
        if self.held.right == Some(key) {
            return;
        }
        self.held.right = Some(key);
        let (side, terms) = (&self.schedule.right, &self.parts.terms[1][..chunk.terms.len()]);
        let lines = Lines {
            lines: &self.parts.right_columns[from..tile.columns.len()],
            terms,
            width: side.width,
            panel: side.width * chunk.terms.len(),
        };
        // SAFETY: the caller's promises; scratch has room for a chunk of all columns.
        unsafe {
            let operand = self.operands[1].offset(tile.offsets[1] * side.number.bytes() as isize);
            self.packs[1].run(operand, &lines, self.kernels.transpose, self.parts.right);
        }
    }

    /// Where the left operand's rows of a block are, packed if need be.
    ///
    /// # Safety
    /// As [`Run::tile`].
    pub(super) unsafe fn left(&mut self, tile: &Tile, chunk: &Chunk, rows: &Range<usize>) -> *const T {
        let side = &self.schedule.left;
        let here = self.operands[0].cast::<T>();
        let start = chunk.terms.start as isize;
        match side.source {
            Source::Ahead => {
                let first = tile.offsets[0] + (tile.rows.start * self.schedule.depth) as isize;
                here.wrapping_offset(first + start * side.width as isize)
            }
            Source::InPlace => here.wrapping_offset(tile.offsets[0]),
            Source::Scratch => {
                // SAFETY: the caller's promises.
                unsafe { self.pack_left(tile, chunk, rows) };
                self.parts.left
            }
        }
    }

    /// # Safety
    /// As [`Run::tile`].
    pub(super) unsafe fn pack_left(&mut self, tile: &Tile, chunk: &Chunk, rows: &Range<usize>) {
        let key = [tile.offsets[0], rows.start as isize, chunk.terms.start as isize];
        if self.held.left == Some(key) {
            return;
        }
        self.held.left = Some(key);
        let (side, terms) = (&self.schedule.left, &self.parts.terms[0][..chunk.terms.len()]);
        packed_rows(&mut self.parts.kernel_rows[rows.clone()], side.width, chunk.terms.len());
        let panel = side.width * chunk.terms.len();
        let lines = Lines { lines: &self.parts.left_rows[rows.clone()], terms, width: side.width, panel };
        // SAFETY: the caller's promises; scratch has room for a chunk of a block's rows.
        unsafe {
            let operand = self.operands[0].offset(tile.offsets[0] * side.number.bytes() as isize);
            self.packs[0].run(operand, &lines, self.kernels.transpose, self.parts.left);
        }
    }
}

/// Offsets of rows that are packed `width` at a time, all terms of a panel together.
pub(super) fn packed_rows(rows: &mut [isize], width: usize, terms: usize) {
    let offset = |row: usize| (row / width * width * terms + row % width) as isize;
    rows.iter_mut().enumerate().for_each(|(row, place)| *place = offset(row));
}
