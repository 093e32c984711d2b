//! The inner loops: a block of the result from a chunk of the terms, tile by tile in registers.
//!
//! Must not live here: which block and chunk, and where the operands' elements come from.

use std::array::from_fn;

use super::element::Element;
use super::pack::Transpose;
use super::vector::Vector;

/// The loops of one element type on one level.
#[derive(Clone, Copy)]
pub(super) struct Kernels<T> {
    /// Rows of a tile.
    pub(super) rows: usize,
    /// Columns of a tile, which are those of a panel.
    pub(super) width: usize,
    /// Computes a block.
    pub(super) block: unsafe fn(&Block<'_, T>),
    /// Turns squares of four-byte elements in registers.
    pub(super) transpose: Option<Transpose>,
}

/// A block of the result: its rows, its columns in panels, and a chunk of the terms. Distances are in elements.
pub(super) struct Block<'a, T> {
    /// Where the left operand's rows are, the offset of each, and from one term to the next.
    pub(super) left: *const T,
    pub(super) left_rows: &'a [isize],
    pub(super) left_term: isize,
    /// Where the right operand's first panel is, from one panel to the next, and from one term to the next.
    pub(super) right: *const T,
    pub(super) right_panel: isize,
    pub(super) right_term: isize,
    pub(super) terms: usize,
    /// Where the sums' first column is, and the offset of each row; columns lie side by side.
    pub(super) sums: *mut T,
    pub(super) sum_rows: &'a [isize],
    pub(super) columns: usize,
    /// Whether sums start here, at zero.
    pub(super) begins: bool,
    pub(super) addend: Addend<T>,
    pub(super) relu: bool,
}

/// What is added to finished sums.
#[derive(Debug, Clone, Copy)]
pub(super) enum Addend<T> {
    None,
    /// One element for each row, side by side.
    Rows(*const T),
    /// One element for each column, side by side, to the end of the last panel.
    Columns(*const T),
}

/// Computes a block with tiles of `ROWS` rows and two vectors; what is left of the rows with tiles of `HALF`, two or
/// one, which are as wide as the latency of a multiply-add asks for.
///
/// # Safety
/// Every row's and panel's elements must be valid for all terms, the sums' places for reading (unless sums begin
/// here) and writing, and the addend's for reading. The vector's instruction set must be enabled.
#[inline(always)]
pub(super) unsafe fn block<V: Vector, const ROWS: usize, const HALF: usize>(block: &Block<'_, V::Item>) {
    let panels = block.columns.div_ceil(2 * V::LANES);
    let rows = block.left_rows.len();
    let whole = rows / ROWS * ROWS;
    // SAFETY: the caller's promises. Tiles that reach beyond the last row or panel take that one twice.
    unsafe {
        for panel in 0..panels {
            for row in (0..whole).step_by(ROWS) {
                tile::<V, ROWS, 1>(block, row, panel);
            }
        }
        match rows - whole {
            0 => {}
            1 => (0..panels).step_by(4).for_each(|panel| tile::<V, 1, 4>(block, whole, panel)),
            2 => (0..panels).step_by(2).for_each(|panel| tile::<V, 2, 2>(block, whole, panel)),
            few if few <= HALF => (0..panels).for_each(|panel| tile::<V, HALF, 1>(block, whole, panel)),
            _ => (0..panels).for_each(|panel| tile::<V, ROWS, 1>(block, whole, panel)),
        }
    }
}

/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn tile<V: Vector, const ROWS: usize, const PANELS: usize>(
    block: &Block<'_, V::Item>,
    row: usize,
    panel: usize,
) {
    let width = 2 * V::LANES;
    let last_panel = block.columns.div_ceil(width) - 1;
    let rows: [usize; ROWS] = from_fn(|at| (row + at).min(block.left_rows.len() - 1));
    let panels: [usize; PANELS] = from_fn(|at| (panel + at).min(last_panel));
    // SAFETY: `rows` and `panels` are those of the block, whose elements are valid by the caller's promises; a panel
    // that the columns do not fill goes through a place of its own.
    unsafe {
        let mut sums = [[[V::splat(V::Item::ZERO); 2]; PANELS]; ROWS];
        if !block.begins {
            sums = from_fn(|i| from_fn(|p| load(block, rows[i], panels[p])));
        }
        let left: [*const V::Item; ROWS] = from_fn(|at| block.left.offset(block.left_rows[rows[at]]));
        let mut right: [*const V::Item; PANELS] =
            from_fn(|at| block.right.offset(panels[at] as isize * block.right_panel));
        let mut term = 0;
        for _ in 0..block.terms {
            let factors: [[V; 2]; PANELS] = from_fn(|p| [V::load(right[p]), V::load(right[p].add(V::LANES))]);
            for i in 0..ROWS {
                let factor = V::splat(*left[i].offset(term));
                for p in 0..PANELS {
                    for half in 0..2 {
                        sums[i][p][half] = factor.multiply_add(factors[p][half], sums[i][p][half]);
                    }
                }
            }
            term += block.left_term;
            right = right.map(|panel| panel.wrapping_offset(block.right_term));
        }
        for i in 0..ROWS {
            for p in 0..PANELS {
                let sum = finished(block, rows[i], panels[p], sums[i][p]);
                store(block, rows[i], panels[p], sum);
            }
        }
    }
}

/// Sums with what is added to them.
///
/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn finished<V: Vector>(block: &Block<'_, V::Item>, row: usize, panel: usize, sum: [V; 2]) -> [V; 2] {
    // SAFETY: the caller's promise: there is an addend for every row, or for every column of every panel.
    let added = unsafe {
        match block.addend {
            Addend::None => sum,
            Addend::Rows(addend) => sum.map(|half| half.plus(V::splat(*addend.add(row)))),
            Addend::Columns(addend) => {
                let addend = addend.add(panel * 2 * V::LANES);
                [sum[0].plus(V::load(addend)), sum[1].plus(V::load(addend.add(V::LANES)))]
            }
        }
    };
    if block.relu { added.map(V::relu) } else { added }
}

/// Where a tile's sums lie, and how many of its columns there are.
///
/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn place<V: Vector>(block: &Block<'_, V::Item>, row: usize, panel: usize) -> (*mut V::Item, usize) {
    let column = panel * 2 * V::LANES;
    // SAFETY: row and column are those of the block.
    (unsafe { block.sums.offset(block.sum_rows[row]).add(column) }, (block.columns - column).min(2 * V::LANES))
}

/// # Safety
/// As [`block`], whose sums go on.
#[inline(always)]
unsafe fn load<V: Vector>(block: &Block<'_, V::Item>, row: usize, panel: usize) -> [V; 2] {
    // SAFETY: whole panels are valid for two vectors; of others, only the columns that there are are read.
    unsafe {
        let (place, columns) = place::<V>(block, row, panel);
        if columns == 2 * V::LANES {
            return [V::load(place), V::load(place.add(V::LANES))];
        }
        let mut kept = [V::splat(V::Item::ZERO); 2];
        std::ptr::copy_nonoverlapping(place, kept.as_mut_ptr().cast::<V::Item>(), columns);
        kept
    }
}

/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn store<V: Vector>(block: &Block<'_, V::Item>, row: usize, panel: usize, sum: [V; 2]) {
    // SAFETY: whole panels are valid for two vectors; of others, only the columns that there are are written.
    unsafe {
        let (place, columns) = place::<V>(block, row, panel);
        if columns == 2 * V::LANES {
            sum[0].store(place);
            sum[1].store(place.add(V::LANES));
        } else {
            std::ptr::copy_nonoverlapping(sum.as_ptr().cast::<V::Item>(), place, columns);
        }
    }
}
