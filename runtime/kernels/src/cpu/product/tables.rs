//! Scratch by purpose, and the tables of offsets in it.
//!
//! Must not live here: loops over elements.

use std::mem::MaybeUninit;

use super::element::Element;
use super::kernel::Stretch;
use super::run::{Held, Run};
use super::schedule::{LINE, Schedule, Source, Sums};
use super::sides::packed_rows;
use crate::product::order::Chunk;
use crate::product::space;

/// Scratch by purpose. The tables hold an offset for every row, column or term.
pub(super) struct Parts<'a, T> {
    pub(super) left: *mut T,
    pub(super) right: *mut T,
    pub(super) sums: *mut T,
    pub(super) addend: *mut T,
    pub(super) left_rows: &'a mut [isize],
    pub(super) kernel_rows: &'a mut [isize],
    pub(super) out_rows: &'a mut [isize],
    pub(super) sum_rows: &'a mut [isize],
    pub(super) right_columns: &'a mut [isize],
    pub(super) out_columns: &'a mut [isize],
    /// Lengths of the runs of columns that lie side by side in the result.
    pub(super) out_runs: &'a mut [isize],
    pub(super) right_panels: &'a mut [isize],
    pub(super) sum_panels: &'a mut [isize],
    /// Offsets of the chunk's terms in the operands that are packed.
    pub(super) terms: [&'a mut [isize]; 2],
    /// The chunk's terms where the kernel reads them, and where the right operand's last panel is packed.
    pub(super) stretches: [&'a mut [Stretch]; 2],
}

impl<'a, T> Parts<'a, T> {
    /// # Safety
    /// Scratch must be as large as the schedule says.
    pub(super) unsafe fn of(schedule: &Schedule, scratch: &'a mut [MaybeUninit<u8>]) -> Parts<'a, T> {
        let start = scratch.as_mut_ptr().cast::<u8>();
        let start = start.wrapping_add(start.align_offset(LINE));
        let parts = &schedule.parts;
        let part = |at: usize| start.wrapping_add(at).cast::<T>();
        let mut next = start.wrapping_add(parts.tables).cast::<isize>();
        let mut table = |length: usize| {
            // SAFETY: the schedule's layout has room for every table, aligned; zeros initialise it.
            let table = unsafe {
                next.write_bytes(0, length);
                std::slice::from_raw_parts_mut(next, length)
            };
            next = next.wrapping_add(length);
            table
        };
        let (rows, columns) = (schedule.left.tile, schedule.right.tile);
        let chunk = schedule.chunk.min(schedule.depth);
        let terms = [schedule.left.packs_terms(chunk), schedule.right.packs_terms(chunk)].map(&mut table);
        // A stretch is as large as three offsets.
        let stretches = schedule.stretches().map(|count| {
            let table = table(3 * count);
            // SAFETY: the place is exclusive, aligned and as large; zeros are stretches.
            unsafe { std::slice::from_raw_parts_mut(table.as_mut_ptr().cast::<Stretch>(), count) }
        });
        Parts {
            left: part(parts.left),
            right: part(parts.right),
            sums: part(parts.sums),
            addend: part(parts.addend),
            left_rows: table(rows),
            kernel_rows: table(rows),
            out_rows: table(rows),
            sum_rows: table(rows),
            right_columns: table(columns),
            out_columns: table(columns),
            out_runs: table(columns),
            right_panels: table(columns / schedule.right.width),
            sum_panels: table(columns / schedule.right.width),
            terms,
            stretches,
        }
    }
}

impl<T: Element> Run<'_, T> {
    pub(super) fn fill_rows(&mut self, row: usize) {
        if self.held.rows == Some(row) {
            return;
        }
        self.held = Held { rows: Some(row), left: None, ..std::mem::take(&mut self.held) };
        let (side, start) = (&self.schedule.left, row * self.schedule.left.tile);
        let parts = &mut self.parts;
        let count = side.tile.min(side.size - start);
        space::fill(&side.dims, 0, start, &mut parts.left_rows[..count]);
        space::fill(&side.dims, 1, start, &mut parts.out_rows[..count]);
        let width = self.schedule.right.tile;
        match self.schedule.sums {
            Sums::InResult => parts.sum_rows[..count].copy_from_slice(&parts.out_rows[..count]),
            Sums::InScratch(_) => {
                parts.sum_rows.iter_mut().enumerate().for_each(|(at, sum)| *sum = (at * width) as isize);
            }
        }
        match side.source {
            Source::InPlace => parts.kernel_rows[..count].copy_from_slice(&parts.left_rows[..count]),
            Source::Ahead => packed_rows(parts.kernel_rows, side.width, self.schedule.depth),
            Source::Scratch => {}
        }
    }

    pub(super) fn fill_columns(&mut self, column: usize) {
        if self.held.columns == Some(column) {
            return;
        }
        self.held = Held { columns: Some(column), right: None, ..std::mem::take(&mut self.held) };
        let (side, start) = (&self.schedule.right, column * self.schedule.right.tile);
        let count = side.tile.min(side.size - start);
        space::fill(&side.dims, 0, start, &mut self.parts.right_columns[..count]);
        space::fill(&side.dims, 1, start, &mut self.parts.out_columns[..count]);
        let parts = &mut self.parts;
        self.runs = runs(&parts.out_columns[..count], parts.out_runs);
        for panel in 0..count.div_ceil(side.width) {
            let column = panel * side.width;
            parts.sum_panels[panel] = match self.schedule.sums {
                Sums::InResult => parts.out_columns[column],
                Sums::InScratch(_) => column as isize,
            };
            parts.right_panels[panel] = match side.source {
                Source::Ahead => (column * self.schedule.depth) as isize,
                Source::InPlace => parts.right_columns[column],
                Source::Scratch => 0,
            };
        }
    }

    pub(super) fn fill_terms(&mut self, chunk: &Chunk) {
        if self.held.terms == Some(chunk.terms.start) {
            return;
        }
        self.held.terms = Some(chunk.terms.start);
        let schedule = self.schedule;
        for (operand, terms) in self.parts.terms.iter_mut().enumerate().filter(|(_, terms)| !terms.is_empty())
        {
            space::fill(&schedule.terms, operand, chunk.terms.start, &mut terms[..chunk.terms.len()]);
        }
        let (left, right) =
            (schedule.left.source == Source::InPlace, schedule.right.source == Source::InPlace);
        let [all, tail] = &mut self.parts.stretches;
        self.stretches = [
            schedule.fill_stretches(chunk, [left, right], all),
            if right { schedule.fill_stretches(chunk, [left, false], tail) } else { 0 },
        ];
    }
}

/// Writes how many offsets at a time are each one more than the one before, and says how often.
fn runs(offsets: &[isize], into: &mut [isize]) -> usize {
    let mut count = 0;
    for (at, &offset) in offsets.iter().enumerate() {
        if at > 0 && offsets[at - 1] + 1 == offset {
            into[count - 1] += 1;
        } else {
            into[count] = 1;
            count += 1;
        }
    }
    count
}
