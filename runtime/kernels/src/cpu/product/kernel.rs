//! The inner loops: a block of the result from a chunk of the terms, tile by tile in registers.
//!
//! Must not live here: which block and chunk, and where the operands' elements come from.

use super::element::Element;
use super::pack::Transpose;
use super::vector::Vector;

/// The loops of one element type on one level.
#[derive(Clone, Copy)]
pub(super) struct Kernels<T> {
    /// Rows of a tile, and of a smaller one.
    pub(super) rows: usize,
    pub(super) half: usize,
    /// Columns of a tile, which are those of a panel.
    pub(super) width: usize,
    /// Tiles of `rows`, `half`, two and one rows; the last two are two and four panels wide, as the latency
    /// of a multiply-add asks for.
    pub(super) strips: [Strip<T>; 4],
    /// Turns squares of four-byte elements in registers.
    pub(super) transpose: Option<Transpose>,
}

/// Computes all columns of some rows of a block.
pub(super) type Strip<T> = unsafe fn(&Block<'_, T>, first: usize, rows: usize);

impl<T> Kernels<T> {
    /// Computes a block: tiles of all rows there are, then one more for the rows that are left over.
    ///
    /// # Safety
    /// Every row's and panel's elements must be valid for all terms, the sums' places for reading (unless
    /// sums begin here) and writing, and the addend's for reading. The level must be available.
    pub(super) unsafe fn run(&self, block: &Block<'_, T>) {
        let rows = block.left_rows.len();
        let whole = rows / self.rows * self.rows;
        let [tiles, half, two, one] = self.strips;
        let left_over = match rows - whole {
            1 => one,
            2 => two,
            few if few <= self.half => half,
            _ => tiles,
        };
        // SAFETY: the caller's promises.
        unsafe {
            if whole > 0 {
                tiles(block, 0, whole);
            }
            if whole < rows {
                left_over(block, whole, rows - whole);
            }
        }
    }
}

/// A block of the result: its rows, its columns in panels, and a chunk of the terms. Distances are in
/// elements.
pub(super) struct Block<'a, T> {
    /// Where the left operand is, the offset of each row, and from one term to the next.
    pub(super) left: *const T,
    pub(super) left_rows: &'a [isize],
    pub(super) left_term: isize,
    /// Where the right operand is, the offset of each panel, and from one term to the next.
    pub(super) right: *const T,
    pub(super) right_panels: &'a [isize],
    pub(super) right_term: isize,
    /// The terms, in order.
    pub(super) stretches: &'a [Stretch],
    /// Where the sums are, and the offset of each row and panel; a panel's columns lie side by side.
    pub(super) sums: *mut T,
    pub(super) sum_rows: &'a [isize],
    pub(super) sum_panels: &'a [isize],
    pub(super) columns: usize,
    /// Whether sums start here, at zero.
    pub(super) begins: bool,
    pub(super) addend: Addend<T>,
    pub(super) relu: bool,
    /// How many such blocks there are, and from one to the next in left, right and sums.
    pub(super) members: usize,
    pub(super) steps: [isize; 3],
}

/// Terms that are equally far from one another: where the first is in left and right, and how many there are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stretch {
    pub(super) left: isize,
    pub(super) right: isize,
    pub(super) terms: usize,
}

impl<T> Block<'_, T> {
    fn has_epilogue(&self) -> bool {
        self.relu || !matches!(self.addend, Addend::None)
    }
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

/// Computes some rows of a block in tiles of `ROWS` rows and `PANELS` panels of two vectors. Tiles that
/// reach beyond the last row or panel take that one twice.
///
/// # Safety
/// As [`Kernels::run`]. The rows must be the block's, and not none.
#[inline(always)]
pub(super) unsafe fn strip<V: Vector, const ROWS: usize, const PANELS: usize>(
    block: &Block<'_, V::Item>,
    first: usize,
    rows: usize,
) {
    let width = 2 * V::LANES;
    let last_panel = block.columns.div_ceil(width) - 1;
    let last_is_whole = block.columns == (last_panel + 1) * width;
    let (mut left, mut right, mut sums) = (block.left, block.right, block.sums);
    for _ in 0..block.members {
        let mut panel = 0;
        while panel <= last_panel {
            let mut panels = [panel; PANELS];
            for (p, panel_of_tile) in panels.iter_mut().enumerate() {
                *panel_of_tile = (panel + p).min(last_panel);
            }
            let is_whole = last_is_whole || panels[PANELS - 1] < last_panel;
            let mut row = first;
            while row < first + rows {
                let mut rows_of_tile = [row; ROWS];
                for (i, row_of_tile) in rows_of_tile.iter_mut().enumerate() {
                    *row_of_tile = (row + i).min(first + rows - 1);
                }
                // SAFETY: the caller's promises; rows and panels are the block's, of one of its members.
                unsafe {
                    tile::<V, ROWS, PANELS>(block, (left, right, sums), rows_of_tile, panels, is_whole);
                }
                row += ROWS;
            }
            panel += PANELS;
        }
        left = left.wrapping_offset(block.steps[0]);
        right = right.wrapping_offset(block.steps[1]);
        sums = sums.wrapping_offset(block.steps[2]);
    }
}

/// # Safety
/// As [`strip`]; rows and panels must be the block's, and panels whole if it is said.
#[inline(always)]
unsafe fn tile<V: Vector, const ROWS: usize, const PANELS: usize>(
    block: &Block<'_, V::Item>,
    (left, right, first): (*const V::Item, *const V::Item, *mut V::Item),
    rows: [usize; ROWS],
    panels: [usize; PANELS],
    is_whole: bool,
) {
    // SAFETY: the caller's promises: rows and panels have elements and sums. Of a panel that the columns do
    // not fill, only the columns that there are are read and written.
    unsafe {
        let (mut places, mut columns) = ([first; ROWS], [0; PANELS]);
        for i in 0..ROWS {
            places[i] = first.offset(*block.sum_rows.get_unchecked(rows[i]));
        }
        for p in 0..PANELS {
            columns[p] = *block.sum_panels.get_unchecked(panels[p]);
        }
        let mut sums = [[[V::splat(V::Item::ZERO); 2]; PANELS]; ROWS];
        if !block.begins {
            for i in 0..ROWS {
                for p in 0..PANELS {
                    let place = places[i].offset(columns[p]);
                    sums[i][p] = match is_whole {
                        true => [V::load(place), V::load(place.add(V::LANES))],
                        false => load_part(place, block.columns - panels[p] * 2 * V::LANES),
                    };
                }
            }
        }
        add_terms(block, (left, right), rows, panels, &mut sums);
        if block.has_epilogue() {
            for i in 0..ROWS {
                for p in 0..PANELS {
                    sums[i][p] = finished(block, rows[i], panels[p], sums[i][p]);
                }
            }
        }
        for i in 0..ROWS {
            for p in 0..PANELS {
                let place = places[i].offset(columns[p]);
                if is_whole {
                    sums[i][p][0].store(place);
                    sums[i][p][1].store(place.add(V::LANES));
                } else {
                    store_part(sums[i][p], place, block.columns - panels[p] * 2 * V::LANES);
                }
            }
        }
    }
}

/// The loop over the terms. It has no closures: they would not be compiled for the instruction set.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn add_terms<V: Vector, const ROWS: usize, const PANELS: usize>(
    block: &Block<'_, V::Item>,
    (left, right): (*const V::Item, *const V::Item),
    rows: [usize; ROWS],
    panels: [usize; PANELS],
    sums: &mut [[[V; 2]; PANELS]; ROWS],
) {
    let mut left = [left; ROWS];
    let mut right = [right; PANELS];
    // SAFETY: the caller's promises: every row and panel has all terms.
    unsafe {
        for i in 0..ROWS {
            left[i] = left[i].offset(*block.left_rows.get_unchecked(rows[i]));
        }
        for p in 0..PANELS {
            right[p] = right[p].offset(*block.right_panels.get_unchecked(panels[p]));
        }
        for stretch in block.stretches {
            let (mut left_term, mut right_term) = (stretch.left, stretch.right);
            for _ in 0..stretch.terms {
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
}

/// Sums with what is added to them.
///
/// # Safety
/// As [`tile`].
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

/// The first `columns` elements, or two vectors if there are more.
///
/// # Safety
/// So many elements must be valid for reading.
#[inline(always)]
unsafe fn load_part<V: Vector>(from: *const V::Item, columns: usize) -> [V; 2] {
    let mut kept = [V::splat(V::Item::ZERO); 2];
    // SAFETY: the caller's promise; two vectors have so many elements.
    unsafe { std::ptr::copy_nonoverlapping(from, kept.as_mut_ptr().cast(), columns.min(2 * V::LANES)) };
    kept
}

/// Writes the first `columns` elements, or both vectors if there are more.
///
/// # Safety
/// So many places must be valid for writing.
#[inline(always)]
unsafe fn store_part<V: Vector>(sums: [V; 2], to: *mut V::Item, columns: usize) {
    // SAFETY: the caller's promise; two vectors have so many elements.
    unsafe { std::ptr::copy_nonoverlapping(sums.as_ptr().cast(), to, columns.min(2 * V::LANES)) };
}
