//! What happens to sums besides multiply-adds: the addend, the tree of blocks, and the way into the result.
//!
//! Must not live here: the inner loops.

use std::ops::Range;

use super::element::Element;
use super::kernel::Addend;
use super::run::{Run, Tile};
use super::schedule::{Adds, Sums};
use crate::product::space;

impl<'a, T: Element> Run<'a, T> {
    /// The addend of a tile's rows or columns, copied if it does not lie side by side.
    pub(super) fn addend(&mut self, tile: &Tile) -> Addend<T> {
        let schedule = self.schedule;
        let (side, range, in_place, of): (_, _, _, fn(*const T) -> Addend<T>) = match schedule.adds {
            Adds::Nothing => return Addend::None,
            Adds::Rows { in_place } => (&schedule.left, &tile.rows, in_place, Addend::Rows),
            Adds::Columns { in_place } => (&schedule.right, &tile.columns, in_place, Addend::Columns),
        };
        let first = self.addend.wrapping_offset(tile.offsets[3]);
        let place = |at: usize| first.wrapping_offset(space::offsets(&side.dims, at)[2]);
        if in_place {
            return of(place(range.start));
        }
        let key = [tile.offsets[3], range.start as isize];
        if self.held.addend != Some(key) {
            self.held.addend = Some(key);
            for (to, at) in range.clone().enumerate() {
                // SAFETY: `Schedule::run` asks for the addend of every row and column, and scratch has room
                // for a tile's rows and columns.
                unsafe { self.parts.addend.add(to).write(*place(at)) };
            }
        }
        of(self.parts.addend)
    }

    /// The sums of a tile that are kept at a place of the counter.
    pub(super) fn kept(&self, place: usize) -> *mut T {
        self.parts.sums.wrapping_add(place * self.schedule.left.tile * self.schedule.right.tile)
    }

    /// A row of kept sums.
    ///
    /// # Safety
    /// The row's sums at the place must have been computed, and must not be borrowed.
    pub(super) unsafe fn kept_row(&self, place: usize, row: usize) -> &'a mut [T] {
        let width = self.schedule.right.tile;
        // SAFETY: scratch has room for a tile at every place; the caller promises the rest.
        unsafe { std::slice::from_raw_parts_mut(self.kept(place).add(row * width), width) }
    }

    /// Adds the newest sums to those before them, as often as the counter says.
    ///
    /// # Safety
    /// The sums of the rows at all places up to `newest` must have been computed.
    pub(super) unsafe fn merge(&mut self, rows: &Range<usize>, newest: usize, merges: usize) {
        for newest in (newest + 1 - merges..=newest).rev() {
            for row in rows.clone() {
                // SAFETY: the caller's promise; two places do not overlap.
                let (older, newer) = unsafe { (self.kept_row(newest - 1, row), self.kept_row(newest, row)) };
                older.iter_mut().zip(newer).for_each(|(older, newer)| *older = older.plus(*newer));
            }
        }
    }

    /// Writes sums that were kept in scratch to the result.
    ///
    /// # Safety
    /// The sums of the rows must be finished, at the first place.
    pub(super) unsafe fn finish(&mut self, tile: &Tile, rows: &Range<usize>, addend: Addend<T>) {
        if self.schedule.sums == Sums::InResult {
            return;
        }
        let size = self.schedule.out.bytes() as isize;
        for row in rows.clone() {
            // SAFETY: the caller's promises; the offsets are those of the tile's elements in the result.
            unsafe {
                let sums = &mut self.kept_row(0, row)[..tile.columns.len()];
                add_to(sums, row, addend);
                if self.schedule.epilogue.relu {
                    sums.iter_mut().for_each(|sum| *sum = sum.relu());
                }
                let out = self.out.offset((tile.offsets[2] + self.parts.out_rows[row]) * size);
                let columns = &self.parts.out_columns[..tile.columns.len()];
                (self.store)(sums, out, columns, &self.parts.out_runs[..self.runs]);
            }
        }
    }
}

/// Adds the addend of a row, or of each column.
///
/// # Safety
/// There must be an addend for the row, or for every column.
unsafe fn add_to<T: Element>(sums: &mut [T], row: usize, addend: Addend<T>) {
    // SAFETY: the caller's promise.
    unsafe {
        match addend {
            Addend::None => {}
            Addend::Rows(addend) => sums.iter_mut().for_each(|sum| *sum = sum.plus(*addend.add(row))),
            Addend::Columns(addend) => {
                sums.iter_mut().enumerate().for_each(|(at, sum)| *sum = sum.plus(*addend.add(at)));
            }
        }
    }
}
