//! Indices of any type, and offsets of windows.

use std::marker::PhantomData;

use crate::access::{Dim, Run, collapsed, runs};
use crate::cpu::machine::{Body, compiled};
use crate::moves::Start;
use crate::{Access, Level, Number};

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
    /// Bytes of an index.
    bytes: usize,
    offsets: Offsets,
    /// The dimension.
    pub dim: usize,
    /// Between its elements.
    pub stride: isize,
    /// The greatest start.
    last: i64,
    /// The loops over indices of the type.
    loops: Loops,
}

impl Indices {
    /// Those of a start along a dimension with this stride.
    pub(super) fn new(start: &Start, stride: isize, level: Level) -> Indices {
        Indices {
            buffer: start.place.buffer,
            bytes: start.number.bytes(),
            offsets: Offsets::of(&start.place.access, start.place.access.dims.len()),
            dim: start.dim,
            stride,
            last: start.last as i64,
            loops: Loops::of(start.number, level),
        }
    }

    /// Moves the places of windows from number `first` on by their indices, `step` for each: indices beyond the ends count
    /// as the nearest within. Says whether any is beyond.
    ///
    /// # Safety
    /// The buffer has an integer of the type wherever the access has one, aligned for it; nothing writes them now. The
    /// processor has the level that the indices are read at.
    pub(super) unsafe fn shift(
        &self,
        buffers: &[*mut u8],
        first: usize,
        step: isize,
        places: &mut [isize],
    ) -> bool {
        let (mut is_beyond, places_at) = (false, places.as_mut_ptr());
        self.runs(buffers, (first, places.len()), |taken, run, from| {
            let (places, is_beyond) = (places_at.wrapping_add(taken), &raw mut is_beyond);
            let Run { length, stride, .. } = run;
            // SAFETY: the caller vouches for the indices; as many places are left.
            unsafe {
                let last = self.last;
                (self.loops.shift)(&Shifted { from, stride, length, last, step, places, is_beyond });
            }
        });
        is_beyond
    }

    /// Marks the windows from number `first` on whose indices are beyond the ends.
    ///
    /// # Safety
    /// As [`Indices::shift`].
    pub(super) unsafe fn mark(&self, buffers: &[*mut u8], first: usize, is_out: &mut [bool]) {
        self.runs(buffers, (first, is_out.len()), |taken, run, from| {
            let Run { length, stride, .. } = run;
            for at in 0..length {
                let index = from.wrapping_offset(at as isize * stride * self.bytes as isize);
                // SAFETY: the caller vouches for the indices.
                is_out[taken + at] |= unsafe { (self.loops.is_beyond)(index, self.last) };
            }
        });
    }

    /// Calls `each` for every run of the indices of `count` windows from number `first` on: with how many came before, and
    /// where its first index lies.
    fn runs(
        &self,
        buffers: &[*mut u8],
        (first, count): (usize, usize),
        mut each: impl FnMut(usize, Run, *const u8),
    ) {
        let from = buffers[self.buffer].cast_const();
        let mut taken = 0;
        runs(&self.offsets.dims, first, count, |run| {
            each(taken, run, from.wrapping_offset((self.offsets.base + run.first) * self.bytes as isize));
            taken += run.length;
        });
    }
}

/// An integer that says where a window begins.
pub(super) trait Index: Copy + Ord {
    /// Compiling takes time, which few types are worth at every level.
    const WIDEST: Level;
    /// The nearest one to the greatest start: what is beyond the type is beyond every index.
    fn last(last: i64) -> Self;
    /// The nearest start from 0 to the greatest one.
    fn within(self, last: Self) -> Self;
    /// As an offset, of a start.
    fn offset(self) -> isize;
}

macro_rules! index {
    ($($T:ty: $level:ident;)*) => {$(
        impl Index for $T {
            const WIDEST: Level = Level::$level;
            #[inline(always)]
            fn last(last: i64) -> $T {
                <$T>::try_from(last).unwrap_or(<$T>::MAX)
            }
            #[inline(always)]
            fn within(self, last: $T) -> $T {
                self.clamp(0, last)
            }
            #[inline(always)]
            fn offset(self) -> isize {
                self as isize
            }
        }
    )*};
}
index! {
    i8: Portable;
    i16: Portable;
    i32: Avx2;
    i64: Avx2;
    u8: Portable;
    u16: Portable;
    u32: Portable;
    u64: Portable;
}

/// A type of indices, to be read.
macro_rules! with_index {
    ($number:expr, $I:ident => $body:expr) => {{
        macro_rules! of {
            ($T:ty) => {{
                type $I = $T;
                $body
            }};
        }
        match $number {
            Number::I1 | Number::U8 => of!(u8),
            Number::I8 => of!(i8),
            Number::I16 => of!(i16),
            Number::I32 => of!(i32),
            Number::I64 => of!(i64),
            // Indices are integers: floats stand for none, and are here for the sake of the list.
            Number::U16 | Number::F16 | Number::Bf16 => of!(u16),
            Number::U32 | Number::F32 => of!(u32),
            Number::U64 | Number::F64 => of!(u64),
        }
    }};
}
pub(super) use with_index;

/// What the loop that moves places works on.
struct Shifted {
    /// The first index.
    from: *const u8,
    /// Indices between one and the next, and how many there are.
    stride: isize,
    length: usize,
    last: i64,
    step: isize,
    places: *mut isize,
    /// Is set if an index is beyond the ends.
    is_beyond: *mut bool,
}

struct Shift<T>(PhantomData<T>);

impl<T: Index> Body for Shift<T> {
    type Arguments = Shifted;
    const WIDEST: Level = T::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &Shifted) {
        let &Shifted { from, stride, length, last, step, places, is_beyond } = arguments;
        // SAFETY: the caller vouches for the indices, as many places, and a truth value.
        unsafe {
            let (from, last) = (from.cast::<T>(), T::last(last));
            let places = std::slice::from_raw_parts_mut(places, length);
            let mut any = false;
            let mut shift = |place: &mut isize, index: T| {
                let within = index.within(last);
                any |= within != index;
                *place = place.wrapping_add(within.offset().wrapping_mul(step));
            };
            if stride == 1 {
                let indices = std::slice::from_raw_parts(from, length);
                places.iter_mut().zip(indices).for_each(|(place, &index)| shift(place, index));
            } else {
                let indices = (0..length as isize).map(|at| from.offset(at * stride).read());
                places.iter_mut().zip(indices).for_each(|(place, index)| shift(place, index));
            }
            *is_beyond |= any;
        }
    }
}

/// The loops over indices of a type.
#[derive(Debug, Clone, Copy)]
struct Loops {
    shift: unsafe fn(&Shifted),
    is_beyond: unsafe fn(*const u8, i64) -> bool,
}

impl Loops {
    fn of(number: Number, level: Level) -> Loops {
        /// Whether the index there is beyond the ends.
        unsafe fn is_beyond<T: Index>(from: *const u8, last: i64) -> bool {
            // SAFETY: the caller vouches for the index.
            let index = unsafe { from.cast::<T>().read() };
            index.within(T::last(last)) != index
        }
        with_index!(number, I => Loops { shift: compiled::<Shift<I>>(level), is_beyond: is_beyond::<I> })
    }
}
