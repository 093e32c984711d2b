//! Gathers of single elements at one index each: indices become offsets in vectors, and then elements are moved.
//!
//! Must not live here: windows of more elements, or of several indices ([`super::gather`]).

use std::marker::PhantomData;
use std::ops::Range;

use super::BLOCK;
use super::starts::{Index, with_index};
use crate::access::Dim;
use crate::cpu::machine::moves::with_width;
use crate::cpu::machine::{Body, compiled};
use crate::moves::Gather;
use crate::{Level, Number};

/// Elements of a unit.
const UNIT: usize = 1 << 12;

/// Elements that lie equally far apart from which on a loop over them is worth calling.
const LONG: usize = 16;

/// Where indices, what is gathered at index 0, and results lie.
const PLACES: usize = 3;

/// A gather of single elements.
#[derive(Debug, Clone)]
pub(super) struct Points {
    buffers: [usize; PLACES],
    bases: [isize; PLACES],
    /// Bytes of an index and of an element.
    bytes: [usize; 2],
    lines: Vec<Line>,
    row: Line,
    count: usize,
    last: i64,
    step: isize,
    locate: unsafe fn(&Located),
    fetch: unsafe fn(&Fetched),
}

/// A dimension of all three: its size and strides.
#[derive(Debug, Clone, Copy)]
struct Line {
    size: usize,
    strides: [isize; PLACES],
}

impl Points {
    /// `None` for a gather that is none of single elements at one index each, in rows and not very far apart.
    pub(super) fn of(gather: &Gather, level: Level) -> Option<Points> {
        let [start] = gather.starts.as_slice() else { return None };
        let numbering = gather.windows.len();
        let accesses = [&start.place.access, &gather.from.access, &gather.out.access];
        let mut lines = joined(accesses.map(|access| &access.dims[..numbering]));
        let row = lines.pop().unwrap_or(Line { size: 1, strides: [0; PLACES] });
        let is_of_points = gather.window.iter().all(|&size| size == 1);
        let step = gather.from.access.dims[numbering + start.dim].1;
        let reach = [(start.last, step), (row.size, row.strides[1])]
            .map(|(count, stride)| count.saturating_mul(stride.unsigned_abs()));
        let is_near = reach[0].saturating_add(reach[1]) <= i32::MAX as usize;
        if !is_of_points || !is_near || row.size < LONG && !lines.is_empty() {
            return None;
        }
        Some(Points {
            buffers: [start.place.buffer, gather.from.buffer, gather.out.buffer],
            bases: accesses.map(|access| access.offset),
            bytes: [start.number.bytes(), gather.number.bytes()],
            locate: with_index!(start.number, I => compiled::<Locate<I>>(level)),
            fetch: with_width!(gather.number.bytes(), T => fetch::<T>),
            lines,
            row,
            count: gather.windows.iter().product(),
            last: start.last as i64,
            step,
        })
    }

    pub(super) fn units(&self) -> usize {
        self.count.div_ceil(UNIT)
    }

    /// # Safety
    /// As [`super::gather::Program::run`].
    pub(super) unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>) {
        let (mut at, end) = (units.start * UNIT, self.count.min(units.end * UNIT));
        while at < end {
            let (line, first) = (at / self.row.size, at % self.row.size);
            let length = (self.row.size - first).min(end - at).min(BLOCK);
            // SAFETY: the caller's contract.
            unsafe { self.block(self.places(buffers, line, first), length) }
            at += length;
        }
    }

    /// Where an index of a row lies, what it is an index of, and the result.
    fn places(&self, buffers: &[*mut u8], mut line: usize, first: usize) -> [*mut u8; PLACES] {
        let mut offsets = self.bases;
        let mut step = |strides: &[isize; PLACES], by: usize| {
            offsets.iter_mut().zip(strides).for_each(|(offset, stride)| *offset += by as isize * stride);
        };
        step(&self.row.strides, first);
        for dim in self.lines.iter().rev() {
            step(&dim.strides, line % dim.size);
            line /= dim.size;
        }
        let [of_index, of_element] = self.bytes;
        let bytes = [of_index, of_element, of_element];
        std::array::from_fn(|place| {
            buffers[self.buffers[place]].wrapping_offset(offsets[place] * bytes[place] as isize)
        })
    }

    /// Gathers at most a block of elements of a row.
    ///
    /// # Safety
    /// As [`super::gather::Program::run`], for the row that these are places of.
    unsafe fn block(&self, [indices, from, out]: [*mut u8; PLACES], length: usize) {
        let mut offsets = [0; BLOCK];
        let (table, [by_index, by_from, by_out]) = (offsets.as_mut_ptr(), self.row.strides);
        let (last, step) = (self.last, self.step as i32);
        // SAFETY: the caller's contract; the table has room for a block.
        unsafe {
            (self.locate)(&Located {
                indices,
                stride: by_index,
                length,
                last,
                steps: [step, by_from as i32],
                offsets: table,
            });
            (self.fetch)(&Fetched { from, offsets: table, length, out, stride: by_out });
        }
    }
}

/// The dimensions of three accesses of one shape, with neighbours joined where one stride of each spans both.
fn joined(accesses: [&[Dim]; PLACES]) -> Vec<Line> {
    let mut joined: Vec<Line> = Vec::new();
    for dim in 0..accesses[0].len() {
        let size = accesses[0][dim].0;
        let strides = accesses.map(|access| access[dim].1);
        match joined.last_mut() {
            _ if size == 1 => {}
            Some(outer) if outer.strides == strides.map(|stride| stride * size as isize) => {
                *outer = Line { size: outer.size * size, strides };
            }
            Some(_) | None => joined.push(Line { size, strides }),
        }
    }
    joined
}

/// What the loop over indices works on.
struct Located {
    indices: *const u8,
    stride: isize,
    length: usize,
    last: i64,
    /// From one element to the next, along the dimension that indices are of, and along the row.
    steps: [i32; 2],
    offsets: *mut i32,
}

/// Offsets of elements from their indices, which are clamped to lie within.
struct Locate<I>(PhantomData<I>);

impl<I: Index> Body for Locate<I> {
    type Arguments = Located;
    const WIDEST: Level = I::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &Located) {
        let &Located { indices, stride, length, last, steps: [step, along], offsets } = arguments;
        let last = I::last(last);
        let offset = |at: usize, index: I| {
            (index.within(last).offset() as i32)
                .wrapping_mul(step)
                .wrapping_add((at as i32).wrapping_mul(along))
        };
        // SAFETY: the caller vouches for as many indices and as much room.
        unsafe {
            let (indices, offsets) = (indices.cast::<I>(), std::slice::from_raw_parts_mut(offsets, length));
            if stride == 1 {
                let indices = std::slice::from_raw_parts(indices, length);
                let pairs = offsets.iter_mut().zip(indices).enumerate();
                pairs.for_each(|(at, (to, &index))| *to = offset(at, index));
            } else {
                let index = |at: usize| indices.offset(at as isize * stride).read();
                offsets.iter_mut().enumerate().for_each(|(at, to)| *to = offset(at, index(at)));
            }
        }
    }
}

/// What the loop over elements works on.
struct Fetched {
    from: *const u8,
    offsets: *const i32,
    length: usize,
    out: *mut u8,
    stride: isize,
}

/// Reads elements at offsets, and writes them one after another.
///
/// # Safety
/// There are as many offsets as the length says; they lead to elements of this type, and there is as much room.
unsafe fn fetch<T: Copy>(fetched: &Fetched) {
    let &Fetched { from, offsets, length, out, stride } = fetched;
    let (from, out) = (from.cast::<T>(), out.cast::<T>());
    // SAFETY: the caller's contract.
    unsafe {
        let offsets = std::slice::from_raw_parts(offsets, length);
        let element = |offset: i32| from.offset(offset as isize).read();
        if stride == 1 {
            let out = std::slice::from_raw_parts_mut(out, length);
            out.iter_mut().zip(offsets).for_each(|(to, &offset)| *to = element(offset));
        } else {
            let pairs = offsets.iter().enumerate();
            pairs.for_each(|(at, &offset)| out.offset(at as isize * stride).write(element(offset)));
        }
    }
}
