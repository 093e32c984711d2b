//! Convolutions as matrix products whose strides overlap: nothing is copied, and padding is never multiplied.
//!
//! Rows are output features, columns are places of the result, and the terms are places of the kernel,
//! row-major, then input features. Places of the result that see the same part of the kernel are one
//! product: those inside, and a few for the edges that reach into the padding. Must not live here: loops
//! over elements.

use super::{Dim, Epilogue, Product};
use crate::Number;

/// A spatial dimension of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Extents of input, kernel and result.
    pub sizes: [usize; 3],
    /// Distances from one place to the next in input, kernel and result, in elements.
    pub strides: [isize; 3],
    /// How far the window moves from one place of the result to the next, in dilated input.
    pub step: usize,
    /// How far the first window begins before the input; negative where it begins inside.
    pub padding: isize,
    /// How far apart elements of the input are.
    pub input_dilation: usize,
    /// How far apart elements of the kernel are.
    pub kernel_dilation: usize,
    /// Whether the kernel's last element is the first in the window.
    pub is_reversed: bool,
}

/// A convolution. Lists of dimensions are outermost first and may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Element types of input, kernel, and result and addend.
    pub numbers: [Number; 3],
    /// Where the first elements of input, kernel, result and addend lie, in elements.
    pub offsets: [isize; 4],
    /// Members, images and groups: distances in input, kernel, result and addend.
    pub batch: Vec<Dim<4>>,
    /// Output features of a group: distances in kernel, result and addend.
    pub features: Vec<Dim<3>>,
    /// Input features of a group: distances in input and kernel.
    pub taken: Dim<2>,
    /// Spatial dimensions.
    pub windows: Vec<Window>,
    /// What is done to a sum before it is stored; the addend does not move with places.
    pub epilogue: Epilogue,
}

/// Evenly spaced places along a dimension that see the same evenly spaced part of the kernel: the first
/// one, how many there are and the distance between them, of places, of the kernel's elements, and of the
/// input's under them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    places: Steps,
    kernel: Steps,
    /// The input's element at the first place under the first element of the kernel, and the distances to
    /// those at the next place, and under the next element.
    input: (isize, isize, isize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Steps {
    first: usize,
    count: usize,
    step: usize,
}

impl Convolution {
    /// The products whose results are the convolution's, each place in one of them. Their left operand is the
    /// kernel, their right one the input.
    pub fn products(&self) -> Vec<Product> {
        let parts = self.windows.iter().map(Window::parts);
        let every = parts.fold(vec![Vec::new()], |chosen: Vec<Vec<Part>>, parts| {
            let with = |chosen: &Vec<Part>, part: &Part| [chosen.as_slice(), &[*part]].concat();
            chosen.iter().flat_map(|chosen| parts.iter().map(move |part| with(chosen, part))).collect()
        });
        every.iter().map(|parts| self.product(parts)).collect()
    }

    fn product(&self, parts: &[Part]) -> Product {
        let [input, kernel, out, addend] = self.offsets;
        let mut offsets = [kernel, input, out, addend];
        let (mut n, mut k) = (Vec::new(), Vec::new());
        for (window, part) in self.windows.iter().zip(parts) {
            let [in_input, in_kernel, in_out] = window.strides;
            let (first, by_place, by_kernel) = part.input;
            offsets[0] += part.kernel.first as isize * in_kernel;
            offsets[1] += first * in_input;
            offsets[2] += part.places.first as isize * in_out;
            n.push(Dim::new(part.places.count, [by_place * in_input, part.places.step as isize * in_out, 0]));
            let step = part.kernel.step as isize;
            k.push(Dim::new(part.kernel.count, [step * in_kernel, by_kernel * in_input]));
        }
        let [by_taken, kernel_by_taken] = self.taken.strides;
        k.push(Dim::new(self.taken.size, [kernel_by_taken, by_taken]));
        let kernel_first = |dim: &Dim<4>| {
            let [input, kernel, out, addend] = dim.strides;
            Dim::new(dim.size, [kernel, input, out, addend])
        };
        Product {
            lhs: self.numbers[1],
            rhs: self.numbers[0],
            out: self.numbers[2],
            offsets,
            batch: self.batch.iter().map(kernel_first).collect(),
            m: self.features.clone(),
            n,
            k,
            epilogue: self.epilogue,
        }
    }
}

impl Window {
    /// The places, by the part of the kernel that they see.
    fn parts(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for place in 0..self.sizes[2] {
            let seen = self.seen(place);
            match parts.iter_mut().find_map(|part| part.with(&seen).map(|longer| (part, longer))) {
                Some((part, longer)) => *part = longer,
                None => parts.push(seen),
            }
        }
        parts
    }

    /// What one place sees.
    fn seen(&self, place: usize) -> Part {
        let inside = |element: usize| self.input_at(place, element).map(|input| (element, input));
        let all: Vec<(usize, isize)> = (0..self.sizes[1]).filter_map(inside).collect();
        // Dilations make one distance of all neighbours.
        let (step, by_kernel) = match all.as_slice() {
            [first, next, ..] => (next.0 - first.0, next.1 - first.1),
            [] | [_] => (1, 0),
        };
        let (first, input) = all.first().copied().unwrap_or((0, 0));
        Part {
            places: Steps { first: place, count: 1, step: 1 },
            kernel: Steps { first, count: all.len(), step },
            input: (input, 0, by_kernel),
        }
    }

    /// The input's element under an element of the kernel; `None` in the padding and between dilated
    /// elements.
    fn input_at(&self, place: usize, element: usize) -> Option<isize> {
        let element = if self.is_reversed { self.sizes[1] - 1 - element } else { element };
        let at = (place * self.step + element * self.kernel_dilation) as isize - self.padding;
        let (dilation, size) = (self.input_dilation as isize, self.sizes[0] as isize);
        (at >= 0 && at % dilation == 0 && at / dilation < size).then_some(at / dilation)
    }
}

impl Part {
    /// The part with one more place, if that sees the same of the kernel and is as far on as the others.
    fn with(&self, next: &Part) -> Option<Part> {
        let (first, by_place, by_kernel) = self.input;
        let last = self.places.first + (self.places.count - 1) * self.places.step;
        let (step, on) =
            (next.places.first - last, next.input.0 - first - (self.places.count as isize - 1) * by_place);
        let is_second = self.places.count == 1;
        let fits = self.kernel == next.kernel && (is_second || step == self.places.step && on == by_place);
        let places = Steps { count: self.places.count + 1, step, ..self.places };
        fits.then_some(Part { places, input: (first, on, by_kernel), ..*self })
    }
}
