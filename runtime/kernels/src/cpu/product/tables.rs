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
        let mut table = |known: Option<&[isize]>, length: usize| {
            // SAFETY: the schedule's layout has room for every table, aligned; zeros initialise it, or what is known.
            let table = unsafe {
                match known {
                    Some(known) => next.copy_from_nonoverlapping(known[..length].as_ptr(), length),
                    None => next.write_bytes(0, length),
                }
                std::slice::from_raw_parts_mut(next, length)
            };
            next = next.wrapping_add(length);
            table
        };
        let (rows, columns) = (schedule.left.tile, schedule.right.tile);
        let chunk = schedule.chunk.min(schedule.depth);
        let terms = [schedule.left.packs_terms(chunk), schedule.right.packs_terms(chunk)];
        let terms = terms.map(|length| table(None, length));
        // A stretch is as large as three offsets.
        let stretches = schedule.stretches().map(|count| {
            let table = table(None, 3 * count);
            // SAFETY: the place is exclusive, aligned and as large; zeros are stretches.
            unsafe { std::slice::from_raw_parts_mut(table.as_mut_ptr().cast::<Stretch>(), count) }
        });
        let mut known = schedule.only_tile.as_ref().map(|tile| tile.tables.as_slice());
        let mut table = |length: usize| {
            let filled = table(known, length);
            known = known.map(|known| &known[length..]);
            filled
        };
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

/// The tables of the rows and columns of a schedule's only tile, one after another, and how many runs of columns lie
/// side by side in the result.
#[derive(Debug, Clone)]
pub(super) struct OnlyTile {
    tables: Vec<isize>,
    runs: usize,
}

/// Rows and columns of an only tile whose tables are kept, at most.
const KEPT: usize = 512;

impl Schedule {
    /// The tables of the only tile: small products would else take as long to fill them as to multiply.
    pub(super) fn only_tile(&self) -> Option<OnlyTile> {
        if self.grid() != [1, 1] || self.left.tile + self.right.tile > KEPT {
            return None;
        }
        let mut scratch = vec![MaybeUninit::uninit(); self.scratch()];
        // SAFETY: scratch is as large as the schedule says. Tables do not depend on the type of elements.
        let mut parts = unsafe { Parts::<u8>::of(self, &mut scratch) };
        parts.fill_rows(self, 0);
        let runs = parts.fill_columns(self, 0);
        Some(OnlyTile { tables: parts.of_tile().concat(), runs })
    }
}

impl<T> Parts<'_, T> {
    /// The tables of a tile's rows and columns, in their order.
    fn of_tile(&self) -> [&[isize]; 9] {
        [
            self.left_rows,
            self.kernel_rows,
            self.out_rows,
            self.sum_rows,
            self.right_columns,
            self.out_columns,
            self.out_runs,
            self.right_panels,
            self.sum_panels,
        ]
    }

    fn fill_rows(&mut self, schedule: &Schedule, row: usize) {
        let (side, start) = (&schedule.left, row * schedule.left.tile);
        let count = side.tile.min(side.size - start);
        space::fill(&side.dims, 0, start, &mut self.left_rows[..count]);
        space::fill(&side.dims, 1, start, &mut self.out_rows[..count]);
        let width = schedule.right.tile;
        match schedule.sums {
            Sums::InResult => self.sum_rows[..count].copy_from_slice(&self.out_rows[..count]),
            Sums::InScratch(_) => {
                self.sum_rows.iter_mut().enumerate().for_each(|(at, sum)| *sum = (at * width) as isize);
            }
        }
        match side.source {
            Source::InPlace => self.kernel_rows[..count].copy_from_slice(&self.left_rows[..count]),
            Source::Ahead => packed_rows(self.kernel_rows, side.width, schedule.depth),
            Source::Scratch => {}
        }
    }

    /// How many runs of columns lie side by side in the result.
    fn fill_columns(&mut self, schedule: &Schedule, column: usize) -> usize {
        let (side, start) = (&schedule.right, column * schedule.right.tile);
        let count = side.tile.min(side.size - start);
        space::fill(&side.dims, 0, start, &mut self.right_columns[..count]);
        space::fill(&side.dims, 1, start, &mut self.out_columns[..count]);
        for panel in 0..count.div_ceil(side.width) {
            let column = panel * side.width;
            self.sum_panels[panel] = match schedule.sums {
                Sums::InResult => self.out_columns[column],
                Sums::InScratch(_) => column as isize,
            };
            self.right_panels[panel] = match side.source {
                Source::Ahead => (column * schedule.depth) as isize,
                Source::InPlace => self.right_columns[column],
                Source::Scratch => 0,
            };
        }
        runs(&self.out_columns[..count], self.out_runs)
    }
}

impl<T: Element> Run<'_, T> {
    /// Takes the tables of the only tile for those of this run.
    pub(super) fn know_tile(&mut self) {
        if let Some(tile) = &self.schedule.only_tile {
            self.runs = tile.runs;
            self.held = Held { rows: Some(0), columns: Some(0), ..Held::default() };
        }
    }

    pub(super) fn fill_rows(&mut self, row: usize) {
        if self.held.rows != Some(row) {
            self.held = Held { rows: Some(row), left: None, ..std::mem::take(&mut self.held) };
            self.parts.fill_rows(self.schedule, row);
        }
    }

    pub(super) fn fill_columns(&mut self, column: usize) {
        if self.held.columns != Some(column) {
            self.held = Held { columns: Some(column), right: None, ..std::mem::take(&mut self.held) };
            self.runs = self.parts.fill_columns(self.schedule, column);
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
