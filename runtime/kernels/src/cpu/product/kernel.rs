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

impl<T: Copy> Kernels<T> {
    /// Computes a block: tiles of all rows there are, then one more for the rows that are left over. What is
    /// written past the cache is written row by row.
    ///
    /// # Safety
    /// Every row's and panel's elements must be valid for all terms, the sums' places for reading (unless
    /// sums begin here) and writing, and the addend's for reading. The level must be available.
    pub(super) unsafe fn run(&self, block: &Block<'_, T>) {
        let rows = block.left_rows.len();
        let whole = if block.streams { 0 } else { rows / self.rows * self.rows };
        let [tiles, half, two, one] = self.strips;
        let left_over = match rows - whole {
            _ if block.streams => one,
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
#[derive(Clone, Copy)]
pub(super) struct Block<'a, T> {
    pub(super) at: Places<T>,
    /// The offset of each row of the left operand, and from one term to the next.
    pub(super) left_rows: &'a [isize],
    pub(super) left_term: isize,
    /// The offset of each panel of the right operand, and from one term to the next.
    pub(super) right_panels: &'a [isize],
    pub(super) right_term: isize,
    /// The terms, in order.
    pub(super) stretches: &'a [Stretch],
    /// The offset of each row and panel of the sums; a panel's columns lie side by side.
    pub(super) sum_rows: &'a [isize],
    pub(super) sum_panels: &'a [isize],
    pub(super) columns: usize,
    /// Whether sums start here, at zero.
    pub(super) begins: bool,
    pub(super) relu: bool,
    /// Whether whole vectors of sums, which are aligned, are written past the cache.
    pub(super) streams: bool,
    /// How many such blocks there are, and from one to the next in left, right, sums and addend.
    pub(super) members: usize,
    pub(super) steps: [isize; 4],
}

/// Where a block's operands, sums and addend are.
#[derive(Clone, Copy)]
pub(super) struct Places<T> {
    pub(super) left: *const T,
    pub(super) right: *const T,
    pub(super) sums: *mut T,
    pub(super) addend: Addend<T>,
}

impl<T> Places<T> {
    fn moved(self, [left, right, sums, addend]: [isize; 4]) -> Places<T> {
        Places {
            left: self.left.wrapping_offset(left),
            right: self.right.wrapping_offset(right),
            sums: self.sums.wrapping_offset(sums),
            addend: self.addend.moved(addend),
        }
    }
}

/// Terms that are equally far from one another: where the first is in left and right, and how many there are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stretch {
    pub(super) left: isize,
    pub(super) right: isize,
    pub(super) terms: usize,
}

impl<'a, T: Copy> Block<'a, T> {
    /// The columns before one that begins a panel of `width`, and those from it on.
    pub(super) fn split(&self, columns: usize, width: usize) -> [Block<'a, T>; 2] {
        let (panel, mut rest) = (columns / width, *self);
        rest.right_panels = &self.right_panels[panel..];
        rest.sum_panels = &self.sum_panels[panel..];
        rest.columns -= columns;
        if let Addend::Columns(addend) = self.at.addend {
            rest.at.addend = Addend::Columns(addend.wrapping_add(columns));
        }
        [Block { columns, ..*self }, rest]
    }
}

/// What is added to finished sums.
#[derive(Debug, Clone, Copy)]
pub(super) enum Addend<T> {
    None,
    /// One element for each row, side by side.
    Rows(*const T),
    /// One element for each column, side by side.
    Columns(*const T),
}

impl<T> Addend<T> {
    /// The addend of what is so many elements further on.
    pub(super) fn moved(self, by: isize) -> Addend<T> {
        match self {
            Addend::None => Addend::None,
            Addend::Rows(addend) => Addend::Rows(addend.wrapping_offset(by)),
            Addend::Columns(addend) => Addend::Columns(addend.wrapping_offset(by)),
        }
    }
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
    let (width, end) = (2 * V::LANES, first + rows);
    let last_panel = block.columns.div_ceil(width) - 1;
    let last_is_whole = block.columns == (last_panel + 1) * width;
    let mut at = block.at;
    for _ in 0..block.members {
        let mut panel = 0;
        while panel <= last_panel {
            let mut panels = [panel; PANELS];
            for (p, panel_of_tile) in panels.iter_mut().enumerate() {
                *panel_of_tile = (panel + p).min(last_panel);
            }
            let is_whole = last_is_whole || panels[PANELS - 1] < last_panel;
            let mut row = first;
            while row < end {
                let mut rows_of_tile = [row; ROWS];
                for (i, row_of_tile) in rows_of_tile.iter_mut().enumerate() {
                    *row_of_tile = (row + i).min(end - 1);
                }
                // SAFETY: the caller's promises; rows and panels are the block's, of one of its members.
                unsafe { tile::<V, ROWS, PANELS>(block, at, rows_of_tile, panels, is_whole) };
                row += ROWS;
            }
            panel += PANELS;
        }
        at = at.moved(block.steps);
    }
}

/// # Safety
/// As [`strip`]; rows and panels must be the block's, and panels whole if it is said.
#[inline(always)]
unsafe fn tile<V: Vector, const ROWS: usize, const PANELS: usize>(
    block: &Block<'_, V::Item>,
    at: Places<V::Item>,
    rows: [usize; ROWS],
    panels: [usize; PANELS],
    is_whole: bool,
) {
    // SAFETY: the caller's promises: rows and panels have elements and sums. Of a panel that the columns do
    // not fill, only the columns that there are are read and written.
    unsafe {
        let (mut places, mut columns) = ([at.sums; ROWS], [0; PANELS]);
        for i in 0..ROWS {
            places[i] = at.sums.offset(*block.sum_rows.get_unchecked(rows[i]));
        }
        for p in 0..PANELS {
            columns[p] = *block.sum_panels.get_unchecked(panels[p]);
        }
        let mut sums = [[[V::splat(V::Item::ZERO); 2]; PANELS]; ROWS];
        if !block.begins {
            for i in 0..ROWS {
                for p in 0..PANELS {
                    let columns_left = block.columns - panels[p] * 2 * V::LANES;
                    sums[i][p] = load(places[i].offset(columns[p]), is_whole, columns_left);
                }
            }
        }
        add_terms(block, (at.left, at.right), rows, panels, &mut sums);
        finish(block, at.addend, rows, panels, is_whole, &mut sums);
        if !is_whole {
            for i in 0..ROWS {
                for p in 0..PANELS {
                    let columns_left = block.columns - panels[p] * 2 * V::LANES;
                    store_few(sums[i][p], places[i].offset(columns[p]), columns_left);
                }
            }
        } else if block.streams {
            for i in 0..ROWS {
                for p in 0..PANELS {
                    let place = places[i].offset(columns[p]);
                    sums[i][p][0].stream(place);
                    sums[i][p][1].stream(place.add(V::LANES));
                }
            }
        } else {
            for i in 0..ROWS {
                for p in 0..PANELS {
                    let place = places[i].offset(columns[p]);
                    sums[i][p][0].store(place);
                    sums[i][p][1].store(place.add(V::LANES));
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
                    for (v, factor) in factors[p].iter_mut().enumerate() {
                        *factor = V::load(right[p].offset(right_term).add(v * V::LANES));
                    }
                }
                for i in 0..ROWS {
                    let factor = V::splat(*left[i].offset(left_term));
                    for p in 0..PANELS {
                        for v in 0..2 {
                            sums[i][p][v] = factor.multiply_add(factors[p][v], sums[i][p][v]);
                        }
                    }
                }
                left_term += block.left_term;
                right_term += block.right_term;
            }
        }
    }
}

/// The epilogue of a tile.
///
/// # Safety
/// As [`tile`].
#[allow(clippy::needless_range_loop, reason = "iterators keep the sums out of registers")]
#[inline(always)]
unsafe fn finish<V: Vector, const ROWS: usize, const PANELS: usize>(
    block: &Block<'_, V::Item>,
    addend: Addend<V::Item>,
    rows: [usize; ROWS],
    panels: [usize; PANELS],
    is_whole: bool,
    sums: &mut [[[V; 2]; PANELS]; ROWS],
) {
    // SAFETY: the caller's promise: there is an addend for every row, or for every column.
    unsafe {
        match addend {
            Addend::None => {}
            Addend::Rows(addend) => {
                for i in 0..ROWS {
                    let added = [V::splat(*addend.add(rows[i])); 2];
                    for p in 0..PANELS {
                        sums[i][p] = plus(sums[i][p], added);
                    }
                }
            }
            Addend::Columns(addend) => {
                for p in 0..PANELS {
                    let first = panels[p] * 2 * V::LANES;
                    let added = load(addend.add(first), is_whole, block.columns - first);
                    for i in 0..ROWS {
                        sums[i][p] = plus(sums[i][p], added);
                    }
                }
            }
        }
    }
    if block.relu {
        for i in 0..ROWS {
            for p in 0..PANELS {
                sums[i][p] = [sums[i][p][0].relu(), sums[i][p][1].relu()];
            }
        }
    }
}

#[inline(always)]
fn plus<V: Vector>(one: [V; 2], other: [V; 2]) -> [V; 2] {
    [one[0].plus(other[0]), one[1].plus(other[1])]
}

/// Both vectors, or where they are not whole, as many of their elements as there are columns left.
///
/// # Safety
/// The elements must be valid for reading.
#[inline(always)]
unsafe fn load<V: Vector>(from: *const V::Item, is_whole: bool, columns_left: usize) -> [V; 2] {
    // SAFETY: the caller's promise; two vectors have so many elements.
    unsafe {
        if is_whole {
            return [V::load(from), V::load(from.add(V::LANES))];
        }
        let mut kept = [V::splat(V::Item::ZERO); 2];
        copy_few(from, kept.as_mut_ptr().cast(), columns_left.min(2 * V::LANES));
        kept
    }
}

/// Writes as many elements of two vectors as there are columns left.
///
/// # Safety
/// The places must be valid for writing.
#[inline(always)]
unsafe fn store_few<V: Vector>(sums: [V; 2], to: *mut V::Item, columns_left: usize) {
    // SAFETY: the caller's promise; two vectors have so many elements.
    unsafe { copy_few(sums.as_ptr().cast(), to, columns_left.min(2 * V::LANES)) };
}

/// Copies a few elements in pieces whose lengths are powers of two, which takes less time than a copy of any
/// length.
///
/// # Safety
/// As [`std::ptr::copy_nonoverlapping`].
#[inline(never)]
unsafe fn copy_few<T>(from: *const T, to: *mut T, count: usize) {
    let (mut at, mut size) = (0, 8);
    // SAFETY: the caller's promise: pieces before this one are as many as the higher bits of the count.
    unsafe {
        while count - at >= 16 {
            std::ptr::copy_nonoverlapping(from.add(at), to.add(at), 16);
            at += 16;
        }
        while size > 0 {
            if count & size != 0 {
                std::ptr::copy_nonoverlapping(from.add(at), to.add(at), size);
                at += size;
            }
            size /= 2;
        }
    }
}
