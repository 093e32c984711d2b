//! What is decided about a product before it runs: which side is rows and which is columns, where elements
//! are read from, and how large tiles, chunks and scratch are. None of it changes a bit of the result.
//!
//! Must not live here: loops over elements.

use std::ops::Range;

use super::kernel::Stretch;
use super::pack::OVERHANG;
use super::tables::OnlyTile;
use crate::product::shape::{Origin, Shape};
use crate::product::{Compute, Dim, Epilogue, Operand, Product, Unsupported, order::Chunk, space};
use crate::{Level, Number};

/// What a schedule may count on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Setting {
    /// The instruction set.
    pub level: Level,
    /// How many threads may share the tiles; it only decides how large they are.
    pub threads: usize,
    /// The operand that is packed ahead and kept, if one is.
    pub packed: Option<Operand>,
}

/// Where a kernel reads an operand's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// From the operand.
    InPlace,
    /// From what was packed ahead.
    Ahead,
    /// From scratch, where each chunk is packed.
    Scratch,
}

/// Where sums are kept until they are finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sums {
    /// In the result.
    InResult,
    /// In scratch: there are this many at once.
    InScratch(usize),
}

/// What is added to finished sums, and whether its elements lie side by side in its buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adds {
    Nothing,
    /// An element for each row.
    Rows {
        in_place: bool,
    },
    /// An element for each column.
    Columns {
        in_place: bool,
    },
}

/// One side of the product: its rows are those of the left, its columns those of the right side.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) number: Number,
    /// Distances in the operand, the result and the addend.
    pub(super) dims: Vec<Dim<3>>,
    pub(super) size: usize,
    pub(super) source: Source,
    /// Rows or columns of a kernel's tile, which are packed together.
    pub(super) width: usize,
    /// Rows or columns of a tile of the schedule.
    pub(super) tile: usize,
}

/// Where the parts of scratch start, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts {
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) sums: usize,
    pub(super) addend: usize,
    pub(super) tables: usize,
    pub(super) total: usize,
}

/// Everything that is decided about a product; the loops read it and decide nothing.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub(super) level: Level,
    pub(super) compute: Compute,
    pub(super) out: Number,
    pub(super) epilogue: Epilogue,
    /// Whether rows are those of rhs.
    pub(super) is_turned: bool,
    /// Distances in the left and the right operand, the result and the addend, and where they start; in
    /// what is packed ahead, where it is. The operands' own are kept for packing.
    pub(super) batch: Vec<Dim<4>>,
    pub(super) offsets: [isize; 4],
    pub(super) own_batch: Vec<Dim<4>>,
    pub(super) own_offsets: [isize; 4],
    pub(super) left: Side,
    pub(super) right: Side,
    /// Distances in the left and the right operand.
    pub(super) terms: Vec<Dim<2>>,
    pub(super) depth: usize,
    /// Terms of a chunk.
    pub(super) chunk: usize,
    /// Rows that are packed at once.
    pub(super) block_rows: usize,
    pub(super) sums: Sums,
    pub(super) adds: Adds,
    /// Whether kernels write past the cache.
    pub(super) streams: bool,
    pub(super) parts: Parts,
    /// How many elements of the batch are computed together, and the steps between them in left, right,
    /// result and addend.
    pub(super) together: usize,
    pub(super) member_steps: [isize; 4],
    /// Of a schedule with one tile, its tables.
    pub(super) only_tile: Option<OnlyTile>,
    origins: [Vec<Origin>; 3],
}

/// Alignment of scratch's parts, in bytes: a cache line.
pub(super) const LINE: usize = 64;

impl Schedule {
    /// Decides how a product runs.
    ///
    /// # Errors
    /// As [`Product::check`].
    pub fn new(product: &Product, setting: Setting) -> Result<Schedule, Unsupported> {
        product.check()?;
        let compute = product.compute();
        let (rows, width) = super::tile(compute, setting.level);
        let shape = Shape::of(product, width);
        let terms = shape.terms;
        let depth = space::size(&terms);
        let mut schedule = Schedule {
            level: setting.level,
            compute,
            out: product.out,
            epilogue: product.epilogue,
            is_turned: shape.is_turned,
            batch: shape.batch.clone(),
            offsets: shape.offsets,
            own_batch: shape.batch,
            own_offsets: shape.offsets,
            left: Side::new(shape.numbers[0], shape.rows, rows),
            right: Side::new(shape.numbers[1], shape.columns, width),
            terms,
            depth,
            chunk: 0,
            block_rows: 0,
            sums: Sums::InResult,
            adds: Adds::Nothing,
            streams: false,
            parts: Parts::default(),
            together: 1,
            member_steps: [0; 4],
            only_tile: None,
            origins: shape.origins,
        };
        schedule.choose_sources(setting.packed);
        schedule.choose_sums();
        schedule.choose_tiles(setting.threads);
        schedule.choose_writes();
        schedule.choose_members();
        schedule.parts = schedule.lay_out();
        schedule.only_tile = schedule.only_tile();
        Ok(schedule)
    }

    /// How many elements of the batch from one on are computed together.
    pub(super) fn members_from(&self, batch: usize) -> usize {
        match self.batch.last() {
            Some(inner) if self.together > 1 => self.together.min(inner.size - batch % inner.size),
            Some(_) | None => 1,
        }
    }

    fn lay_out(&self) -> Parts {
        let bytes = self.compute.bytes();
        let mut total = 0;
        let mut part = |size: usize| {
            let start = total;
            total += size.next_multiple_of(LINE);
            start
        };
        let chunk = self.chunk.min(self.depth);
        let packs = |side: &Side| side.source == Source::Scratch;
        let panels = |side: &Side, lines: usize| {
            if packs(side) { (lines.next_multiple_of(side.width) * chunk + OVERHANG) * bytes } else { 0 }
        };
        let kept = match self.sums {
            Sums::InResult => 0,
            Sums::InScratch(kept) => kept,
        };
        let addends = if self.epilogue.add { self.left.tile + self.right.tile } else { 0 };
        let tail = if self.right.source == Source::InPlace { self.right.width } else { 0 };
        let right = panels(&self.right, self.right.tile).max((tail * chunk + OVERHANG) * bytes);
        let by_panel = 2 * self.right.tile / self.right.width;
        let terms = self.left.packs_terms(chunk) + self.right.packs_terms(chunk);
        let stretches = 3 * self.stretches().iter().sum::<usize>();
        let tables = 4 * self.left.tile + 3 * self.right.tile + by_panel + terms + stretches;
        let left = part(panels(&self.left, self.block_rows));
        let right = part(right);
        let sums = part(kept * self.left.tile * self.right.tile * bytes);
        let addend = part(addends * bytes);
        let tables = part(tables * size_of::<isize>());
        Parts { left, right, sums, addend, tables, total: total + LINE }
    }

    /// How many tiles there are. Each is computed on its own; tiles in order share what they pack.
    pub fn tiles(&self) -> usize {
        let [rows, columns] = self.grid();
        space::size(&self.own_batch) * rows * columns
    }

    /// How many tiles in order share what they pack, if they run in one go.
    pub fn sharing(&self) -> usize {
        let packs_once = self.right.source == Source::Scratch && self.depth <= self.chunk;
        if packs_once { self.grid()[0].max(1) } else { 1 }
    }

    /// Tiles along rows and columns.
    pub(super) fn grid(&self) -> [usize; 2] {
        [&self.left, &self.right].map(|side| side.size.div_ceil(side.tile.max(1)))
    }

    /// What a tile takes besides its multiply-adds, in these: less where many are computed together.
    pub fn preparation(&self) -> usize {
        if self.together > 1 { 1 << 10 } else { 1 << 13 }
    }

    /// Multiply-adds of a tile, at most.
    pub fn cost(&self) -> usize {
        self.left.tile.min(self.left.size) * self.right.tile.min(self.right.size) * self.depth.max(1)
    }

    /// Bytes of scratch that a run needs, aligned or not.
    pub fn scratch(&self) -> usize {
        self.parts.total
    }

    /// Whether an operand is packed chunk by chunk, which packing it ahead would spare.
    pub fn packs(&self, operand: Operand) -> bool {
        let side = if (operand == Operand::Lhs) == self.is_turned { &self.right } else { &self.left };
        side.source == Source::Scratch
    }

    /// Bytes of the operand that is packed ahead; `None` if none is.
    pub fn packed(&self) -> Option<usize> {
        let (side, operand) = self.side_ahead()?;
        let batches: usize =
            self.own_batch.iter().filter(|dim| dim.strides[operand] != 0).map(|dim| dim.size).product();
        Some((batches * side.padded() * self.depth + OVERHANG) * self.compute.bytes())
    }

    /// The side that is packed ahead, and its position among the operands.
    pub(super) fn side_ahead(&self) -> Option<(&Side, usize)> {
        [(&self.left, 0), (&self.right, 1)].into_iter().find(|(side, _)| side.source == Source::Ahead)
    }

    /// Whether rows are those of the right operand, so that the columns are those of the left one.
    pub fn is_turned(&self) -> bool {
        self.is_turned
    }

    /// The dimensions of the batch, the rows and the columns in which finished blocks are told, outermost
    /// first.
    pub fn origins(&self) -> &[Vec<Origin>; 3] {
        &self.origins
    }

    /// Rows and columns of a tile at a position of the grid.
    pub(super) fn extent(&self, row: usize, column: usize) -> [Range<usize>; 2] {
        let range = |side: &Side, at: usize| at * side.tile..((at + 1) * side.tile).min(side.size);
        [range(&self.left, row), range(&self.right, column)]
    }

    /// Offsets of an element of the batch in left, right, result and addend.
    pub(super) fn batch_offsets(&self, at: usize) -> [isize; 4] {
        let offsets = space::offsets(&self.batch, at);
        std::array::from_fn(|operand| offsets[operand] + self.offsets[operand])
    }
}

impl Schedule {
    /// Terms that are equally far from one another, in place.
    fn stretch(&self) -> usize {
        self.terms.last().map_or(1, |dim| dim.size.max(1))
    }

    /// The most stretches of a chunk where the kernel reads, and where the right operand's last panel is
    /// packed.
    pub(super) fn stretches(&self) -> [usize; 2] {
        let most = self.chunk.min(self.depth).div_ceil(self.stretch()) + 1;
        [most, if self.right.source == Source::InPlace { most } else { 0 }]
    }

    /// Writes the stretches of a chunk, of operands that are read in place or packed, and says how many
    /// there are.
    pub(super) fn fill_stretches(&self, chunk: &Chunk, in_place: [bool; 2], into: &mut [Stretch]) -> usize {
        let (stretch, start) = (self.stretch(), chunk.terms.start);
        let width = [self.left.width, self.right.width];
        let (mut at, mut count) = (start, 0);
        while at < chunk.terms.end {
            let end = if in_place == [false; 2] { chunk.terms.end } else { (at / stretch + 1) * stretch };
            let end = end.min(chunk.terms.end);
            let own = space::offsets(&self.terms, at);
            let place =
                |side: usize| if in_place[side] { own[side] } else { ((at - start) * width[side]) as isize };
            into[count] = Stretch { left: place(0), right: place(1), terms: end - at };
            (at, count) = (end, count + 1);
        }
        count
    }
}

impl Side {
    fn new(number: Number, dims: Vec<Dim<3>>, width: usize) -> Side {
        let size = space::size(&dims);
        Side { number, dims, size, source: Source::Scratch, width, tile: width }
    }

    /// From one term of a stretch to the next, where a kernel reads.
    pub(super) fn step(&self, terms: &[Dim<2>], operand: usize) -> isize {
        match self.source {
            Source::InPlace => terms.last().map_or(0, |dim| dim.strides[operand]),
            Source::Ahead | Source::Scratch => self.width as isize,
        }
    }

    /// How many terms' offsets packing asks for.
    pub(super) fn packs_terms(&self, chunk: usize) -> usize {
        let has_tail = !self.size.is_multiple_of(self.width);
        let packs = self.source == Source::Scratch || self.source == Source::InPlace && has_tail;
        if packs { chunk } else { 0 }
    }

    /// Rows or columns, up to whole panels.
    pub(super) fn padded(&self) -> usize {
        self.size.next_multiple_of(self.width)
    }
}
