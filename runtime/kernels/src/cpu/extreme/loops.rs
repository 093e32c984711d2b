//! Loops over a tile of values: the better of two, and where a value stands.

use std::marker::PhantomData;

use crate::cpu::machine::{Body, compiled};
use crate::extreme::Search;
use crate::{Level, Number};

/// Values that are compared in the order of their type.
pub(super) trait Ordered: Copy + PartialOrd {
    /// Compiling takes time, which few types are worth at every level.
    const WIDEST: Level = Level::Portable;
    fn is_nan(self) -> bool;
}

macro_rules! ordered {
    ($($T:ty: $level:ident, |$x:ident| $is_nan:expr;)*) => {$(
        impl Ordered for $T {
            const WIDEST: Level = Level::$level;
            #[inline(always)]
            fn is_nan(self) -> bool {
                let $x = self;
                $is_nan
            }
        }
    )*};
}
ordered! {
    f32: Avx2, |x| x.is_nan();
    f64: Avx2, |x| x.is_nan();
    i8: Portable, |_x| false;
    i16: Portable, |_x| false;
    i32: Avx2, |_x| false;
    i64: Portable, |_x| false;
    u8: Portable, |_x| false;
    u16: Portable, |_x| false;
    u32: Portable, |_x| false;
    u64: Portable, |_x| false;
}

/// What the loop that takes the better of two works on: tiles of values, and of truth values in bytes.
pub(super) struct BetterArguments {
    pub sofar: *const u8,
    pub values: *const u8,
    /// The better ones; they overlap neither.
    pub out: *mut u8,
    /// Whether the value so far stays.
    pub stays: *mut u8,
    /// Whether it does, or is equal.
    pub is_no_worse: *mut u8,
    pub length: usize,
}

struct Better<T, const LEAST: bool>(PhantomData<T>);

impl<T: Ordered, const LEAST: bool> Body for Better<T, LEAST> {
    type Arguments = BetterArguments;
    const WIDEST: Level = T::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &BetterArguments) {
        let &BetterArguments { sofar, values, out, stays, is_no_worse, length } = arguments;
        // SAFETY: the caller vouches for tiles of so many elements of these types, of which none overlap.
        unsafe {
            let sofar = std::slice::from_raw_parts(sofar.cast::<T>(), length);
            let values = std::slice::from_raw_parts(values.cast::<T>(), length);
            let out = std::slice::from_raw_parts_mut(out.cast::<T>(), length);
            let stays = std::slice::from_raw_parts_mut(stays, length);
            let is_no_worse = std::slice::from_raw_parts_mut(is_no_worse, length);
            for at in 0..length {
                let (x, y) = (sofar[at], values[at]);
                let wins = if LEAST { x < y } else { x > y } | x.is_nan();
                out[at] = if wins { x } else { y };
                stays[at] = u8::from(wins);
                is_no_worse[at] = u8::from(wins | (x == y));
            }
        }
    }
}

/// What the loop that finds the extreme of values works on: at least one of them.
pub(super) struct PeakArguments {
    pub values: *const u8,
    pub length: usize,
    /// Where the extreme one goes: a NaN if there is any; of zeros one of either sign.
    pub out: *mut u8,
}

struct Peak<T, const LEAST: bool>(PhantomData<T>);

/// Values that are compared side by side.
const LANES: usize = 32;

impl<T: Ordered, const LEAST: bool> Body for Peak<T, LEAST> {
    type Arguments = PeakArguments;
    const WIDEST: Level = T::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &PeakArguments) {
        let &PeakArguments { values, length, out } = arguments;
        // SAFETY: the caller vouches for values of this type and a place to write to.
        unsafe {
            let values = std::slice::from_raw_parts(values.cast::<T>(), length);
            let better = |x: T, y: T| {
                let wins = if LEAST { y < x } else { y > x };
                if wins | y.is_nan() { y } else { x }
            };
            let mut lanes = [values[0]; LANES];
            let (chunks, rest) = values.as_chunks::<LANES>();
            for chunk in chunks {
                for lane in 0..LANES {
                    lanes[lane] = better(lanes[lane], chunk[lane]);
                }
            }
            let mut peak = lanes[0];
            for lane in lanes {
                peak = better(peak, lane);
            }
            for &value in rest {
                peak = better(peak, value);
            }
            out.cast::<T>().write(peak);
        }
    }
}

/// What the loop that looks for a value works on.
pub(super) struct FindArguments {
    pub values: *const u8,
    pub length: usize,
    /// Where to begin.
    pub start: usize,
    /// What to look for: a NaN is any.
    pub wanted: *const u8,
    /// The first place with that value, or the length, is written here.
    pub found: *mut usize,
    /// Whether to look from the end back.
    pub is_backward: bool,
}

struct Find<T>(PhantomData<T>);

/// Elements that are compared before one is looked at by itself.
const CHUNK: usize = 64;

impl<T: Ordered> Body for Find<T> {
    type Arguments = FindArguments;
    const WIDEST: Level = T::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &FindArguments) {
        let &FindArguments { values, length, start, wanted, found, is_backward } = arguments;
        // SAFETY: the caller vouches for values of this type and a place to write to.
        unsafe {
            let values = std::slice::from_raw_parts(values.cast::<T>(), length);
            let wanted = wanted.cast::<T>().read();
            let is_it = |x: &T| (*x == wanted) | (wanted.is_nan() & x.is_nan());
            *found = if is_backward {
                values[start..].iter().rposition(is_it).map_or(length, |at| start + at)
            } else {
                let mut from = start;
                while from + CHUNK <= length {
                    let mut is_here = false;
                    for at in 0..CHUNK {
                        is_here |= is_it(&values[from + at]);
                    }
                    if is_here {
                        break;
                    }
                    from += CHUNK;
                }
                values[from..].iter().position(is_it).map_or(length, |at| from + at)
            };
        }
    }
}

/// Runs a body generic over the type of values in registers.
macro_rules! with_ordered {
    ($number:expr, $T:ident => $body:expr) => {{
        macro_rules! of {
            ($Type:ty) => {{
                type $T = $Type;
                $body
            }};
        }
        match $number.in_registers() {
            Number::I1 | Number::U8 => of!(u8),
            Number::I8 => of!(i8),
            Number::I16 => of!(i16),
            Number::I32 => of!(i32),
            Number::I64 => of!(i64),
            Number::U16 => of!(u16),
            Number::U32 => of!(u32),
            Number::U64 => of!(u64),
            Number::F64 => of!(f64),
            Number::F32 | Number::F16 | Number::Bf16 => of!(f32),
        }
    }};
}

/// The loop that takes the better of two tiles.
pub(super) fn better(search: Search, number: Number, level: Level) -> unsafe fn(&BetterArguments) {
    with_ordered!(number, T => match search {
        Search::Greatest => compiled::<Better<T, false>>(level),
        Search::Least => compiled::<Better<T, true>>(level),
    })
}

/// The loop that finds the extreme of values.
pub(super) fn peak(search: Search, number: Number, level: Level) -> unsafe fn(&PeakArguments) {
    with_ordered!(number, T => match search {
        Search::Greatest => compiled::<Peak<T, false>>(level),
        Search::Least => compiled::<Peak<T, true>>(level),
    })
}

/// The loop that looks for a value.
pub(super) fn find(number: Number, level: Level) -> unsafe fn(&FindArguments) {
    with_ordered!(number, T => compiled::<Find<T>>(level))
}
