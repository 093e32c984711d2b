//! How sources, sums, tiles and members of a schedule are chosen: figures of caches, and rules.
//!
//! Must not live here: what a schedule is asked for.

use super::schedule::{Adds, LINE, Schedule, Side, Source, Sums};
use crate::product::{Dim, Operand, order, space};

/// Rows of a tile of the schedule, and how many of them are packed at once.
const ROWS: usize = 480;
const BLOCK_ROWS: usize = 96;

/// Bytes of a line of columns of a tile of the schedule.
const COLUMNS: usize = 2048;

/// Terms of a chunk, where operands are packed and where the left one is read in place.
const PACKED_TERMS: usize = 512;
const IN_PLACE_TERMS: usize = 800;

/// Terms of a panel that stay in the cache where they are, whatever their distance.
const IN_PLACE_PANEL: usize = 32;

/// Bytes of the sums of a tile that keeps them in scratch, at most.
const SCRATCH_SUMS: usize = 1 << 20;

/// The most terms of a sum, and the least bytes of a result, that is written past the caches: it is made
/// faster than memory takes it, and would fill them.
const STREAMED_TERMS: usize = 16;
const STREAMED: usize = 1 << 23;

/// Multiply-adds of the elements of the batch that are computed together, at most.
const TOGETHER: usize = 1 << 18;

/// Multiply-adds below which a tile is not made smaller to have one for another thread.
const WORTH_SHARING: usize = 1 << 17;

impl Schedule {
    pub(super) fn choose_sources(&mut self, packed: Option<Operand>) {
        let ahead = packed.map(|operand| (operand == Operand::Lhs) != self.is_turned);
        let panels = self.right.size.div_ceil(self.right.width);
        let groups = self.left.size.div_ceil(self.left.width);
        let is_near = |side: &Side, operand: usize| {
            let inner = self.terms.last().is_none_or(|dim| dim.strides[operand] == 1);
            inner || space::is_dense(&side.dims, 0, side.width)
        };
        let is_short = self.depth <= IN_PLACE_TERMS || panels < 4 || groups <= 2;
        let left_in_place =
            self.compute.is(self.left.number) && (panels < 2 || is_short && is_near(&self.left, 0));
        let right_in_place = self.compute.is(self.right.number)
            && (groups <= 2 || self.depth <= IN_PLACE_PANEL)
            && space::is_dense(&self.right.dims, 0, self.right.width);
        let source = |is_ahead: bool, is_in_place: bool| match is_in_place {
            _ if is_ahead => Source::Ahead,
            true => Source::InPlace,
            false => Source::Scratch,
        };
        self.left.source = source(ahead == Some(true), left_in_place);
        self.right.source = source(ahead == Some(false), right_in_place);
        if let Some((operand, step)) = self.side_ahead().map(|(side, at)| (at, side.padded() * self.depth)) {
            self.offsets[operand] = 0;
            move_ahead(&mut self.batch, operand, step);
        }
        let keeps_all = self.left.source != Source::Scratch && self.right.source != Source::Scratch;
        let few_rows = groups == 1 && self.right.source == Source::Scratch;
        self.chunk = match (keeps_all, few_rows) {
            (true, _) if self.depth <= order::LONGEST && groups == 1 => order::LONGEST,
            (_, true) => 128,
            (_, false) if self.left.source == Source::InPlace && self.depth <= IN_PLACE_TERMS => {
                IN_PLACE_TERMS
            }
            (_, false) => PACKED_TERMS,
        };
    }

    pub(super) fn choose_sums(&mut self) {
        let is_cut = self.compute.is_float() && order::is_cut(self.depth);
        let in_result =
            self.compute.is(self.out) && space::is_dense(&self.right.dims, 1, self.right.width) && !is_cut;
        let kept = if is_cut { order::kept(self.depth) } else { 1 };
        self.sums = if in_result { Sums::InResult } else { Sums::InScratch(kept) };
        let in_place = |side: &Side| space::is_dense(&side.dims, 2, side.size.max(1));
        self.adds = match self.left.dims.iter().any(|dim| dim.strides[2] != 0) {
            _ if !self.epilogue.add => Adds::Nothing,
            true => Adds::Rows { in_place: in_place(&self.left) },
            false => Adds::Columns { in_place: in_place(&self.right) },
        };
    }

    /// Sums of few terms are written past the caches where there are many, in whole lines.
    pub(super) fn choose_writes(&mut self) {
        let bytes = self.compute.bytes();
        let sizes = [space::size(&self.own_batch), self.left.size, self.right.size];
        let result = sizes.into_iter().fold(bytes, usize::saturating_mul);
        let line = (LINE / bytes) as isize;
        let rows = self.left.dims.iter().map(|dim| dim.strides[1]);
        let columns = self.right.dims.iter().map(|dim| dim.strides[1]).filter(|&stride| stride != 1);
        let mut steps = rows.chain(columns).chain(self.batch.iter().map(|dim| dim.strides[2]));
        self.streams = self.sums == Sums::InResult
            && self.depth <= STREAMED_TERMS
            && result >= STREAMED
            && steps.all(|step| step % line == 0);
    }

    /// Tiles as large as the caches bear, then smaller until there are enough for all threads.
    pub(super) fn choose_tiles(&mut self, threads: usize) {
        let few_rows = self.left.size <= self.left.width && self.right.source == Source::Scratch;
        let panels = if few_rows { 4 } else { COLUMNS / self.compute.bytes() / self.right.width };
        self.right.tile = self.right.evenly(panels.max(1) * self.right.width);
        self.left.tile = self.left.evenly(ROWS);
        if let Sums::InScratch(kept) = self.sums {
            let row = (self.right.tile * self.compute.bytes() * kept).max(1);
            let rows = (SCRATCH_SUMS / row / BLOCK_ROWS).max(1) * BLOCK_ROWS;
            self.left.tile = self.left.evenly(rows.min(ROWS));
        }
        let wanted = if threads > 1 { 4 * threads } else { 1 };
        while self.tiles() < wanted && self.cost() > WORTH_SHARING {
            let is_divisible = |side: &Side| side.tile > 2 * side.width;
            let packs = |side: &Side| side.source == Source::Scratch;
            // Tiles of the same columns pack the same of the right operand, those of the same rows the same
            // of the left one.
            let by_rows = match (packs(&self.right), packs(&self.left)) {
                _ if !is_divisible(&self.right) => true,
                _ if !is_divisible(&self.left) => false,
                (true, true) | (false, false) => self.left.tile >= self.right.tile,
                (_, left) => left,
            };
            let side = if by_rows { &mut self.left } else { &mut self.right };
            if !is_divisible(side) {
                break;
            }
            side.tile = side.evenly(side.tile.div_ceil(2).next_multiple_of(side.width));
        }
        self.block_rows = (BLOCK_ROWS / self.left.width * self.left.width).min(self.left.tile);
    }

    /// Elements of the batch are computed together where nothing is packed or finished for each of them.
    pub(super) fn choose_members(&mut self) {
        let Some(inner) = self.batch.last().copied() else { return };
        let in_place = |side: &Side, is_left: bool| match side.source {
            Source::Ahead => true,
            Source::InPlace => is_left || side.size.is_multiple_of(side.width),
            Source::Scratch => false,
        };
        let is_plain = in_place(&self.left, true)
            && in_place(&self.right, false)
            && self.sums == Sums::InResult
            && self.depth <= self.chunk
            && self.left.size <= self.block_rows
            && self.right.size <= self.right.tile
            && (inner.strides[3] == 0 || self.adds.in_place());
        if is_plain {
            self.member_steps = inner.strides;
            self.together = (TOGETHER / self.cost().max(1)).min(inner.size).max(1);
        }
    }
}

impl Side {
    /// The rows or columns of a tile, of about as many as the others and of at most so many.
    fn evenly(&self, most: usize) -> usize {
        let tiles = self.size.div_ceil(most).max(1);
        self.size.div_ceil(tiles).next_multiple_of(self.width).min(self.padded())
    }
}

impl Adds {
    fn in_place(self) -> bool {
        match self {
            Adds::Nothing => true,
            Adds::Rows { in_place } | Adds::Columns { in_place } => in_place,
        }
    }
}

/// Strides of an operand whose batch elements are packed one after another; where it does not move, it is
/// repeated.
fn move_ahead(batch: &mut [Dim<4>], operand: usize, mut step: usize) {
    for dim in batch.iter_mut().rev().filter(|dim| dim.strides[operand] != 0) {
        dim.strides[operand] = step as isize;
        step *= dim.size;
    }
}
