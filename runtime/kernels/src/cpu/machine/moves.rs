//! Loops that move elements: from strided places and back, repeated, and one for all.

use super::{Arguments, Loop};
use crate::access::{Access, Dim, collapsed, runs};

/// A number of so many bytes, to be moved.
macro_rules! with_width {
    ($bytes:expr, $T:ident => $body:expr) => {
        match $bytes {
            1 => {
                type $T = u8;
                $body
            }
            2 => {
                type $T = u16;
                $body
            }
            4 => {
                type $T = u32;
                $body
            }
            _ => {
                type $T = u64;
                $body
            }
        }
    };
}
pub(crate) use with_width;

/// Reads elements number `start` to `start + length` of `dims` into `out`, one after another.
///
/// # Safety
/// `from` and the places of `dims` lie in one allocation of elements of type `T`, which nothing writes now; `out` has
/// room for `length`.
pub unsafe fn gather<T: Copy>(out: *mut T, from: *const T, dims: &[Dim], start: usize, length: usize) {
    let mut out = out;
    runs(dims, start, length, |run| {
        // SAFETY: the run's elements are some of those that the caller vouches for, and as many are left of the room.
        unsafe {
            let first = from.offset(run.first);
            match run.stride {
                1 => std::ptr::copy_nonoverlapping(first, out, run.length),
                0 => std::slice::from_raw_parts_mut(out, run.length).fill(first.read()),
                stride => {
                    for at in 0..run.length {
                        out.add(at).write(first.offset(at as isize * stride).read());
                    }
                }
            }
            out = out.add(run.length);
        }
    });
}

/// As [`gather`], from element number 0 on, of elements of so many bytes.
///
/// # Safety
/// That of [`gather`]; `from` and `out` are aligned for such elements.
pub unsafe fn gather_all(bytes: usize, out: *mut u8, from: *const u8, access: &Access, length: usize) {
    // SAFETY: as the caller vouches.
    with_width!(bytes, T => unsafe {
        gather(out.cast(), from.cast::<T>().wrapping_offset(access.offset), &collapsed(&access.dims), 0, length);
    });
}

/// Writes elements from one after another in `from` to places number `start` to `start + length` of `dims`.
///
/// # Safety
/// `out` and the places of `dims` lie in one allocation of elements of type `T`, which nothing else uses now; `from` holds
/// `length`.
pub unsafe fn scatter<T: Copy>(out: *mut T, from: *const T, dims: &[Dim], start: usize, length: usize) {
    let mut from = from;
    runs(dims, start, length, |run| {
        // SAFETY: the run's places are some of those that the caller vouches for, and as many elements are left.
        unsafe {
            let first = out.offset(run.first);
            if run.stride == 1 {
                std::ptr::copy_nonoverlapping(from, first, run.length);
            } else {
                for at in 0..run.length {
                    first.offset(at as isize * run.stride).write(from.add(at).read());
                }
            }
            from = from.add(run.length);
        }
    });
}

/// The loop that copies the first operand's only element to all places.
pub fn fill(bytes: usize) -> Loop {
    unsafe fn fill<T: Copy>(arguments: &Arguments) {
        // SAFETY: the caller keeps the contract of `Loop` for a scalar operand of this width.
        unsafe { arguments.results::<T>().fill(arguments.scalar::<T>(0)) }
    }
    with_width!(bytes, T => fill::<T>)
}

/// The loop that copies the first operand.
pub fn copy(bytes: usize) -> Loop {
    unsafe fn copy<T: Copy>(arguments: &Arguments) {
        // SAFETY: the caller keeps the contract of `Loop` for a tile of this width.
        unsafe { arguments.results::<T>().copy_from_slice(arguments.tile::<T>(0)) }
    }
    with_width!(bytes, T => copy::<T>)
}

/// Repeats each of `rows` groups of `inner` elements `times` times.
///
/// # Safety
/// `from` holds `rows * inner` elements of type `T`, and `out` has room for `times` as many, apart from them.
pub unsafe fn expand<T: Copy>(out: *mut T, from: *const T, rows: usize, times: usize, inner: usize) {
    for row in 0..rows {
        // SAFETY: the group and its copies lie inside of what the caller vouches for.
        unsafe {
            let (from, out) = (from.add(row * inner), out.add(row * times * inner));
            if inner == 1 {
                std::slice::from_raw_parts_mut(out, times).fill(from.read());
            } else {
                for at in 0..times {
                    std::ptr::copy_nonoverlapping(from, out.add(at * inner), inner);
                }
            }
        }
    }
}
