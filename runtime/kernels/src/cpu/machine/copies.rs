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
        (1, 1) if size >= SHORT => each!(|to, from| std::ptr::copy_nonoverlapping(from, to, size)),
        (1, 1) => each!(|to, from| for at in 0..size {
            to.add(at).write(from.add(at).read());
        }),
        (1, 2) => each!(|to, from| for at in 0..size {
            to.add(at).write(from.add(2 * at).read());
        }),
        (1, 0) => each!(|to, from| std::slice::from_raw_parts_mut(to, size).fill(from.read())),
        (step, stride) => each!(|to, from| for at in 0..size as isize {
            to.offset(at * step).write(from.offset(at * stride).read());
        }),
    }
}

/// Elements from which on a line is worth a call of `memcpy`.
const SHORT: usize = 64;

/// The copy of elements of so many bytes.
pub fn copies(bytes: usize, level: Level) -> Copy {
    super::moves::with_width!(bytes, T => compiled::<Box<T>>(level))
}
