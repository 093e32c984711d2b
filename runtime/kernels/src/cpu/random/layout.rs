//! Where the words of a block go.
//!
//! Must not live here: the words.

use std::ops::Range;

use super::blocks::Words;
use crate::cpu::machine::moves::with_width;
use crate::random::{Algorithm, Random};

/// How the elements of a state are made of the words of its blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    kind: Kind,
    /// Elements of a state.
    elements: usize,
    /// Bytes of an element.
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The words of a block, one after another, are elements, each of so many words: so many words to a block.
    InOrder { words: usize, of_element: usize },
    /// The two words of a block are neighbours along a dimension of `size`, with `width` elements behind it: the next block
    /// is for the next of these. A last place without a neighbour has the first word.
    Split { size: usize, width: usize },
}

impl Layout {
    pub(super) fn of(random: &Random) -> Layout {
        let (shape, bytes) = (&random.shape, random.number.bytes());
        let kind = match random.algorithm {
            Algorithm::Philox => Kind::InOrder { words: 4, of_element: bytes.div_ceil(4) },
            Algorithm::ThreeFry if bytes == 8 => Kind::InOrder { words: 2, of_element: 2 },
            Algorithm::ThreeFry => split(shape),
        };
        Layout { kind, elements: shape.iter().product(), bytes }
    }

    /// Blocks that a state draws.
    pub(super) fn blocks(&self) -> usize {
        match self.kind {
            Kind::InOrder { words, of_element } => (self.elements * of_element).div_ceil(words),
            Kind::Split { .. } if self.elements == 0 => 0,
            Kind::Split { size, width } => self.elements / (size * width) * size.div_ceil(2) * width,
        }
    }

    /// Writes the words of blocks to the elements that they are for.
    ///
    /// # Safety
    /// `out` has all elements of a state.
    pub(super) unsafe fn store(&self, words: &Words, blocks: Range<usize>, out: *mut u8) {
        // SAFETY: the caller's contract.
        with_width!(self.bytes, T => unsafe { self.store_as(words, blocks, out.cast::<T>(), |low, high| {
            (u64::from(low) | u64::from(high) << 32) as T
        }) });
    }

    #[inline(always)]
    unsafe fn store_as<T>(
        &self,
        words: &Words,
        blocks: Range<usize>,
        out: *mut T,
        element: impl Fn(u32, u32) -> T,
    ) {
        // SAFETY: all places are below the number of elements.
        let put = |place: usize, low: u32, high: u32| unsafe { out.add(place).write(element(low, high)) };
        match self.kind {
            Kind::InOrder { words: 2, .. } => {
                blocks
                    .clone()
                    .for_each(|at| put(at, words[0][at - blocks.start], words[1][at - blocks.start]));
            }
            Kind::InOrder { of_element: 2, .. } => {
                for half in 0..2 {
                    for (lane, block) in
                        blocks.clone().enumerate().filter(|(_, at)| 2 * at + half < self.elements)
                    {
                        put(2 * block + half, words[2 * half][lane], words[2 * half + 1][lane]);
                    }
                }
            }
            Kind::InOrder { .. } => {
                for (word, lanes) in words.iter().enumerate() {
                    for (lane, block) in
                        blocks.clone().enumerate().filter(|(_, at)| 4 * at + word < self.elements)
                    {
                        put(4 * block + word, lanes[lane], 0);
                    }
                }
            }
            Kind::Split { size, width: 1 } if size % 2 == 0 => {
                for (lane, block) in blocks.enumerate() {
                    put(2 * block, words[0][lane], 0);
                    put(2 * block + 1, words[1][lane], 0);
                }
            }
            Kind::Split { size, width } => {
                let mut at = blocks.start;
                while at < blocks.end {
                    let length = (width - at % width).min(blocks.end - at);
                    let (first, second) = sides(at, size, width);
                    let lane = at - blocks.start;
                    (0..length).for_each(|run| put(first + run, words[0][lane + run], 0));
                    if let Some(second) = second {
                        (0..length).for_each(|run| put(second + run, words[1][lane + run], 0));
                    }
                    at += length;
                }
            }
        }
    }
}

/// Where the first word of a block goes, and where the second one does, if there is a place for it.
fn sides(block: usize, size: usize, width: usize) -> (usize, Option<usize>) {
    let half = size.div_ceil(2);
    let (line, pair, column) = (block / (half * width), block / width % half, block % width);
    let first = (line * size + 2 * pair) * width + column;
    (first, (2 * pair + 1 < size).then_some(first + width))
}

/// The first even dimension, or else the longest, the first one of these.
fn split(shape: &[usize]) -> Kind {
    let even = shape.iter().position(|size| size % 2 == 0);
    let longest = || (0..shape.len()).rev().max_by_key(|&dim| shape[dim]);
    match even.or_else(longest) {
        Some(dim) => Kind::Split { size: shape[dim], width: shape[dim + 1..].iter().product() },
        None => Kind::Split { size: 1, width: 1 },
    }
}
