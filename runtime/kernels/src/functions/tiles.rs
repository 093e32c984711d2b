//! The loops: a function over tiles, compiled for each instruction set.
//!
//! A tile goes block by block through a place of the loop's own, so that inputs may be where outputs go, and a last
//! block that is not full runs the same instructions. Must not live here: what functions are.

#[cfg(target_arch = "x86_64")]
use super::fused::Hardware;
use super::fused::{Fused, Portable};
use super::real::Real;
use super::{Binary, Float, Unary};
use crate::Level;

/// What a loop is for: all have the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Tiles, block by block.
    Tiles,
    /// A number at a time, which a block would be wasted on.
    Numbers,
}

/// A function of one number.
pub(super) trait Map {
    /// The widest level that it is compiled for: compiling takes time, which few are worth at every level.
    const WIDEST: Level = Level::Avx512;

    /// The function, without branches.
    fn of<T: Real, M: Fused>(x: T) -> T;

    /// Whether the number is one of those that [`Map::of`] is wrong for.
    #[inline(always)]
    fn is_rare<T: Float>(_: T) -> bool {
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
    /// The widest level that it is compiled for: compiling takes time, which few are worth at every level.
    const WIDEST: Level = Level::Avx512;

    /// The function, without branches.
    fn of<T: Real, M: Fused>(x: T, y: T) -> T;

    /// Whether the numbers are some of those that [`MapOfTwo::of`] is wrong for.
    #[inline(always)]
    fn is_rare<T: Float>(_: T, _: T) -> bool {
        false
    }

    /// The function of rare numbers.
    #[inline(always)]
    fn of_rare<T: Real, M: Fused>(x: T, y: T) -> T {
        Self::of::<T, M>(x, y)
    }
}

/// The function of each of the numbers of a block.
///
/// # Safety
/// A block is readable and the same or another one writable.
#[inline(always)]
unsafe fn block<T: Float, F: Map, M: Fused, const BLOCK: usize>(input: *const T, output: *mut T) {
    // SAFETY: a block is readable; a copy, since the outputs may be in the same place.
    let given = unsafe { input.cast::<[T; BLOCK]>().read_unaligned() };
    let mut results = given;
    let mut any_rare = false;
    // By places: adapters of iterators are not always inlined into code of an instruction set.
    for at in 0..BLOCK {
        results[at] = F::of::<T, M>(given[at]);
        any_rare |= F::is_rare(given[at]);
    }
    if any_rare {
        for at in 0..BLOCK {
            if F::is_rare(given[at]) {
                results[at] = F::of_rare::<T, M>(given[at]);
            }
        }
    }
    // SAFETY: a block is writable.
    unsafe { output.cast::<[T; BLOCK]>().write_unaligned(results) };
}

/// The body of every [`Unary`].
///
/// # Safety
/// As for [`Unary`].
#[inline(always)]
unsafe fn each<T: Float, F: Map, M: Fused, const BLOCK: usize>(
    input: *const T,
    output: *mut T,
    length: usize,
) {
    let mut last = [T::of(1.0); BLOCK];
    for start in (0..length).step_by(BLOCK) {
        let count = BLOCK.min(length - start);
        // SAFETY: `start` is below `length`.
        let (mut from, mut to) = unsafe { (input.add(start), output.add(start)) };
        if count < BLOCK {
            // SAFETY: so many are readable, and fewer than a block.
            unsafe { last.as_mut_ptr().copy_from_nonoverlapping(from, count) };
            (from, to) = (last.as_ptr(), last.as_mut_ptr());
        }
        // SAFETY: a block of the tile, or the place for the last one.
        unsafe { block::<T, F, M, BLOCK>(from, to) };
        if count < BLOCK {
            // SAFETY: so many are writable, and fewer than a block.
            unsafe { output.add(start).copy_from_nonoverlapping(last.as_ptr(), count) };
        }
    }
}

/// The function of each pair of numbers of two blocks.
///
/// # Safety
/// The blocks are readable, and one of the same or another one writable.
#[inline(always)]
unsafe fn block_of_two<T: Float, F: MapOfTwo, M: Fused, const BLOCK: usize>(
    left: *const T,
    right: *const T,
    output: *mut T,
) {
    // SAFETY: a block of each is readable; copies, since the outputs may be in the same place.
    let (x, y) =
        unsafe { (left.cast::<[T; BLOCK]>().read_unaligned(), right.cast::<[T; BLOCK]>().read_unaligned()) };
    let mut results = x;
    let mut any_rare = false;
    for at in 0..BLOCK {
        results[at] = F::of::<T, M>(x[at], y[at]);
        any_rare |= F::is_rare(x[at], y[at]);
    }
    if any_rare {
        for at in 0..BLOCK {
            if F::is_rare(x[at], y[at]) {
                results[at] = F::of_rare::<T, M>(x[at], y[at]);
            }
        }
    }
    // SAFETY: a block is writable.
    unsafe { output.cast::<[T; BLOCK]>().write_unaligned(results) };
}

/// The body of every [`Binary`].
///
/// # Safety
/// As for [`Binary`].
#[inline(always)]
unsafe fn each_of_two<T: Float, F: MapOfTwo, M: Fused, const BLOCK: usize>(
    left: *const T,
    right: *const T,
    output: *mut T,
    length: usize,
) {
    let mut last = [[T::of(1.0); BLOCK]; 2];
    for start in (0..length).step_by(BLOCK) {
        let count = BLOCK.min(length - start);
        // SAFETY: `start` is below `length`.
        let (mut x, mut y, mut to) = unsafe { (left.add(start), right.add(start), output.add(start)) };
        if count < BLOCK {
            // SAFETY: so many are readable, and fewer than a block.
            unsafe { last[0].as_mut_ptr().copy_from_nonoverlapping(x, count) };
            // SAFETY: as above.
            unsafe { last[1].as_mut_ptr().copy_from_nonoverlapping(y, count) };
            (x, y, to) = (last[0].as_ptr(), last[1].as_ptr(), last[0].as_mut_ptr());
        }
        // SAFETY: blocks of the tiles, or the places for the last ones.
        unsafe { block_of_two::<T, F, M, BLOCK>(x, y, to) };
        if count < BLOCK {
            // SAFETY: so many are writable, and fewer than a block.
            unsafe { output.add(start).copy_from_nonoverlapping(last[0].as_ptr(), count) };
        }
    }
}

macro_rules! levels {
    ($($(#[$attribute:meta])* $level:ident = $Way:ident by $block:expr;)*) => {
        mod unary {
            use super::*;
            $(
                $(#[$attribute])*
                pub(super) unsafe fn $level<T: Float, F: Map>(input: *const T, output: *mut T, length: usize) {
                    // SAFETY: as the caller says.
                    unsafe { each::<T, F, $Way, { $block }>(input, output, length) };
                }
            )*
        }

        mod binary {
            use super::*;
            $(
                $(#[$attribute])*
                pub(super) unsafe fn $level<T: Float, F: MapOfTwo>(
                    left: *const T,
                    right: *const T,
                    output: *mut T,
                    length: usize,
                ) {
                    // SAFETY: as the caller says.
                    unsafe { each_of_two::<T, F, $Way, { $block }>(left, right, output, length) };
                }
            )*
        }
    };
}
levels! {
    portable = Portable by Portable::BLOCK;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    avx2 = Hardware by Hardware::BLOCK;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512 = Hardware by Hardware::BLOCK;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    one = Hardware by 1;
}

/// Whether a function up to a level is compiled for the widest one: those of `f32` alone. What no level takes is not
/// compiled, since the constant decides before that.
#[cfg(target_arch = "x86_64")]
const fn is_widest<T>(level: Level) -> bool {
    matches!(level, Level::Avx512) && size_of::<T>() == 4
}

/// The loop over one tile, or over numbers one at a time.
pub(super) fn unary<T: Float, F: Map>(level: Level, purpose: Purpose) -> Unary<T> {
    #[cfg(target_arch = "x86_64")]
    if purpose == Purpose::Numbers && level != Level::Portable {
        return unary::one::<T, F>;
    }
    #[cfg(target_arch = "x86_64")]
    if const { is_widest::<T>(F::WIDEST) } && level == Level::Avx512 {
        return unary::avx512::<T, F>;
    }
    match level {
        Level::Portable => unary::portable::<T, F>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 => unary::avx2::<T, F>,
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 => unary::portable::<T, F>,
    }
}

/// The loop over two tiles, or over numbers one at a time.
pub(super) fn binary<T: Float, F: MapOfTwo>(level: Level, purpose: Purpose) -> Binary<T> {
    #[cfg(target_arch = "x86_64")]
    if purpose == Purpose::Numbers && level != Level::Portable {
        return binary::one::<T, F>;
    }
    #[cfg(target_arch = "x86_64")]
    if const { is_widest::<T>(F::WIDEST) } && level == Level::Avx512 {
        return binary::avx512::<T, F>;
    }
    match level {
        Level::Portable => binary::portable::<T, F>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 => binary::avx2::<T, F>,
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 => binary::portable::<T, F>,
    }
}
