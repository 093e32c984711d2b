//! How the space of a kernel is cut: into units, which are independent, and these into tiles that fit the cache.

use std::ops::Range;

use crate::Rows;
use crate::access::{Dim, collapsed, place, size};
use crate::rows::{Buffer, LEAST_BESIDE};

/// Elements of a tile, where the space allows it: what the registers of a few steps hold in the first cache.
pub const TILE: usize = 1024;

/// Elements of a group that folds side by side, at most: 32 lanes of them stay in the first cache.
const GROUP: usize = 256;

/// How a kernel is cut.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    /// Number of rows before one another, groups of a row, and elements of a group.
    pub sizes: [usize; 3],
    /// As many of each that a tile has at most. A tile of several rows has them as a whole.
    pub tile: [usize; 3],
    /// Whether rows are units as a whole, because they fold.
    pub folds: bool,
}

/// Part of a space: rows, groups of these, and elements of the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// First of each.
    pub start: [usize; 3],
    /// How many.
    pub sizes: [usize; 3],
}

impl Geometry {
    /// The cut of a kernel into tiles of about so many elements.
    pub fn of(rows: &Rows, tile: usize) -> Geometry {
        let [outer, count, inner] =
            [&rows.outer, &rows.folded, &rows.inner].map(|dims| dims.iter().product::<usize>());
        let whole = (count * inner).max(1);
        // As many elements of a group as let a tile have its rows as a whole, if they fill some vectors.
        let beside = (tile / count.max(1)).min(GROUP) / LEAST_BESIDE * LEAST_BESIDE;
        let tile = match inner > GROUP {
            _ if whole <= tile => [(tile / whole).clamp(1, outer.max(1)), count, inner],
            _ if inner > beside && beside > 0 => [1, count, beside],
            true => [1, (tile / GROUP).clamp(1, count.max(1)), GROUP],
            false => [1, even(count, (tile / inner.max(1)).max(1)), inner],
        };
        Geometry { sizes: [outer, count, inner], tile, folds: rows.has_folds() }
    }

    /// Whether a tile has its rows as a whole.
    pub fn has_whole_rows(&self) -> bool {
        self.tile[1] == self.sizes[1]
    }

    /// Elements of a tile, at most.
    pub fn elements(&self) -> usize {
        self.tile.iter().product()
    }

    /// Elements that are one for each row of a tile, at most.
    pub fn of_rows(&self) -> usize {
        self.tile[0] * self.tile[2]
    }

    /// Whether a value of rows is one element for a whole tile.
    pub fn is_scalar_of_row(&self) -> bool {
        self.of_rows() == 1
    }

    /// How a unit is cut off along each dimension.
    fn unit_sizes(&self) -> [usize; 3] {
        let [outer, count, inner] = self.tile;
        [outer, if self.folds { self.sizes[1] } else { count }, inner]
    }

    fn counts(&self) -> [usize; 3] {
        let units = self.unit_sizes();
        std::array::from_fn(|at| match self.sizes[at] {
            // A fold of nothing is something.
            0 if at == 1 && self.folds => 1,
            size => size.div_ceil(units[at].max(1)),
        })
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.counts().iter().product()
    }

    /// A unit.
    pub fn unit(&self, number: usize) -> Part {
        let ([_, counts, inners], units) = (self.counts(), self.unit_sizes());
        let at = [number / (counts * inners), number / inners % counts, number % inners];
        let start = std::array::from_fn(|dim| at[dim] * units[dim]);
        Part { start, sizes: std::array::from_fn(|dim| units[dim].min(self.sizes[dim] - start[dim])) }
    }

    /// The tiles of a unit.
    pub fn tiles(&self, unit: Part) -> impl Iterator<Item = Part> + use<> {
        let (step, first) = (self.tile[1].max(1), unit.start[1]);
        let end = first + unit.sizes[1];
        // A fold of nothing has one tile of nothing.
        (first..end.max(first + 1)).step_by(step).map(move |at| Part {
            start: [unit.start[0], at, unit.start[2]],
            sizes: [unit.sizes[0], step.min(end - at), unit.sizes[2]],
        })
    }
}

/// At most `most` of `count`, so that no part is much less than the others.
fn even(count: usize, most: usize) -> usize {
    count
        .div_ceil(count.div_ceil(most).max(1))
        .next_multiple_of(LEAST_BESIDE)
        .min(most)
        .clamp(1, count.max(1))
}

impl Part {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Number of elements that are one for each row.
    pub fn of_rows(&self) -> usize {
        self.sizes[0] * self.sizes[2]
    }
}

/// An access to memory by a kernel.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The buffer.
    pub buffer: Buffer,
    /// Where the first element lies.
    pub offset: isize,
    /// Bytes of an element.
    pub bytes: usize,
    /// Dimensions of each part of the space, joined where they can be.
    pub dims: [Vec<Dim>; 3],
    /// All of them in one list.
    pub all: Vec<Dim>,
    /// Whether every tile's elements lie one after another.
    pub is_contiguous: bool,
}

impl Memory {
    /// An access of a kernel that is cut in this way; of values of rows it has one element for each row.
    pub fn new(
        rows: &Rows,
        geometry: &Geometry,
        (buffer, access, bytes): (Buffer, &crate::Access, usize),
        of_rows: bool,
    ) -> Memory {
        let (outer, rest) = access.dims.split_at(rows.outer.len());
        let (folded, inner) = rest.split_at(rows.folded.len());
        let folded = if of_rows { &[] } else { folded };
        let all = collapsed(&[outer, folded, inner].concat());
        let is_one_run = |dims: &[Dim]| matches!(collapsed(dims).as_slice(), [] | [(_, 1)]);
        let within = if geometry.tile[2] < geometry.sizes[2] {
            (of_rows || geometry.tile[1] == 1) && is_one_run(inner)
        } else {
            geometry.tile[0] == 1 && is_one_run(&[folded, inner].concat())
        };
        let is_contiguous = within || (geometry.tile[2] == geometry.sizes[2] && is_one_run(&all));
        let dims = [collapsed(outer), collapsed(folded), collapsed(inner)];
        Memory { buffer, offset: access.offset, bytes, dims, all, is_contiguous }
    }

    /// Where the first element of a part lies, in elements from the buffer's start.
    pub fn first(&self, part: &Part) -> isize {
        self.offset + self.dims.iter().zip(part.start).map(|(dims, at)| along(dims, at)).sum::<isize>()
    }

    /// The elements of a part as ranges of all elements in order, of which the kernel's space has these sizes.
    pub fn ranges(&self, part: &Part, sizes: [usize; 3]) -> impl Iterator<Item = Range<usize>> + use<> {
        let of_rows = self.dims[1].is_empty() || size(&self.dims[1]) == 1;
        let (count, [outer, group, element]) = (if of_rows { 1 } else { sizes[1] }, part.start);
        let group = if of_rows { 0 } else { group };
        let groups = if of_rows { 1 } else { part.sizes[1] };
        let (inner, whole) = (sizes[2], part.sizes[2] == sizes[2]);
        let first = (outer * count + group) * inner + element;
        let (lines, length) = match whole {
            true => (1, part.sizes[0] * groups * inner),
            false => (part.sizes[0] * groups, part.sizes[2]),
        };
        (0..lines).map(move |line| first + line * inner..first + line * inner + length)
    }
}

/// Where the element at a place of dimensions lies; the usual ones without a division.
#[inline]
fn along(dims: &[Dim], at: usize) -> isize {
    match dims {
        [] => 0,
        [(_, stride)] => at as isize * stride,
        more => place(more, at),
    }
}
