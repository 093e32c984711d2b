//! Copies of boxes of elements, from strided places to strided places.

use std::marker::PhantomData;

use super::{Body, compiled};
use crate::Level;

/// A dimension of a box: its size, and how far apart, in elements, neighbours lie where they go and where they come from.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    /// Number of elements.
    pub size: usize,
    /// Distance where they go.
    pub to: isize,
    /// Distance where they come from.
    pub from: isize,
}

/// What a copy works on.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    /// Dimensions, the outermost first.
    pub sides: *const Side,
    /// How many.
    pub rank: usize,
    /// Where the first element goes.
    pub to: *mut u8,
    /// Where it comes from.
    pub from: *const u8,
}

/// Copies a box.
///
/// # Safety
/// Every place of the box is one of an element of the copy's width, for reading at one side and for writing at the other,
/// and the two do not overlap.
pub type Copy = unsafe fn(&Arguments);

/// Leaves out dimensions of size 1 and joins neighbours that one pair of strides spans; how many are left.
pub fn compact(sides: &mut [Side]) -> usize {
    let mut rank = 0;
    for at in 0..sides.len() {
        let side = sides[at];
        if side.size == 1 {
            continue;
        }
        let spans = |outer: &Side| {
            let size = side.size as isize;
            outer.to == side.to * size && outer.from == side.from * size
        };
        match rank {
            1.. if spans(&sides[rank - 1]) => {
                sides[rank - 1] = Side { size: sides[rank - 1].size * side.size, ..side };
            }
            _ => {
                sides[rank] = side;
                rank += 1;
            }
        }
    }
    rank
}

struct Box<T>(PhantomData<T>);

/// One dimension, as the innermost.
const ONE: Side = Side { size: 1, to: 0, from: 0 };

impl<T: std::marker::Copy> Body for Box<T> {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Avx2;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { sides, rank, to, from } = arguments;
        // SAFETY: the caller vouches for the sides.
        let sides = unsafe { std::slice::from_raw_parts(sides, rank) };
        let (outer, lines, line) = match sides {
            [] => (&[][..], ONE, ONE),
            [line] => (&[][..], ONE, *line),
            [outer @ .., lines, line] => (outer, *lines, *line),
        };
        let planes: usize = outer.iter().map(|side| side.size).product();
        for plane in 0..planes {
            let (mut left, mut goes, mut comes) = (plane, 0, 0);
            for side in outer.iter().rev() {
                let at = (left % side.size) as isize;
                left /= side.size;
                (goes, comes) = (goes + at * side.to, comes + at * side.from);
            }
            // SAFETY: the plane's places are some of those that the caller vouches for.
            unsafe {
                copy_lines::<T>(&lines, &line, to.cast::<T>().offset(goes), from.cast::<T>().offset(comes))
            }
        }
    }
}

/// Copies a plane of a box. What the innermost strides are is decided once for all lines.
///
/// # Safety
/// As [`Copy`].
#[inline(always)]
unsafe fn copy_lines<T: std::marker::Copy>(lines: &Side, line: &Side, to: *mut T, from: *const T) {
    macro_rules! each {
        (|$to:ident, $from:ident| $copy:expr) => {
            for at in 0..lines.size as isize {
                // SAFETY: the line's places are some of those that the caller vouches for.
                unsafe {
                    let ($to, $from) = (to.offset(at * lines.to), from.offset(at * lines.from));
                    $copy
                }
            }
        };
    }
    let size = line.size;
    match (line.to, line.from) {
        (1, 1) => each!(|to, from| neighbours(to, from, size)),
        (1, 2) => each!(|to, from| every_second(to, from, size)),
        (1, 0) => each!(|to, from| std::slice::from_raw_parts_mut(to, size).fill(from.read())),
        (step, stride) => each!(|to, from| for at in 0..size as isize {
            to.offset(at * step).write(from.offset(at * stride).read());
        }),
    }
}

/// Elements that are copied at once.
const AT_ONCE: usize = 8;

/// Lines from which on `memcpy` is worth its call.
const LONG: usize = 256;

/// Copies neighbours: by chunks, of which the last may overlap the one before.
///
/// # Safety
/// As [`Copy`], for a line of so many elements.
#[inline(always)]
unsafe fn neighbours<T: std::marker::Copy>(to: *mut T, from: *const T, size: usize) {
    // SAFETY: chunks lie inside the line; arrays are read and written at any alignment.
    unsafe {
        if !(AT_ONCE..LONG).contains(&size) {
            return std::ptr::copy_nonoverlapping(from, to, size);
        }
        let chunk = |at: usize| {
            let elements = from.add(at).cast::<[T; AT_ONCE]>().read_unaligned();
            to.add(at).cast::<[T; AT_ONCE]>().write_unaligned(elements);
        };
        for number in 0..size / AT_ONCE {
            chunk(number * AT_ONCE);
        }
        chunk(size - AT_ONCE);
    }
}

/// Copies every second element, by chunks of four: loops of compilers want lines longer than those of images.
///
/// # Safety
/// As [`Copy`], for a line of so many elements.
#[inline(always)]
unsafe fn every_second<T: std::marker::Copy>(to: *mut T, from: *const T, size: usize) {
    const FOUR: usize = AT_ONCE / 2;
    let mut at = 0;
    // SAFETY: the first chunk is read up to the element behind its last one, which is there if the line goes on; others are
    // read from the element before their first one.
    unsafe {
        if size > FOUR {
            let [a, _, b, _, c, _, d, _] = from.cast::<[T; AT_ONCE]>().read_unaligned();
            to.cast::<[T; FOUR]>().write_unaligned([a, b, c, d]);
            at = FOUR;
        }
        while at > 0 && at + FOUR <= size {
            let [_, a, _, b, _, c, _, d] = from.add(2 * at - 1).cast::<[T; AT_ONCE]>().read_unaligned();
            to.add(at).cast::<[T; FOUR]>().write_unaligned([a, b, c, d]);
            at += FOUR;
        }
        while at < size {
            to.add(at).write(from.add(2 * at).read());
            at += 1;
        }
    }
}

/// The copy of elements of so many bytes.
pub fn copies(bytes: usize, level: Level) -> Copy {
    super::moves::with_width!(bytes, T => compiled::<Box<T>>(level))
}
