//! The loops: a function over tiles, compiled for each instruction set.
//!
//! A tile goes block by block through a place of the loop's own, so that inputs may be where outputs go, and a last
//! block that is not full runs the same instructions. Must not live here: what functions are.

use super::fused::{Fused, Portable};
use super::real::Real;
use super::{Binary, Unary};
use crate::Level;
#[cfg(target_arch = "x86_64")]
use super::fused::Hardware;

/// Elements of a block: some vectors, whose chains of operations overlap.
const BLOCK: usize = 32;

/// A function of one number.
pub(super) trait Map {
    /// The function, without branches.
    fn of<T: Real, M: Fused>(x: T) -> T;

    /// Whether the number is one of those that [`Map::of`] is wrong for.
    #[inline(always)]
    fn is_rare<T: Real>(_: T) -> bool {
        false
    }

    /// The function of a rare number.
    #[inline(always)]
    fn of_rare<T: Real, M: Fused>(x: T) -> T {
        Self::of::<T, M>(x)
    }
}

/// A function of two numbers; see [`Map`].
pub(super) trait MapOfTwo {
    /// The function, without branches.
    fn of<T: Real, M: Fused>(x: T, y: T) -> T;

    /// Whether the numbers are some of those that [`MapOfTwo::of`] is wrong for.
    #[inline(always)]
    fn is_rare<T: Real>(_: T, _: T) -> bool {
        false
    }

    /// The function of rare numbers.
    #[inline(always)]
    fn of_rare<T: Real, M: Fused>(x: T, y: T) -> T {
        Self::of::<T, M>(x, y)
    }
}

/// The next block of a tile; 1 behind its end.
///
/// # Safety
/// `count` elements are readable.
#[inline(always)]
unsafe fn load<T: Real>(from: *const T, count: usize) -> [T; BLOCK] {
    let mut block = [T::of(1.0); BLOCK];
    if count == BLOCK {
        // SAFETY: a whole block is readable.
        unsafe { block.as_mut_ptr().copy_from_nonoverlapping(from, BLOCK) };
    } else {
        // SAFETY: so many are readable, and fewer than a block.
        unsafe { block.as_mut_ptr().copy_from_nonoverlapping(from, count) };
    }
    block
}

/// Writes the first elements of a block.
///
/// # Safety
/// `count` elements are writable, at most a block.
#[inline(always)]
unsafe fn store<T: Real>(block: &[T; BLOCK], to: *mut T, count: usize) {
    if count == BLOCK {
        // SAFETY: a whole block is writable.
        unsafe { to.copy_from_nonoverlapping(block.as_ptr(), BLOCK) };
    } else {
        // SAFETY: so many are writable, and fewer than a block.
        unsafe { to.copy_from_nonoverlapping(block.as_ptr(), count) };
    }
}

/// The body of every [`Unary`].
///
/// # Safety
/// As for [`Unary`].
#[inline(always)]
unsafe fn each<T: Real, F: Map, M: Fused>(input: *const T, output: *mut T, length: usize) {
    for start in (0..length).step_by(BLOCK) {
        let count = BLOCK.min(length - start);
        // SAFETY: `start + count` is at most `length`.
        let given = unsafe { load(input.add(start), count) };
        let mut block = given;
        for x in &mut block {
            *x = F::of::<T, M>(*x);
        }
        if given.iter().fold(false, |any, &x| any | F::is_rare(x)) {
            for (result, &x) in block.iter_mut().zip(&given).filter(|(_, x)| F::is_rare(**x)) {
                *result = F::of_rare::<T, M>(x);
            }
        }
        // SAFETY: `start + count` is at most `length`.
        unsafe { store(&block, output.add(start), count) };
    }
}

/// The body of every [`Binary`].
///
/// # Safety
/// As for [`Binary`].
#[inline(always)]
unsafe fn each_of_two<T: Real, F: MapOfTwo, M: Fused>(
    left: *const T,
    right: *const T,
    output: *mut T,
    length: usize,
) {
    for start in (0..length).step_by(BLOCK) {
        let count = BLOCK.min(length - start);
        // SAFETY: `start + count` is at most `length`.
        let (given, other) = unsafe { (load(left.add(start), count), load(right.add(start), count)) };
        let mut block = given;
        for (x, &y) in block.iter_mut().zip(&other) {
            *x = F::of::<T, M>(*x, y);
        }
        let pairs = || given.iter().zip(&other);
        if pairs().fold(false, |any, (&x, &y)| any | F::is_rare(x, y)) {
            for (result, (&x, &y)) in block.iter_mut().zip(pairs()).filter(|(_, (x, y))| F::is_rare(**x, **y)) {
                *result = F::of_rare::<T, M>(x, y);
            }
        }
        // SAFETY: `start + count` is at most `length`.
        unsafe { store(&block, output.add(start), count) };
    }
}

macro_rules! levels {
    ($($(#[$attribute:meta])* $level:ident = $Way:ident;)*) => {
        mod unary {
            use super::*;
            $(
                $(#[$attribute])*
                pub(super) unsafe fn $level<T: Real, F: Map>(input: *const T, output: *mut T, length: usize) {
                    // SAFETY: as the caller says.
                    unsafe { each::<T, F, $Way>(input, output, length) };
                }
            )*
        }

        mod binary {
            use super::*;
            $(
                $(#[$attribute])*
                pub(super) unsafe fn $level<T: Real, F: MapOfTwo>(
                    left: *const T,
                    right: *const T,
                    output: *mut T,
                    length: usize,
                ) {
                    // SAFETY: as the caller says.
                    unsafe { each_of_two::<T, F, $Way>(left, right, output, length) };
                }
            )*
        }
    };
}
levels! {
    portable = Portable;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    avx2 = Hardware;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512 = Hardware;
}

/// The loop over one tile.
pub(super) fn unary<T: Real, F: Map>(level: Level) -> Unary<T> {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unary::avx2::<T, F>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unary::avx512::<T, F>,
        _ => unary::portable::<T, F>,
    }
}

/// The loop over two tiles.
pub(super) fn binary<T: Real, F: MapOfTwo>(level: Level) -> Binary<T> {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => binary::avx2::<T, F>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => binary::avx512::<T, F>,
        _ => binary::portable::<T, F>,
    }
}
