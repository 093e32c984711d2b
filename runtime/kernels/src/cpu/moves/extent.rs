//! The rows of a box of elements that two accesses run through.

use std::ops::Range;

use crate::access::Dim;

/// A dimension of a box: its size, and the strides of what is read and of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Both {
    pub size: usize,
    pub from: isize,
    pub to: isize,
}

/// A box of elements as lines of rows, of which one dimension may be cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    /// The dimensions before the row, the outermost first.
    pub lines: Vec<Both>,
    /// The row.
    pub row: Both,
    /// The dimension that may be cut, the row counted last.
    cut: Option<usize>,
}

impl Extent {
    /// The box of dimensions of what is read and of what is written, which have the same sizes. Neighbours are joined
    /// where they can be, but for the dimension that is cut.
    pub(super) fn new(from: &[Dim], to: &[Dim], cut: Option<usize>) -> Extent {
        let mut lines: Vec<Both> = Vec::with_capacity(from.len());
        let mut cut_line = None;
        for (at, (&(size, from), &(_, to))) in from.iter().zip(to).enumerate() {
            let is_cut = cut == Some(at);
            let is_open = !is_cut && cut_line.is_none_or(|line| line + 1 < lines.len());
            match lines.last_mut() {
                _ if size == 1 && !is_cut => {}
                Some(outer)
                    if is_open && outer.from == from * size as isize && outer.to == to * size as isize =>
                {
                    *outer = Both { size: outer.size * size, from, to };
                }
                Some(_) | None => {
                    cut_line = if is_cut { Some(lines.len()) } else { cut_line };
                    lines.push(Both { size, from, to });
                }
            }
        }
        let row = lines.pop().unwrap_or(Both { size: 1, from: 0, to: 0 });
        Extent { lines, row, cut: cut_line }
    }

    /// The outermost dimension.
    pub(super) fn first(&self) -> Both {
        *self.lines.first().unwrap_or(&self.row)
    }

    /// The same box, to be cut along its outermost dimension.
    pub(super) fn cut(mut self) -> Extent {
        self.cut = Some(0);
        self
    }

    /// The same elements, each a row by itself.
    pub(super) fn by_elements(mut self) -> Extent {
        self.lines.push(self.row);
        self.row = Both { size: 1, from: 0, to: 0 };
        self
    }

    /// Whether rows lie one after another on both sides.
    pub(super) fn has_runs(&self) -> bool {
        self.row.size == 1 || (self.row.from, self.row.to) == (1, 1)
    }

    /// Calls `row` with the offsets of each row and its length; of the dimension that is cut, for this range alone.
    pub(super) fn each(&self, range: &Range<usize>, mut row: impl FnMut(isize, isize, usize)) {
        self.within(0, range, (0, 0), &mut row);
    }

    fn within(
        &self,
        at: usize,
        range: &Range<usize>,
        (from, to): (isize, isize),
        row: &mut dyn FnMut(isize, isize, usize),
    ) {
        let dim = self.lines.get(at).unwrap_or(&self.row);
        let range_here = if self.cut == Some(at) { range.clone() } else { 0..dim.size };
        let place = |index: usize| (from + index as isize * dim.from, to + index as isize * dim.to);
        if at == self.lines.len() {
            let (from, to) = place(range_here.start);
            return row(from, to, range_here.len());
        }
        for index in range_here {
            self.within(at + 1, range, place(index), row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(extent: &Extent, range: Range<usize>) -> Vec<(isize, isize, usize)> {
        let mut rows = Vec::new();
        extent.each(&range, |from, to, length| rows.push((from, to, length)));
        rows
    }

    #[test]
    fn neighbours_are_joined_but_for_what_is_cut() {
        let (from, to) = ([(2, 12), (3, 4), (4, 1)], [(2, 24), (3, 8), (4, 2)]);
        assert_eq!(rows(&Extent::new(&from, &to, None), 0..0), [(0, 0, 24)]);
        assert_eq!(rows(&Extent::new(&from, &to, Some(0)), 1..2), [(12, 24, 12)]);
        assert_eq!(rows(&Extent::new(&from, &to, Some(1)), 1..3).len(), 4);
        let last = rows(&Extent::new(&from, &to, Some(2)), 1..3);
        assert_eq!((last.len(), last[1]), (6, (5, 10, 2)));
        assert_eq!(rows(&Extent::new(&from, &to, None).by_elements(), 0..0).len(), 24);
        assert_eq!(rows(&Extent::new(&[], &[], None), 0..0), [(0, 0, 1)]);
    }
}
