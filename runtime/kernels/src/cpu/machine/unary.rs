//! Loops of instructions of one operand, which is a tile.

use std::marker::PhantomData;

use super::{Arguments, Body, Loop, compiled};
use crate::instruction::Unary;
use crate::{Level, Number};

/// An instruction on numbers of a type.
pub(super) trait Apply<T> {
    /// The type of its result.
    type Out;
    /// As [`Body::WIDEST`].
    const WIDEST: Level = Level::Avx2;
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
    ($($Name:ident ($($T:ty)*) |$x:ident| $body:expr;)*) => {$(
        $(impl Apply<$T> for $Name {
            type Out = $T;
            #[inline(always)]
            fn apply($x: $T) -> $T { $body }
        })*
    )*};
}

struct Abs;
struct Ceil;
struct CountLeadingZeros;
struct Floor;
struct Negate;
struct Not;
struct Popcnt;
struct RoundNearestAfz;
struct RoundNearestEven;
struct Rsqrt;
struct Sign;
struct Sqrt;

instructions! {
    Abs(f32 f64) |x| x.abs();
    Abs(i8 i16 i32 i64) |x| x.wrapping_abs();
    Negate(f32 f64) |x| -x;
    Negate(u8 u16 u32 u64) |x| x.wrapping_neg();
    Not(u8 u16 u32 u64) |x| !x;
    CountLeadingZeros(u8 u16 u32 u64) |x| x.leading_zeros() as _;
    Popcnt(u8 u16 u32 u64) |x| x.count_ones() as _;
    Ceil(f32 f64) |x| x.ceil();
    Floor(f32 f64) |x| x.floor();
    RoundNearestAfz(f32 f64) |x| {
        // Halves go away from zero; of an infinite `x` the difference is no number.
        let whole = x.trunc();
        if (x - whole).abs() >= 0.5 { whole + x.signum() } else { whole }
    };
    RoundNearestEven(f32 f64) |x| x.round_ties_even();
    Rsqrt(f32 f64) |x| 1.0 / x.sqrt();
    Sqrt(f32 f64) |x| x.sqrt();
    Sign(f32 f64) |x| if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x };
    Sign(i8 i16 i32 i64) |x| x.signum();
    Sign(u8 u16 u32 u64) |x| if x == 0 { 0 } else { 1 };
}

/// The loop of an instruction on numbers of a type in registers; `None` if there is no such instruction on it.
pub fn unary(op: Unary, number: Number, level: Level) -> Option<Loop> {
    macro_rules! floats {
        ($I:ident) => {
            match number {
                Number::F32 => Some(each::<$I, f32>(level)),
                Number::F64 => Some(each::<$I, f64>(level)),
                _ => None,
            }
        };
    }
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
        Unary::Abs => floats!(Abs).or_else(|| signed!(Abs)),
        Unary::Negate => floats!(Negate).or_else(|| by_width!(Negate)),
        Unary::Not => by_width!(Not),
        Unary::CountLeadingZeros => by_width!(CountLeadingZeros),
        Unary::Popcnt => by_width!(Popcnt),
        Unary::Ceil => floats!(Ceil),
        Unary::Floor => floats!(Floor),
        Unary::RoundNearestAfz => floats!(RoundNearestAfz),
        Unary::RoundNearestEven => floats!(RoundNearestEven),
        Unary::Rsqrt => floats!(Rsqrt),
        Unary::Sqrt => floats!(Sqrt),
        Unary::Sign => floats!(Sign).or_else(|| signed!(Sign)).or_else(|| by_width!(Sign)),
    }
}
