//! Indices of any type, and offsets of windows.

use crate::access::{Dim, collapsed, runs};
use crate::moves::Start;
use crate::{Access, Number};

/// Offsets of elements by the number of their window.
#[derive(Debug, Clone)]
pub(super) struct Offsets {
    pub base: isize,
    dims: Vec<Dim>,
}

impl Offsets {
    /// Those of an access of which these dimensions, the first ones, number the windows.
    pub(super) fn of(access: &Access, windows: usize) -> Offsets {
        Offsets::new(access.offset, &access.dims[..windows])
    }

    pub(super) fn new(base: isize, dims: &[Dim]) -> Offsets {
        Offsets { base, dims: collapsed(dims) }
    }

    /// Between the last windows.
    pub(super) fn stride(&self) -> isize {
        self.dims.last().map_or(0, |&(_, stride)| stride)
    }

    /// The offset of a window.
    pub(super) fn at(&self, window: usize) -> isize {
        self.base + crate::access::place(&self.dims, window)
    }

    /// Fills a table with the offsets of windows from number `first` on.
    pub(super) fn fill(&self, first: usize, table: &mut [isize]) {
        let mut filled = 0;
        runs(&self.dims, first, table.len(), |run| {
            let part = &mut table[filled..filled + run.length];
            let start = self.base + run.first;
            part.iter_mut().enumerate().for_each(|(at, offset)| *offset = start + at as isize * run.stride);
            filled += run.length;
        });
    }
}

/// Where windows begin along a dimension.
#[derive(Debug, Clone)]
pub(super) struct Indices {
    buffer: usize,
    number: Number,
    offsets: Offsets,
    /// The dimension.
    pub dim: usize,
    /// Between its elements.
    pub stride: isize,
    /// The greatest start.
    pub last: i64,
}

impl Indices {
    /// Those of a start along a dimension with this stride.
    pub(super) fn new(start: &Start, stride: isize) -> Indices {
        Indices {
            buffer: start.place.buffer,
            number: start.number,
            offsets: Offsets::of(&start.place.access, start.place.access.dims.len()),
            dim: start.dim,
            stride,
            last: start.last as i64,
        }
    }

    /// Reads the indices of windows from number `first` on.
    ///
    /// # Safety
    /// The buffer has an integer of the type wherever the access has one, aligned for it; nothing writes them now.
    pub(super) unsafe fn read(&self, buffers: &[*mut u8], first: usize, table: &mut [i64]) {
        let from = buffers[self.buffer].cast_const();
        // SAFETY: the caller's contract.
        unsafe {
            match self.number {
                Number::I1 | Number::U8 => self.read_as::<u8>(from, first, table, i64::from),
                Number::I8 => self.read_as::<i8>(from, first, table, i64::from),
                Number::I16 => self.read_as::<i16>(from, first, table, i64::from),
                Number::I32 => self.read_as::<i32>(from, first, table, i64::from),
                Number::U16 => self.read_as::<u16>(from, first, table, i64::from),
                Number::U32 => self.read_as::<u32>(from, first, table, i64::from),
                Number::I64 => self.read_as::<i64>(from, first, table, |index| index),
                // What is beyond these is beyond every array.
                Number::U64 => {
                    self.read_as::<u64>(from, first, table, |index| index.min(i64::MAX as u64) as i64);
                }
                // Indices are integers.
                Number::F16 | Number::Bf16 | Number::F32 | Number::F64 => table.fill(0),
            }
        }
    }

    /// # Safety
    /// As [`Indices::read`], for integers of type `T`.
    unsafe fn read_as<T: Copy>(
        &self,
        from: *const u8,
        first: usize,
        table: &mut [i64],
        index: impl Fn(T) -> i64,
    ) {
        let from = from.cast::<T>().wrapping_offset(self.offsets.base);
        let mut filled = 0;
        runs(&self.offsets.dims, first, table.len(), |run| {
            let part = &mut table[filled..filled + run.length];
            let start = from.wrapping_offset(run.first);
            for (at, value) in part.iter_mut().enumerate() {
                // SAFETY: the caller vouches for the elements of the access.
                *value = index(unsafe { start.wrapping_offset(at as isize * run.stride).read() });
            }
            filled += run.length;
        });
    }
}
