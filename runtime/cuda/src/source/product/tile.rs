//! Tiles: which part of a result a block makes, and how its threads or its warps divide it.
//!
//! No result depends on the choice. Must not live here: source.

use choral_kernels::product::order::{BLOCK, is_cut};

use super::super::THREADS;

/// Bytes of a stage of both operands, at most: there are two stages in shared memory.
const STAGE: usize = 20 << 10;

/// Registers of a thread for its sums and for what it fetches, at most: with what it needs beside, two blocks run on a
/// multiprocessor.
const REGISTERS: usize = 76;

/// Bytes that a multiprocessor reads in a cycle, about.
const READ: f64 = 32.0;

/// Cycles of a term, at least: what one multiply-add waits for another.
const LEAST: f64 = 5.0;

/// Tiles along rows that run one after another along columns, so that they share what is in the cache.
pub(super) const GROUP: usize = 8;

/// What multiplies: each thread for itself, or warps by instructions on matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Core {
    /// Elements of so many bytes. Lanes of a warp along rows and columns, and rows and columns of a lane.
    Threads { bytes: usize, lanes: [usize; 2], own: [usize; 2] },
    /// Matrices of 16 x 8 elements of a warp, along rows and columns.
    Matrices { own: [usize; 2] },
}

/// A tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    /// Warps along rows and columns.
    pub(super) warps: [usize; 2],
    pub(super) core: Core,
    /// Terms of a stage.
    pub(super) terms: usize,
}

/// Warps, lanes, and rows and columns of a lane; how well the last fill its units, in hundredths.
type Shape = ([usize; 2], [usize; 2], [usize; 2], u32);

const OF_THREADS: [Shape; 12] = [
    ([4, 2], [4, 8], [8, 8], 100),
    ([4, 2], [4, 8], [8, 4], 85),
    ([2, 4], [4, 8], [8, 4], 85),
    ([4, 2], [4, 8], [4, 4], 70),
    ([2, 4], [4, 8], [4, 2], 50),
    ([1, 8], [4, 8], [4, 2], 45),
    ([1, 8], [4, 8], [4, 1], 30),
    ([1, 8], [2, 16], [4, 1], 30),
    ([1, 8], [1, 32], [4, 1], 30),
    ([2, 4], [1, 32], [2, 1], 20),
    ([1, 4], [1, 32], [1, 1], 12),
    ([1, 2], [1, 32], [1, 1], 12),
];

/// Warps, and matrices of a warp.
const OF_MATRICES: [([usize; 2], [usize; 2], u32); 8] = [
    ([2, 4], [4, 4], 100),
    ([4, 2], [2, 4], 80),
    ([2, 4], [2, 4], 80),
    ([2, 4], [2, 2], 60),
    ([2, 4], [1, 2], 40),
    ([4, 2], [1, 2], 40),
    ([1, 8], [1, 2], 35),
    ([8, 1], [1, 2], 35),
];

/// Elements of a row of matrices.
pub(super) const DEPTH: usize = 16;

impl Tile {
    /// The best one for threads, of products with so many members, rows, columns and terms, on so many multiprocessors.
    pub(super) fn of_threads(bytes: usize, extents: &[[usize; 4]], multiprocessors: usize) -> Tile {
        let shapes = OF_THREADS.iter().filter(|(_, _, own, _)| own[0] * own[1] * bytes <= 256);
        let all = shapes.map(|&(warps, lanes, own, fill)| {
            let tile = Tile { warps, core: Core::Threads { bytes, lanes, own }, terms: 0 };
            (tile, 128.0 * f64::from(fill) / 100.0 * 4.0 / bytes as f64)
        });
        Tile::best(all, &[64, 32, 16, 8, 4], bytes, (extents, multiprocessors))
    }

    /// As [`Tile::of_threads`], for warps that multiply matrices.
    pub(super) fn of_matrices(extents: &[[usize; 4]], multiprocessors: usize) -> Tile {
        let all = OF_MATRICES.iter().map(|&(warps, own, fill)| {
            (Tile { warps, core: Core::Matrices { own }, terms: 0 }, 1024.0 * f64::from(fill) / 100.0)
        });
        Tile::best(all, &[64, 32, 16], 2, (extents, multiprocessors))
    }

    /// The one that takes least time, of tiles with the multiply-adds of a cycle.
    fn best(
        all: impl Iterator<Item = (Tile, f64)>,
        stages: &[usize],
        bytes: usize,
        (extents, multiprocessors): (&[[usize; 4]], usize),
    ) -> Tile {
        let terms = extents.iter().map(|extents| extents[3]).max().unwrap_or(0);
        let time = |tile: &Tile, speed: f64| {
            let [rows, columns] = tile.sizes();
            let items: usize = extents.iter().map(|extents| tile.count(extents) * chains(extents[3])).sum();
            let cycles = (rows * columns) as f64 / speed;
            let cycles = cycles.max(((rows + columns) * bytes) as f64 / READ).max(LEAST);
            items.div_ceil(multiprocessors) as f64 * cycles
        };
        let timed = all.map(|(tile, speed)| (time(&tile, speed), tile));
        let best = timed.min_by(|one, other| one.0.total_cmp(&other.0));
        let tile = best.map_or(FALLBACK, |(_, tile)| tile);
        // A stage costs about as much as some terms, and terms beyond the last one cost as much as others.
        let [rows, columns] = tile.sizes();
        let sums = match tile.core {
            Core::Threads { own, .. } => own[0] * own[1] * bytes / 4,
            // Half of the others, whose elements have as many registers.
            Core::Matrices { own } => own[0] * own[1] * 2,
        };
        let fits = |stage: &&usize| {
            let fetched = (rows + columns) * **stage * bytes;
            fetched <= STAGE && sums + fetched / THREADS / 4 <= REGISTERS
        };
        let cost = |stage: &usize| terms.next_multiple_of(*stage) + terms.div_ceil(*stage) * 6;
        let stage = stages.iter().filter(fits).min_by_key(|stage| cost(stage));
        Tile { terms: stage.copied().unwrap_or(DEPTH), ..tile }
    }

    /// Rows and columns.
    pub(super) fn sizes(self) -> [usize; 2] {
        let of_a_warp = match self.core {
            Core::Threads { lanes, own, .. } => [lanes[0] * own[0], lanes[1] * own[1]],
            Core::Matrices { own } => [own[0] * 16, own[1] * 8],
        };
        [self.warps[0] * of_a_warp[0], self.warps[1] * of_a_warp[1]]
    }

    /// Threads that multiply; the others only fetch.
    pub(super) fn threads(self) -> usize {
        self.warps[0] * self.warps[1] * 32
    }

    /// How many there are of a product with such extents.
    pub(super) fn count(self, [members, rows, columns, _]: &[usize; 4]) -> usize {
        let [tile_rows, tile_columns] = self.sizes();
        members * rows.div_ceil(tile_rows) * columns.div_ceil(tile_columns)
    }

    /// Whether chains of one sum are made by several blocks: there are too few tiles for all multiprocessors otherwise.
    pub(super) fn is_split(self, extents: &[[usize; 4]], multiprocessors: usize) -> bool {
        let tiles: usize = extents.iter().map(|extents| self.count(extents)).sum();
        multiprocessors > 1
            && tiles < 2 * multiprocessors
            && extents.iter().any(|extents| chains(extents[3]) > 1)
    }
}

/// What there is always a shape for.
const FALLBACK: Tile =
    Tile { warps: [4, 2], core: Core::Threads { bytes: 4, lanes: [4, 8], own: [4, 4] }, terms: DEPTH };

/// Chains that a sum of so many floats is cut into.
pub(super) fn chains(terms: usize) -> usize {
    if is_cut(terms) { terms.div_ceil(BLOCK) } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_large_where_there_are_many() {
        let sizes = |extents: [usize; 4]| Tile::of_threads(4, &[extents], 132).sizes();
        assert_eq!(sizes([1, 4096, 4096, 4096]), [128, 128]);
        assert_eq!(sizes([64, 512, 1024, 1024]), [128, 128]);
        assert_eq!(sizes([1, 1, 4096, 4096]), [1, 64]);
        // A block that has a product for itself has no use for small ones.
        assert_eq!(Tile::of_threads(4, &[[1, 64, 128, 256]], 1).sizes(), [64, 128]);
        assert_eq!(sizes([64, 32, 256, 256]), [32, 64]);
        assert_eq!(Tile::of_matrices(&[[1, 4096, 4096, 4096]], 132).sizes(), [128, 128]);
        assert_eq!(Tile::of_matrices(&[[8, 1, 4096, 4096]], 132).sizes(), [16, 128]);
        assert_eq!(Tile::of_matrices(&[[8, 4096, 1, 4096]], 132).sizes(), [128, 16]);
    }

    #[test]
    fn stages_waste_few_terms() {
        let stage = |extents: [usize; 4]| Tile::of_threads(4, &[extents], 132).terms;
        assert_eq!(stage([1, 4096, 4096, 3]), 4);
        // More would take registers that two blocks of a multiprocessor do not have.
        assert_eq!(stage([1, 4096, 4096, 27]), 8);
        assert_eq!(stage([1, 1, 4096, 4096]), 64);
    }

    #[test]
    fn long_sums_of_few_elements_are_split() {
        let is_split = |extents: [usize; 4]| Tile::of_threads(4, &[extents], 132).is_split(&[extents], 132);
        assert!(is_split([1, 64, 64, 1 << 20]));
        assert!(!is_split([1, 64, 64, 4096]));
        assert!(!is_split([64, 1024, 1024, 1 << 20]));
    }
}
