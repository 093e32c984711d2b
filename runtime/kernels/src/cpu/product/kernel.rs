//! The inner loops: a block of the result from a chunk of the terms, tile by tile in registers.
//!
//! Must not live here: which block and chunk, and where the operands' elements come from.

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
    // How many panels the rows that are left over take at once.
    let (left_over, step) = match rows - whole {
        0 => (0, panels.max(1)),
        1 => (1, 4),
        2 => (2, 2),
        few => (few, 1),
    };
    // SAFETY: the caller's promises. Tiles that reach beyond the last row or panel take that one twice.
    unsafe {
        for panel in 0..panels {
            for row in (0..whole).step_by(ROWS) {
                tile::<V, ROWS, 1>(block, row, panel);
            }
        }
        if left_over == 0 {
            return;
        }
        for panel in (0..panels).step_by(step) {
            match left_over {
                1 => tile::<V, 1, 4>(block, whole, panel),
                2 => tile::<V, 2, 2>(block, whole, panel),
                few if few <= HALF => tile::<V, HALF, 1>(block, whole, panel),
                _ => tile::<V, ROWS, 1>(block, whole, panel),
            }
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
    let last_panel = block.columns.div_ceil(2 * V::LANES) - 1;
    let (mut rows, mut panels) = ([0; ROWS], [0; PANELS]);
    for i in 0..ROWS {
        rows[i] = (row + i).min(block.left_rows.len() - 1);
    }
    for p in 0..PANELS {
        panels[p] = (panel + p).min(last_panel);
    }
    // SAFETY: `rows` and `panels` are those of the block, whose elements are valid by the caller's promises; a panel
    // that the columns do not fill goes through a place of its own.
    unsafe {
        let mut sums = [[[V::splat(V::Item::ZERO); 2]; PANELS]; ROWS];
        if !block.begins {
            for i in 0..ROWS {
                for p in 0..PANELS {
                    sums[i][p] = load(block, rows[i], panels[p]);
                }
            }
        }
        add_terms(block, rows, panels, &mut sums);
        for i in 0..ROWS {
            for p in 0..PANELS {
                let sum = finished(block, rows[i], panels[p], sums[i][p]);
                store(block, rows[i], panels[p], sum);
            }
        }
    }
}

/// The loop over the terms. It has no closures: they would not be compiled for the instruction set.
///
/// # Safety
/// As [`block`], of which these are rows and panels.
#[inline(always)]
unsafe fn add_terms<V: Vector, const ROWS: usize, const PANELS: usize>(
    block: &Block<'_, V::Item>,
    rows: [usize; ROWS],
    panels: [usize; PANELS],
    sums: &mut [[[V; 2]; PANELS]; ROWS],
) {
    let mut left = [block.left; ROWS];
    let mut right = [block.right; PANELS];
    // SAFETY: the caller's promises: every row and panel has all terms.
    unsafe {
        for i in 0..ROWS {
            left[i] = left[i].offset(*block.left_rows.get_unchecked(rows[i]));
        }
        for p in 0..PANELS {
            right[p] = right[p].offset(panels[p] as isize * block.right_panel);
        }
        let (mut left_term, mut right_term) = (0, 0);
        for _ in 0..block.terms {
            let mut factors = [[V::splat(V::Item::ZERO); 2]; PANELS];
            for p in 0..PANELS {
                let panel = right[p].offset(right_term);
                factors[p] = [V::load(panel), V::load(panel.add(V::LANES))];
            }
            for i in 0..ROWS {
                let factor = V::splat(*left[i].offset(left_term));
                for p in 0..PANELS {
                    sums[i][p][0] = factor.multiply_add(factors[p][0], sums[i][p][0]);
                    sums[i][p][1] = factor.multiply_add(factors[p][1], sums[i][p][1]);
                }
            }
            left_term += block.left_term;
            right_term += block.right_term;
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
            Addend::Rows(addend) => {
                let addend = V::splat(*addend.add(row));
                [sum[0].plus(addend), sum[1].plus(addend)]
            }
            Addend::Columns(addend) => {
                let addend = addend.add(panel * 2 * V::LANES);
                [sum[0].plus(V::load(addend)), sum[1].plus(V::load(addend.add(V::LANES)))]
            }
        }
    };
    if block.relu { [added[0].relu(), added[1].relu()] } else { added }
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
