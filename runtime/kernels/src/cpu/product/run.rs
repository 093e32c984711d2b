//! Running a schedule: tile by tile, chunk by chunk of the terms, block by block of the rows.
//!
//! Must not live here: decisions, which are the schedule's.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::convert::Store;
use super::element::{Element, Truth};
use super::kernel::{Addend, Block, Kernels, Places};
use super::pack::Pack;
use super::schedule::{LINE, Schedule, Side, Source, Sums};
use super::tables::Parts;
use super::vector::publish_streams;
use super::with_element;
use crate::product::Compute;
use crate::product::order::{self, Chunk};

/// Where operands and the result are. What was packed ahead stands in its operand's place.
#[derive(Debug, Clone, Copy)]
pub struct Operands {
    /// The left operand.
    pub lhs: *const u8,
    /// The right operand.
    pub rhs: *const u8,
    /// What is added to sums, if the product says so.
    pub addend: *const u8,
    /// The result.
    pub out: *mut u8,
}

/// A block of the result that has its values, as flat indices in the dimensions of [`Schedule::origins`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The element of the batch.
    pub batch: usize,
    /// The rows.
    pub rows: Range<usize>,
    /// The columns.
    pub columns: Range<usize>,
}

impl Schedule {
    /// Computes some of the tiles, and tells of every block of the result while it is in the cache.
    ///
    /// # Safety
    /// - Of every operand, what [`Product::reach`](crate::product::Product::reach) says must be valid,
    ///   initialised and aligned for its element type; the result for writing, and by nobody else while this
    ///   runs, but for other runs of other tiles. Booleans must be 0 or 1.
    /// - An operand that was packed ahead must be what [`Schedule::pack`] made of it, by an equal schedule.
    /// - The schedule's level must be available on this processor.
    ///
    /// # Panics
    /// If scratch is smaller than [`Schedule::scratch`] says, or if there are no such tiles.
    pub unsafe fn run(
        &self,
        operands: Operands,
        scratch: &mut [MaybeUninit<u8>],
        tiles: Range<usize>,
        after: &mut dyn FnMut(Finished),
    ) {
        assert!(
            scratch.len() >= self.scratch(),
            "{} bytes of scratch, not {}",
            self.scratch(),
            scratch.len()
        );
        assert!(tiles.end <= self.tiles(), "{} tiles, not {}", self.tiles(), tiles.end);
        if tiles.is_empty() {
            return;
        }
        with_element!(self.compute, T => {
            // SAFETY: the caller's promises, and the checks above.
            unsafe { Run::<T>::new(self, operands, scratch).tiles(tiles, after) }
        });
    }
}

/// A thread's run of some tiles.
pub(super) struct Run<'a, T: Element> {
    pub(super) schedule: &'a Schedule,
    pub(super) kernels: Kernels<T>,
    pub(super) packs: [Pack<T>; 2],
    pub(super) store: Store<T>,
    pub(super) operands: [*const u8; 2],
    pub(super) addend: *const T,
    pub(super) out: *mut u8,
    pub(super) parts: Parts<'a, T>,
    /// How many stretches the chunk has, in both tables.
    pub(super) stretches: [usize; 2],
    /// How many runs of columns lie side by side in the result, in their table.
    pub(super) runs: usize,
    /// What scratch holds now, so that the next tile need not make it again.
    pub(super) held: Held,
}

/// For each thing that scratch holds, which one it is.
#[derive(Default)]
pub(super) struct Held {
    pub(super) rows: Option<usize>,
    pub(super) columns: Option<usize>,
    pub(super) terms: Option<usize>,
    pub(super) left: Option<[isize; 3]>,
    pub(super) right: Option<[isize; 3]>,
    pub(super) addend: Option<[isize; 2]>,
}

/// A tile: the batch's offsets in left, right, result and addend, the ranges of rows and columns, and how
/// many elements of the batch have theirs computed together.
pub(super) struct Tile {
    pub(super) offsets: [isize; 4],
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    pub(super) members: usize,
}

impl<'a, T: Element> Run<'a, T> {
    /// # Safety
    /// As [`Schedule::run`].
    unsafe fn new(
        schedule: &'a Schedule,
        operands: Operands,
        scratch: &'a mut [MaybeUninit<u8>],
    ) -> Run<'a, T> {
        let (left, right) = match schedule.is_turned {
            false => (operands.lhs, operands.rhs),
            true => (operands.rhs, operands.lhs),
        };
        let pack = |side: &Side| T::pack(side.number).expect("the schedule checked that the operand widens");
        Run {
            schedule,
            kernels: T::kernels(schedule.level),
            packs: [pack(&schedule.left), pack(&schedule.right)],
            store: T::store(schedule.out).expect("the result is computed in this type"),
            operands: [left, right],
            addend: operands.addend.cast(),
            out: operands.out,
            // SAFETY: scratch is as large as the schedule says.
            parts: unsafe { Parts::of(schedule, scratch) },
            stretches: [0; 2],
            runs: 0,
            held: Held::default(),
        }
    }

    /// # Safety
    /// As [`Schedule::run`].
    unsafe fn tiles(&mut self, tiles: Range<usize>, after: &mut dyn FnMut(Finished)) {
        self.know_tile();
        let [rows, columns] = self.schedule.grid();
        let (mut batch, place) = (tiles.start / (rows * columns), tiles.start % (rows * columns));
        let (mut column, mut row) = (place / rows, place % rows);
        let mut left = tiles.len();
        while left > 0 {
            self.fill_rows(row);
            self.fill_columns(column);
            let [rows_of_tile, columns_of_tile] = self.schedule.extent(row, column);
            let offsets = self.schedule.batch_offsets(batch);
            let members = self.schedule.members_from(batch).min(left);
            let tile = Tile { offsets, rows: rows_of_tile, columns: columns_of_tile, members };
            let tell = &mut |rows: Range<usize>, columns: Range<usize>| {
                for batch in batch..batch + members {
                    after(Finished { batch, rows: rows.clone(), columns: columns.clone() });
                }
            };
            // SAFETY: the caller's promises; the tables are those of the tile.
            unsafe { self.tile(&tile, tell) };
            left -= members;
            if members > 1 {
                batch += members;
                continue;
            }
            row += 1;
            if row == rows {
                (row, column) = (0, column + 1);
            }
            if column == columns {
                (column, batch) = (0, batch + 1);
            }
        }
        if self.schedule.streams {
            publish_streams();
        }
    }

    /// # Safety
    /// As [`Schedule::run`]; the tables are those of the tile.
    unsafe fn tile(&mut self, tile: &Tile, after: &mut dyn FnMut(Range<usize>, Range<usize>)) {
        let schedule = self.schedule;
        let addend = self.addend(tile);
        let mut kept = 0;
        for chunk in order::chunks(schedule.depth, schedule.chunk, schedule.compute.is_float()) {
            let is_last = chunk.terms.end == schedule.depth;
            // SAFETY: the caller's promises.
            unsafe {
                self.fill_terms(&chunk);
                let right = self.right(tile, &chunk);
                for start in (0..tile.rows.len()).step_by(schedule.block_rows) {
                    let rows = start..tile.rows.len().min(start + schedule.block_rows);
                    self.block(
                        tile,
                        &chunk,
                        &rows,
                        (right, kept),
                        if is_last { addend } else { Addend::None },
                    );
                    self.merge(&rows, kept, chunk.merges.unwrap_or(0));
                    if is_last {
                        self.finish(tile, &rows, addend);
                        after(tile.rows.start + rows.start..tile.rows.start + rows.end, tile.columns.clone());
                    }
                }
            }
            kept = chunk.merges.map_or(kept, |merges| kept - merges + 1);
        }
    }

    /// Computes a chunk of the sums of a block of rows.
    ///
    /// # Safety
    /// As [`Run::tile`].
    unsafe fn block(
        &mut self,
        tile: &Tile,
        chunk: &Chunk,
        rows: &Range<usize>,
        (right, kept): (*const T, usize),
        addend: Addend<T>,
    ) {
        let schedule = self.schedule;
        // SAFETY: the caller's promises.
        let left = unsafe { self.left(tile, chunk, rows) };
        let width = schedule.right.width;
        let (sums, columns, is_finished) = match schedule.sums {
            Sums::InResult => {
                let is_last = chunk.terms.end == schedule.depth;
                (self.out.cast::<T>().wrapping_offset(tile.offsets[2]), tile.columns.len(), is_last)
            }
            Sums::InScratch(_) => (self.kept(kept), tile.columns.len().next_multiple_of(width), false),
        };
        let is_in_place = schedule.right.source == Source::InPlace;
        let whole = if is_in_place { tile.columns.len() / width * width } else { columns };
        let addend = match addend {
            Addend::Rows(addend) if is_finished => Addend::Rows(addend.wrapping_add(rows.start)),
            Addend::Columns(_) if is_finished => addend,
            Addend::None | Addend::Rows(_) | Addend::Columns(_) => Addend::None,
        };
        let block = Block {
            at: Places { left, right, sums, addend },
            left_rows: &self.parts.kernel_rows[rows.clone()],
            left_term: schedule.left.step(&schedule.terms, 0),
            right_panels: self.parts.right_panels,
            right_term: schedule.right.step(&schedule.terms, 1),
            stretches: &self.parts.stretches[0][..self.stretches[0]],
            sum_rows: &self.parts.sum_rows[rows.clone()],
            sum_panels: self.parts.sum_panels,
            columns,
            begins: chunk.begins,
            relu: is_finished && schedule.epilogue.relu,
            streams: is_finished && schedule.streams && (sums as usize).is_multiple_of(LINE),
            members: tile.members,
            steps: schedule.member_steps,
        };
        // SAFETY: the schedule chose sources whose rows and panels are elements of the operands or of what
        // is packed; sums are places of the result or of scratch.
        unsafe {
            if whole == columns {
                return self.kernels.run(&block);
            }
            let [here, mut tail] = block.split(whole, width);
            if whole > 0 {
                self.kernels.run(&here);
            }
            (tail.at.right, tail.right_panels, tail.right_term) = (self.parts.right, &[0], width as isize);
            tail.stretches = &self.parts.stretches[1][..self.stretches[1]];
            self.kernels.run(&tail);
        }
    }
}
