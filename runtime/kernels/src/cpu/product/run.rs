//! Running a schedule: tile by tile, chunk by chunk of the terms, block by block of the rows.
//!
//! Must not live here: decisions, which are the schedule's.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::convert::Store;
use super::element::{Element, Truth};
use super::kernel::{Addend, Block, Kernels, Stretch};
use super::pack::{Lines, Pack};
use super::schedule::{LINE, Schedule, Side, Source, Sums};
use super::with_element;
use crate::product::order::{self, Chunk};
use crate::product::{Compute, space};

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
    /// - Of every operand, what [`Product::reach`](crate::product::Product::reach) says must be valid, initialised
    ///   and aligned for its element type; the result for writing, and by nobody else while this runs, but for other
    ///   runs of other tiles. Booleans must be 0 or 1.
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

    /// Packs the operand that is to be packed ahead.
    ///
    /// # Safety
    /// What [`Product::reach`](crate::product::Product::reach) says of the operand must be valid for reading,
    /// initialised and aligned.
    ///
    /// # Panics
    /// If there is no operand to pack, or if there are not as many bytes as [`Schedule::packed`] says.
    pub unsafe fn pack(&self, operand: *const u8, into: &mut [MaybeUninit<u8>]) {
        let bytes = self.packed().expect("an operand that is packed ahead");
        assert!(into.len() == bytes, "{bytes} bytes for what is packed, not {}", into.len());
        assert!(
            (into.as_ptr() as usize).is_multiple_of(self.compute.bytes()),
            "what is packed must be aligned"
        );
        with_element!(self.compute, T => {
            // SAFETY: the caller's promises, and the checks above.
            unsafe { pack_ahead::<T>(self, operand, into.as_mut_ptr().cast()) }
        });
    }
}

/// A thread's run of some tiles.
struct Run<'a, T: Element> {
    schedule: &'a Schedule,
    kernels: Kernels<T>,
    packs: [Pack<T>; 2],
    store: Store<T>,
    operands: [*const u8; 2],
    addend: *const T,
    out: *mut u8,
    parts: Parts<'a, T>,
    /// How many stretches the chunk has, in both tables.
    stretches: [usize; 2],
    /// What scratch holds now, so that the next tile need not make it again.
    held: Held,
}

/// Scratch by purpose. The tables hold an offset for every row, column or term.
struct Parts<'a, T> {
    left: *mut T,
    right: *mut T,
    sums: *mut T,
    addend: *mut T,
    left_rows: &'a mut [isize],
    kernel_rows: &'a mut [isize],
    out_rows: &'a mut [isize],
    sum_rows: &'a mut [isize],
    right_columns: &'a mut [isize],
    out_columns: &'a mut [isize],
    right_panels: &'a mut [isize],
    sum_panels: &'a mut [isize],
    /// Offsets of the chunk's terms in the operands that are packed.
    terms: [&'a mut [isize]; 2],
    /// The chunk's terms where the kernel reads them, and where the right operand's last panel is packed.
    stretches: [&'a mut [Stretch]; 2],
}

/// For each thing that scratch holds, which one it is.
#[derive(Default)]
struct Held {
    rows: Option<usize>,
    columns: Option<usize>,
    terms: Option<usize>,
    left: Option<[isize; 3]>,
    right: Option<[isize; 3]>,
}

/// A tile: the batch's offsets in left, right, result and addend, the ranges of rows and columns, and how many
/// elements of the batch have theirs computed together.
struct Tile {
    offsets: [isize; 4],
    rows: Range<usize>,
    columns: Range<usize>,
    members: usize,
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
            held: Held::default(),
        }
    }

    /// # Safety
    /// As [`Schedule::run`].
    unsafe fn tiles(&mut self, tiles: Range<usize>, after: &mut dyn FnMut(Finished)) {
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
    }

    fn fill_rows(&mut self, row: usize) {
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

    fn fill_columns(&mut self, column: usize) {
        if self.held.columns == Some(column) {
            return;
        }
        self.held = Held { columns: Some(column), right: None, ..std::mem::take(&mut self.held) };
        let (side, start) = (&self.schedule.right, column * self.schedule.right.tile);
        let count = side.tile.min(side.size - start);
        space::fill(&side.dims, 0, start, &mut self.parts.right_columns[..count]);
        space::fill(&side.dims, 1, start, &mut self.parts.out_columns[..count]);
        let parts = &mut self.parts;
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

    fn fill_terms(&mut self, chunk: &Chunk) {
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

    /// Copies the addend of a tile's rows or columns side by side.
    fn addend(&mut self, tile: &Tile) -> Addend<T> {
        let schedule = self.schedule;
        if !schedule.epilogue.add {
            return Addend::None;
        }
        let moves = |side: &Side| side.dims.iter().any(|dim| dim.strides[2] != 0);
        let by_rows = moves(&schedule.left);
        let (side, range) =
            if by_rows { (&schedule.left, &tile.rows) } else { (&schedule.right, &tile.columns) };
        for at in 0..side.tile {
            let offset =
                space::offsets(&side.dims, (range.start + at).min(range.end - 1))[2] + tile.offsets[3];
            // SAFETY: `Schedule::run` asks for the addend of every row and column, and scratch has room for a
            // tile's rows and columns. What lies behind the last column is its addend again.
            unsafe { self.parts.addend.add(at).write(*self.addend.offset(offset)) };
        }
        if by_rows { Addend::Rows(self.parts.addend) } else { Addend::Columns(self.parts.addend) }
    }

    /// Where the right operand's panels for a chunk are, packed if need be. Where it is read in place, scratch holds
    /// the last panel if the columns do not fill it.
    ///
    /// # Safety
    /// As [`Run::tile`].
    unsafe fn right(&mut self, tile: &Tile, chunk: &Chunk) -> *const T {
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
    unsafe fn pack_right(&mut self, tile: &Tile, chunk: &Chunk, from: usize) {
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
    unsafe fn left(&mut self, tile: &Tile, chunk: &Chunk, rows: &Range<usize>) -> *const T {
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
    unsafe fn pack_left(&mut self, tile: &Tile, chunk: &Chunk, rows: &Range<usize>) {
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
        let mut block = Block {
            left,
            left_rows: &self.parts.kernel_rows[rows.clone()],
            left_term: schedule.left.step(&schedule.terms, 0),
            right,
            right_panels: self.parts.right_panels,
            right_term: schedule.right.step(&schedule.terms, 1),
            stretches: &self.parts.stretches[0][..self.stretches[0]],
            sums,
            sum_rows: &self.parts.sum_rows[rows.clone()],
            sum_panels: self.parts.sum_panels,
            columns: whole,
            begins: chunk.begins,
            addend,
            relu: is_finished && schedule.epilogue.relu,
            members: tile.members,
            steps: schedule.member_steps,
        };
        // SAFETY: the schedule chose sources whose rows and panels are elements of the operands or of what is packed;
        // sums are places of the result or of scratch.
        unsafe {
            if whole > 0 {
                self.kernels.run(&block);
            }
            if whole < columns {
                (block.right, block.right_panels) = (self.parts.right, &[0]);
                block.right_term = width as isize;
                block.stretches = &self.parts.stretches[1][..self.stretches[1]];
                block.sum_panels = &self.parts.sum_panels[whole / width..];
                block.columns = columns - whole;
                if let Addend::Columns(addend) = addend {
                    block.addend = Addend::Columns(addend.add(whole));
                }
                self.kernels.run(&block);
            }
        }
    }

    /// The sums of a tile that are kept at a place of the counter.
    fn kept(&self, place: usize) -> *mut T {
        self.parts.sums.wrapping_add(place * self.schedule.left.tile * self.schedule.right.tile)
    }

    /// A row of kept sums.
    ///
    /// # Safety
    /// The row's sums at the place must have been computed, and must not be borrowed.
    unsafe fn kept_row(&self, place: usize, row: usize) -> &'a mut [T] {
        let width = self.schedule.right.tile;
        // SAFETY: scratch has room for a tile at every place; the caller promises the rest.
        unsafe { std::slice::from_raw_parts_mut(self.kept(place).add(row * width), width) }
    }

    /// Adds the newest sums to those before them, as often as the counter says.
    ///
    /// # Safety
    /// The sums of the rows at all places up to `newest` must have been computed.
    unsafe fn merge(&mut self, rows: &Range<usize>, newest: usize, merges: usize) {
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
    unsafe fn finish(&mut self, tile: &Tile, rows: &Range<usize>, addend: Addend<T>) {
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
                (self.store)(sums, out, &self.parts.out_columns[..tile.columns.len()]);
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

/// Offsets of rows that are packed `width` at a time, all terms of a panel together.
fn packed_rows(rows: &mut [isize], width: usize, terms: usize) {
    let offset = |row: usize| (row / width * width * terms + row % width) as isize;
    rows.iter_mut().enumerate().for_each(|(row, place)| *place = offset(row));
}

impl<'a, T> Parts<'a, T> {
    /// # Safety
    /// Scratch must be as large as the schedule says.
    unsafe fn of(schedule: &Schedule, scratch: &'a mut [MaybeUninit<u8>]) -> Parts<'a, T> {
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
            right_panels: table(columns / schedule.right.width),
            sum_panels: table(columns / schedule.right.width),
            terms,
            stretches,
        }
    }
}

/// # Safety
/// As [`Schedule::pack`]; `into` is aligned, and as large as it asks for.
unsafe fn pack_ahead<T: Element>(schedule: &Schedule, from: *const u8, into: *mut T) {
    let Some((side, operand)) = schedule.side_ahead() else { return };
    let pack = T::pack(side.number).expect("the schedule checked that the operand widens");
    let transpose = T::kernels(schedule.level).transpose;
    let mut terms = vec![0; schedule.depth];
    space::fill(&schedule.terms, operand, 0, &mut terms);
    let mut lines = vec![0; side.width];
    for batch in 0..space::size(&schedule.own_batch) {
        let own = space::offsets(&schedule.own_batch, batch)[operand] + schedule.own_offsets[operand];
        let ahead = space::offsets(&schedule.batch, batch)[operand];
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
