//! Loops of instructions of one operand, which is a tile. Those of floats are [functions](crate::functions).

use std::marker::PhantomData;

use super::{Arguments, Body, Loop, compiled};
use crate::instruction::Unary;
use crate::{Level, Number};

/// An instruction on numbers of a type.
pub(super) trait Apply<T> {
    /// The type of its result.
    type Out;
    /// As [`Body::WIDEST`].
    const WIDEST: Level;
    fn apply(x: T) -> Self::Out;
}

struct Each<I, T>(PhantomData<(I, T)>);

impl<T: Copy, I: Apply<T>> Body for Each<I, T> {
    type Arguments = Arguments;
    const WIDEST: Level = I::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        // SAFETY: the caller keeps the contract of `Loop` for these types.
        unsafe {
            let results = arguments.results::<I::Out>();
            results.iter_mut().zip(arguments.tile::<T>(0)).for_each(|(r, &x)| *r = I::apply(x));
        }
    }
}

/// The loop of an instruction on numbers of type `T`.
pub(super) fn each<I: Apply<T>, T: Copy>(level: Level) -> Loop {
    compiled::<Each<I, T>>(level)
}

macro_rules! instructions {
    ($($Name:ident ($($T:ty)*) $level:ident |$x:ident| $body:expr;)*) => {$(
        $(impl Apply<$T> for $Name {
            type Out = $T;
            const WIDEST: Level = Level::$level;
            #[inline(always)]
            fn apply($x: $T) -> $T { $body }
        })*
    )*};
}

struct Abs;
struct CountLeadingZeros;
struct Negate;
struct Not;
struct Popcnt;
struct Sign;

instructions! {
    Abs(i32) Avx2 |x| x.wrapping_abs();
    Abs(i8 i16 i64) Portable |x| x.wrapping_abs();
    Negate(u32) Avx2 |x| x.wrapping_neg();
    Negate(u8 u16 u64) Portable |x| x.wrapping_neg();
    Not(u8 u32) Avx2 |x| !x;
    Not(u16 u64) Portable |x| !x;
    CountLeadingZeros(u8 u16 u32 u64) Portable |x| x.leading_zeros() as _;
    Popcnt(u8 u16 u32 u64) Portable |x| x.count_ones() as _;
    Sign(i8 i16 i32 i64) Portable |x| x.signum();
    Sign(u8 u16 u32 u64) Portable |x| if x == 0 { 0 } else { 1 };
}

/// The loop of an instruction on integers of a type; `None` if there is no such instruction on it.
pub fn unary(op: Unary, number: Number, level: Level) -> Option<Loop> {
    macro_rules! by_width {
        ($I:ident) => {
            match number {
                Number::I8 | Number::U8 => Some(each::<$I, u8>(level)),
                Number::I16 | Number::U16 => Some(each::<$I, u16>(level)),
                Number::I32 | Number::U32 => Some(each::<$I, u32>(level)),
                Number::I64 | Number::U64 => Some(each::<$I, u64>(level)),
                _ => None,
            }
        };
    }
    macro_rules! signed {
        ($I:ident) => {
            match number {
                Number::I8 => Some(each::<$I, i8>(level)),
                Number::I16 => Some(each::<$I, i16>(level)),
                Number::I32 => Some(each::<$I, i32>(level)),
                Number::I64 => Some(each::<$I, i64>(level)),
                _ => None,
            }
        };
    }
    match op {
        Unary::Abs => signed!(Abs),
        Unary::Negate => by_width!(Negate),
        Unary::Not => by_width!(Not),
        Unary::CountLeadingZeros => by_width!(CountLeadingZeros),
        Unary::Popcnt => by_width!(Popcnt),
        Unary::Sign => signed!(Sign).or_else(|| by_width!(Sign)),
    }
}
