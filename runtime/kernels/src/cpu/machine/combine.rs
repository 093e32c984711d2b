//! Loops over rows of elements at computed places: what lies there is written, or combined with something.

use std::marker::PhantomData;

use super::binary::{Add, And, Apply, Maximum, Minimum, Multiply, Or, Xor};
use super::moves::with_width;
use super::{Body, compiled};
use crate::instruction::Binary;
use crate::{Level, Number};

/// What a loop works on: row r has its elements `strides[0]` apart from `outs[r]` on in `out`, and those it takes
/// `strides[1]` apart from `froms[r]` on in `from`, all of this in elements.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    /// What is written to.
    pub out: *mut u8,
    /// What is read.
    pub from: *const u8,
    /// Where each row begins in `out`.
    pub outs: *const isize,
    /// Where each row begins in `from`.
    pub froms: *const isize,
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub length: usize,
    /// Between elements of a row, of `out` and of `from`.
    pub strides: [isize; 2],
}

/// Runs over rows, one after another.
///
/// # Safety
/// There are as many offsets as rows; they and the strides lead to elements of the loop's type, aligned for it, which
/// nobody else uses now where they are written; what is read overlaps nothing that is written; and the
/// processor has the loop's level.
pub type Combine = unsafe fn(&Arguments);

impl Arguments {
    /// Calls `row` with the first elements of each row.
    ///
    /// # Safety
    /// As [`Combine`], for elements of type `T`.
    #[inline(always)]
    unsafe fn each<T>(&self, mut row: impl FnMut(*mut T, *const T)) {
        for at in 0..self.rows {
            // SAFETY: the caller vouches for the offsets and what they lead to.
            unsafe {
                let out = self.out.cast::<T>().wrapping_offset(self.outs.add(at).read());
                row(out, self.from.cast::<T>().wrapping_offset(self.froms.add(at).read()));
            }
        }
    }
}

/// The loop that writes elements of so many bytes.
pub fn overwrite(bytes: usize) -> Combine {
    unsafe fn overwrite<T: Copy>(arguments: &Arguments) {
        let Arguments { length, strides: [out_stride, from_stride], .. } = *arguments;
        // SAFETY: the caller keeps the contract of `Combine` for elements of this type.
        unsafe {
            match (length, out_stride, from_stride) {
                (1, ..) => arguments.each::<T>(|out, from| out.write(from.read())),
                (_, 1, 1) => {
                    arguments.each::<T>(|out, from| std::ptr::copy_nonoverlapping(from, out, length));
                }
                (_, 1, 0) => arguments.each::<T>(|out, from| {
                    std::slice::from_raw_parts_mut(out, length).fill(from.read());
                }),
                (..) => arguments.each::<T>(|out, from| {
                    for at in 0..length as isize {
                        out.offset(at * out_stride).write(from.offset(at * from_stride).read());
                    }
                }),
            }
        }
    }
    with_width!(bytes, T => overwrite::<T>)
}

/// The loop that writes rows of one after another, if they have as many bytes as it takes to move them at once.
pub fn overwrite_short(bytes: usize, length: usize) -> Option<Combine> {
    /// Rows of `LENGTH` elements.
    unsafe fn overwrite<T: Copy, const LENGTH: usize>(arguments: &Arguments) {
        // SAFETY: the caller keeps the contract of `Combine` for elements of this type, one after another.
        unsafe {
            arguments
                .each::<T>(|out, from| out.cast::<[T; LENGTH]>().write(from.cast::<[T; LENGTH]>().read()));
        }
    }
    Some(match (bytes, length) {
        (1, 2) => overwrite::<u8, 2>,
        (1, 4) => overwrite::<u8, 4>,
        (1, 8) => overwrite::<u8, 8>,
        (1, 16) => overwrite::<u8, 16>,
        (2, 2) => overwrite::<u16, 2>,
        (2, 4) => overwrite::<u16, 4>,
        (2, 8) => overwrite::<u16, 8>,
        (2, 16) => overwrite::<u16, 16>,
        (4, 2) => overwrite::<u32, 2>,
        (4, 3) => overwrite::<u32, 3>,
        (4, 4) => overwrite::<u32, 4>,
        (4, 8) => overwrite::<u32, 8>,
        (4, 16) => overwrite::<u32, 16>,
        (8, 2) => overwrite::<u64, 2>,
        (8, 3) => overwrite::<u64, 3>,
        (8, 4) => overwrite::<u64, 4>,
        (8, 8) => overwrite::<u64, 8>,
        (_, _) => return None,
    })
}

/// Whether an instruction is one on floats: of integers, one loop does for all rows, since compiling takes time.
const fn is_of_floats<I: Apply<T>, T>() -> bool {
    matches!(I::WIDEST, Level::Avx512)
}

/// An instruction of what lies there and what is read, on numbers of type `T`.
struct Into<I, T>(PhantomData<(I, T)>);

impl<T: Copy, I: Apply<T, Out = T>> Body for Into<I, T> {
    type Arguments = Arguments;
    const WIDEST: Level = if is_of_floats::<I, T>() { Level::Avx2 } else { Level::Portable };

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let Arguments { length, strides: [out_stride, from_stride], .. } = *arguments;
        // SAFETY: the caller keeps the contract of `Combine` for elements of this type.
        unsafe {
            if is_of_floats::<I, T>() && length == 1 {
                arguments.each::<T>(|out, from| out.write(I::apply(out.read(), from.read())));
            } else if is_of_floats::<I, T>() && (out_stride, from_stride) == (1, 1) {
                arguments.each::<T>(|out, from| {
                    let row = std::slice::from_raw_parts_mut(out, length);
                    let taken = std::slice::from_raw_parts(from, length);
                    row.iter_mut().zip(taken).for_each(|(x, &y)| *x = I::apply(*x, y));
                });
            } else {
                arguments.each::<T>(|out, from| {
                    for at in 0..length as isize {
                        let out = out.offset(at * out_stride);
                        out.write(I::apply(out.read(), from.offset(at * from_stride).read()));
                    }
                });
            }
        }
    }
}

/// The loop that combines numbers of a type by an instruction; `None` for 16-bit floats, which are not computed with
/// as they are, and for instructions that scatters rarely have.
pub fn combine(op: Binary, number: Number, level: Level) -> Option<Combine> {
    macro_rules! by_width {
        ($I:ident) => {
            match number {
                Number::I1 | Number::I8 | Number::U8 => Some(compiled::<Into<$I, u8>>(level)),
                Number::I16 | Number::U16 => Some(compiled::<Into<$I, u16>>(level)),
                Number::I32 | Number::U32 => Some(compiled::<Into<$I, u32>>(level)),
                Number::I64 | Number::U64 => Some(compiled::<Into<$I, u64>>(level)),
                Number::F16 | Number::Bf16 | Number::F32 | Number::F64 => None,
            }
        };
    }
    macro_rules! by_sign {
        ($I:ident) => {
            match number {
                Number::I8 => Some(compiled::<Into<$I, i8>>(level)),
                Number::I16 => Some(compiled::<Into<$I, i16>>(level)),
                Number::I32 => Some(compiled::<Into<$I, i32>>(level)),
                Number::I64 => Some(compiled::<Into<$I, i64>>(level)),
                _ => by_width!($I),
            }
        };
    }
    macro_rules! floats {
        ($I:ident) => {
            match number {
                Number::F32 => Some(compiled::<Into<$I, f32>>(level)),
                Number::F64 => Some(compiled::<Into<$I, f64>>(level)),
                _ => None,
            }
        };
    }
    let is_truth = number == Number::I1;
    match op {
        Binary::Add | Binary::Maximum if is_truth => by_width!(Or),
        Binary::Multiply | Binary::Minimum if is_truth => by_width!(And),
        Binary::Add => floats!(Add).or_else(|| by_width!(Add)),
        Binary::Multiply => floats!(Multiply).or_else(|| by_width!(Multiply)),
        Binary::Maximum => floats!(Maximum).or_else(|| by_sign!(Maximum)),
        Binary::Minimum => floats!(Minimum).or_else(|| by_sign!(Minimum)),
        Binary::And => by_width!(And),
        Binary::Or => by_width!(Or),
        Binary::Xor => by_width!(Xor),
        Binary::Divide
        | Binary::Mulhi
        | Binary::Power
        | Binary::Remainder
        | Binary::ShiftLeft
        | Binary::ShiftRightArithmetic
        | Binary::ShiftRightLogical
        | Binary::Subtract => None,
    }
}
