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
            let mut offset = self.base + run.first;
            for place in &mut table[filled..filled + run.length] {
                *place = offset;
                offset += run.stride;
            }
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

    /// Hands over the indices of `count` windows from number `first` on.
    ///
    /// # Safety
    /// The buffer has an integer of the type wherever the access has one, aligned for it; nothing writes them now.
    #[inline(always)]
    pub(super) unsafe fn each(
        &self,
        buffers: &[*mut u8],
        (first, count): (usize, usize),
        mut take: impl FnMut(usize, i64),
    ) {
        let from = buffers[self.buffer].cast_const();
        macro_rules! of {
            ($T:ty, $index:expr) => {{
                let index: fn($T) -> i64 = $index;
                // SAFETY: the caller's contract, for integers of this type.
                unsafe { self.each_of::<$T>(from, (first, count), |at, value| take(at, index(value))) }
            }};
        }
        match self.number {
            Number::I1 | Number::U8 => of!(u8, i64::from),
            Number::I8 => of!(i8, i64::from),
            Number::I16 => of!(i16, i64::from),
            Number::I32 => of!(i32, i64::from),
            Number::U16 => of!(u16, i64::from),
            Number::U32 => of!(u32, i64::from),
            Number::I64 => of!(i64, |index| index),
            // What is beyond these is beyond every array.
            Number::U64 => of!(u64, |index| index.min(i64::MAX as u64) as i64),
            // Indices are integers.
            Number::F16 | Number::Bf16 | Number::F32 | Number::F64 => {}
        }
    }

    /// # Safety
    /// As [`Indices::each`], for integers of type `T`.
    #[inline(always)]
    unsafe fn each_of<T: Copy>(
        &self,
        from: *const u8,
        (first, count): (usize, usize),
        mut take: impl FnMut(usize, T),
    ) {
        let from = from.cast::<T>().wrapping_offset(self.offsets.base);
        let mut taken = 0;
        runs(&self.offsets.dims, first, count, |run| {
            let mut next = from.wrapping_offset(run.first);
            for at in taken..taken + run.length {
                // SAFETY: the caller vouches for the elements of the access.
                take(at, unsafe { next.read() });
                next = next.wrapping_offset(run.stride);
            }
            taken += run.length;
        });
    }
}
