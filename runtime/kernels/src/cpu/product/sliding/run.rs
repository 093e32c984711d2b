//! Running tiles: input copied and weights packed where need be, then block by block.
//!
//! Must not live here: decisions, which are the schedule's.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::element::Element;
use super::super::pack::Lines;
use super::super::run::Operands;
use super::super::schedule::LINE;
use super::kernel::{Block, Strips};
use super::{Sliding, apart};
use crate::product::space;

/// Vectors that all rows are computed of before the next ones: the input under them stays in the nearest cache.
const NEAR: usize = 8;

/// What scratch holds, and of which tile.
struct Held {
    input: *mut f32,
    weights: *mut f32,
    sums: *mut f32,
    of_input: Option<(isize, usize)>,
    of_weights: Option<isize>,
}

impl Sliding {
    /// Computes some of the tiles. The left operand is the kernel, the right one the input.
    ///
    /// # Safety
    /// As [`Schedule::run`](super::super::Schedule::run), of the convolution's products.
    ///
    /// # Panics
    /// If scratch is smaller than [`Sliding::scratch`] says, or if there are no such tiles.
    pub unsafe fn run(&self, operands: Operands, scratch: &mut [MaybeUninit<u8>], tiles: Range<usize>) {
        assert!(scratch.len() >= self.scratch(), "{} bytes of scratch", scratch.len());
        assert!(tiles.end <= self.tiles(), "{} tiles, not {}", self.tiles(), tiles.end);
        if tiles.is_empty() {
            return;
        }
        let mut held = self.held(scratch);
        let [_, lines, rows] = self.grid();
        for tile in tiles {
            let (at, row) = (tile / rows, tile % rows);
            let (batch, line) = (at / lines, at % lines);
            let moved = space::offsets(&self.batch, batch);
            let offsets = std::array::from_fn(|operand| self.offsets[operand] + moved[operand]);
            let range = |at: usize, of: usize, size: usize| at * of..((at + 1) * of).min(size);
            let rows = range(row, self.tile[0], self.rows);
            let lines = range(line, self.tile[1], self.lines.sizes[2]);
            // SAFETY: the caller's promises, and the checks above.
            unsafe {
                self.copy_input(operands.rhs, offsets[0], &lines, &mut held);
                self.pack_weights(operands.lhs, offsets[1], &mut held);
                self.tile(&operands, offsets, (rows, lines), &held);
            }
        }
    }

    fn held(&self, scratch: &mut [MaybeUninit<u8>]) -> Held {
        let start = scratch.as_mut_ptr().cast::<u8>();
        let input = start.wrapping_add(start.align_offset(LINE)).cast::<f32>();
        let [of_input, of_weights, _] = self.parts();
        if self.is_padded() {
            // What is in the padding is read, and then taken back.
            // SAFETY: scratch is as large as the schedule says.
            unsafe { input.write_bytes(0, of_input) };
        }
        let weights = input.wrapping_add(of_input);
        Held { input, weights, sums: weights.wrapping_add(of_weights), of_input: None, of_weights: None }
    }

    /// Copies the part of the input that the windows of some lines lie on.
    ///
    /// # Safety
    /// As [`Sliding::run`].
    unsafe fn copy_input(&self, from: *const u8, offset: isize, lines: &Range<usize>, held: &mut Held) {
        if held.of_input == Some((offset, lines.start)) {
            return;
        }
        held.of_input = Some((offset, lines.start));
        let pack = f32::pack(self.numbers[0]).expect("the schedule checked that the operand widens");
        let (all_lines, all_places) =
            (self.lines.reach(lines.clone()), self.places.reach(0..self.places.sizes[2]));
        let [lines, places] = [self.lines.inside(&all_lines), self.places.inside(&all_places)];
        let part = |table: &'_ [isize], range: &Range<isize>| {
            range.start as usize..(range.end as usize).min(table.len())
        };
        let what = Lines {
            lines: &self.tables.places[part(&self.tables.places, &places)],
            terms: &self.tables.lines[part(&self.tables.lines, &lines)],
            width: self.pitch,
            panel: 0,
        };
        if what.lines.is_empty() || what.terms.is_empty() {
            return;
        }
        let first = (lines.start - all_lines.start) * self.pitch as isize + places.start - all_places.start;
        for taken in 0..self.taken.size {
            let at = offset + taken as isize * self.taken.strides[0];
            // SAFETY: the caller's promises: the lines and places are those of the input. Lines are written with
            // zeros behind them, which the next ones are written over or which are in the padding; there is room
            // for a line more.
            unsafe {
                let from = from.offset(at * self.numbers[0].bytes() as isize);
                pack.run(from, &what, None, held.input.offset(first).add(taken * self.plane));
            }
        }
    }

    /// Packs the weights of all rows, if they are not read as they lie.
    ///
    /// # Safety
    /// As [`Sliding::run`].
    unsafe fn pack_weights(&self, from: *const u8, offset: isize, held: &mut Held) {
        if !self.packs || held.of_weights == Some(offset) {
            return;
        }
        held.of_weights = Some(offset);
        let pack = f32::pack(self.numbers[1]).expect("the schedule checked that the operand widens");
        let (lines, terms) = (&self.tables.rows, &self.tables.terms);
        let what = Lines { lines, terms, width: 1, panel: apart(terms.len()) };
        // SAFETY: the caller's promises; scratch has room for all terms of all rows.
        unsafe {
            let from = from.offset(offset * self.numbers[1].bytes() as isize);
            pack.run(from, &what, None, held.weights);
        }
    }

    /// # Safety
    /// As [`Sliding::run`]; the tile's input is copied, and weights are packed.
    unsafe fn tile(
        &self,
        operands: &Operands,
        [_, kernel, out, addend]: [isize; 4],
        (rows, lines): (Range<usize>, Range<usize>),
        held: &Held,
    ) {
        let strips = Strips::of(self.level);
        let of_line = self.spots.len() / self.tile[1];
        let out = out + lines.start as isize * self.lines.strides[2];
        let spots = lines.len() * of_line;
        // Sums that are converted are a tile's alone.
        let (first, by_row) = (rows.start as isize, self.by_row);
        let (sums, row) = match self.stores {
            true => (held.sums, 0),
            false => (operands.out.cast::<f32>().wrapping_offset(out), first * by_row.sums),
        };
        let weights =
            if self.packs { held.weights } else { operands.lhs.cast::<f32>().wrapping_offset(kernel) };
        let mut block = Block {
            weights: weights.wrapping_offset(first * by_row.weights),
            weight_term: self.steps[0],
            input: held.input,
            input_term: self.steps[1],
            sums: sums.wrapping_offset(row),
            addend: match self.epilogue.add {
                true => operands.addend.cast::<f32>().wrapping_offset(addend + first * by_row.addend),
                false => std::ptr::null(),
            },
            relu: self.epilogue.relu,
            rows: rows.len(),
            by_row: self.by_row,
            spots: &[],
            stretches: &self.stretches,
            lanes: &self.lanes,
            lines: if self.of_lines.is_empty() { &[] } else { &self.of_lines[lines.clone()] },
        };
        for first in (0..spots).step_by(NEAR) {
            block.spots = &self.spots[first..spots.min(first + NEAR)];
            // SAFETY: the schedule's tables name elements of what is copied, of the operands and of the result.
            unsafe { strips.run(&block) };
        }
        if self.stores {
            // SAFETY: the caller's promises; the sums are finished.
            unsafe { self.store(operands.out, out, &rows, lines.len(), held.sums) };
        }
    }

    /// Converts the sums of a tile.
    ///
    /// # Safety
    /// As [`Sliding::tile`]; the sums of the rows must be finished.
    unsafe fn store(&self, to: *mut u8, out: isize, rows: &Range<usize>, lines: usize, sums: *const f32) {
        let number = self.numbers[2];
        let store = f32::store(number).expect("the result is computed in this type");
        let (length, count) = (self.tables.results.len(), lines * self.places.sizes[2]);
        for (at, row) in rows.clone().enumerate() {
            let place = out + self.tables.outs[row];
            // SAFETY: the caller's promises: every row has sums of all places.
            unsafe {
                let sums = std::slice::from_raw_parts(sums.add(at * length), count);
                let to = to.offset(place * number.bytes() as isize);
                store(sums, to, &self.tables.results[..count], &self.tables.runs[..lines]);
            }
        }
    }
}
