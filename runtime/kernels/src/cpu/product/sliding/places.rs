//! Where windows lie: over which part of the input, which vectors of a line there are, and which of their
//! lanes an element of the kernel has something under.
//!
//! Must not live here: loops over elements.

use std::ops::Range;

use crate::product::convolution::Window;

/// A window over an input that is not dilated: `first + place * step + element * by_kernel` is what an element
/// of the kernel lies on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slide {
    /// Extents of input, kernel and result.
    pub(super) sizes: [usize; 3],
    /// Distances in input, kernel and result.
    pub(super) strides: [isize; 3],
    pub(super) step: isize,
    first: isize,
    by_kernel: isize,
}

/// The lanes of a vector from the first on and up to the second that an element of the kernel has something
/// under.
pub(super) type Lanes = [u8; 2];

/// A vector of places: its line, its number there, and its first place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vector {
    pub(super) line: usize,
    pub(super) of_line: usize,
    pub(super) place: usize,
}

impl Slide {
    /// A dimension of one place, which everything has.
    pub(super) const POINT: Slide = Slide { sizes: [1; 3], strides: [0; 3], step: 1, first: 0, by_kernel: 0 };

    /// `None` if the input is dilated.
    pub(super) fn of(window: &Window) -> Option<Slide> {
        let Window { sizes, strides, step, padding, input_dilation, kernel_dilation, is_reversed } = *window;
        let apart = kernel_dilation as isize;
        let (first, by_kernel) = match is_reversed {
            false => (-padding, apart),
            true => (sizes[1].saturating_sub(1) as isize * apart - padding, -apart),
        };
        (input_dilation == 1).then_some(Slide { sizes, strides, step: step as isize, first, by_kernel })
    }

    /// The input's index under an element of the kernel, inside or not.
    pub(super) fn under(&self, place: usize, element: usize) -> isize {
        self.first + place as isize * self.step + element as isize * self.by_kernel
    }

    /// All indices under the windows of places, inside or not.
    pub(super) fn reach(&self, places: Range<usize>) -> Range<isize> {
        let last = self.sizes[1] - 1;
        let ends = [self.under(places.start, 0), self.under(places.start, last)];
        let span = (last as isize * self.by_kernel).abs();
        let start = ends[0].min(ends[1]);
        start..start + (places.len() - 1) as isize * self.step + span + 1
    }

    /// Those of the indices that the input has.
    pub(super) fn inside(&self, indices: &Range<isize>) -> Range<isize> {
        let start = indices.start.max(0);
        start..indices.end.min(self.sizes[0] as isize).max(start)
    }

    /// Whether some window reaches into the padding.
    pub(super) fn is_padded(&self) -> bool {
        let reach = self.reach(0..self.sizes[2]);
        self.inside(&reach) != reach
    }

    /// Which of so many places from one on have something under an element of the kernel, where neighbours
    /// are neighbours in the input.
    pub(super) fn lanes(&self, place: usize, element: usize, lanes: usize) -> Lanes {
        let at = self.under(place, element);
        let lane = |index: isize| (index - at).clamp(0, lanes as isize) as u8;
        match [lane(0), lane(self.sizes[0] as isize)] {
            [start, end] if start < end => [start, end],
            _ => [0; 2],
        }
    }
}

/// The vectors of some lines of places. The last one of a line begins where it ends with the line, and has
/// places of the one before it again.
pub(super) fn vectors(lines: usize, places: usize, lanes: usize) -> impl Iterator<Item = Vector> {
    let of_line = move |line: usize| {
        let starts = (0..places).step_by(lanes).enumerate();
        starts.map(move |(of_line, place)| Vector { line, of_line, place: place.min(places - lanes) })
    };
    (0..lines).flat_map(of_line)
}
