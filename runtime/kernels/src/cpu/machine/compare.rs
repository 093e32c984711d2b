//! Loops of comparisons: truth values in bytes.

use super::Loop;
use super::binary::Apply;
use super::streams::{Two, streams};
use crate::instruction::Comparison;
use crate::{Level, Number};

struct Equal;
struct Less;
struct LessOrEqual;

macro_rules! comparisons {
    ($level:ident: $($T:ty),*) => {$(
        impl Apply<$T> for Equal {
            type Out = u8;
            const WIDEST: Level = Level::$level;
            #[inline(always)]
            fn apply(x: $T, y: $T) -> u8 { u8::from(x == y) }
        }
        impl Apply<$T> for Less {
            type Out = u8;
            const WIDEST: Level = Level::$level;
            #[inline(always)]
            fn apply(x: $T, y: $T) -> u8 { u8::from(x < y) }
        }
        impl Apply<$T> for LessOrEqual {
            type Out = u8;
            const WIDEST: Level = Level::$level;
            #[inline(always)]
            fn apply(x: $T, y: $T) -> u8 { u8::from(x <= y) }
        }
    )*};
}
comparisons!(Portable: i8, i16, u8, u16, u64);
comparisons!(Avx2: i32, i64, u32);
comparisons!(Avx512: f32, f64);

/// The loop of a comparison of numbers of a type in registers.
pub fn compare(op: Comparison, number: Number, level: Level) -> Option<Loop> {
    macro_rules! of {
        ($I:ident) => {
            match number {
                Number::I8 => Some(streams::<Two<$I>, i8, 2>(level)),
                Number::I16 => Some(streams::<Two<$I>, i16, 2>(level)),
                Number::I32 => Some(streams::<Two<$I>, i32, 2>(level)),
                Number::I64 => Some(streams::<Two<$I>, i64, 2>(level)),
                Number::I1 | Number::U8 => Some(streams::<Two<$I>, u8, 2>(level)),
                Number::U16 => Some(streams::<Two<$I>, u16, 2>(level)),
                Number::U32 => Some(streams::<Two<$I>, u32, 2>(level)),
                Number::U64 => Some(streams::<Two<$I>, u64, 2>(level)),
                Number::F32 => Some(streams::<Two<$I>, f32, 2>(level)),
                Number::F64 => Some(streams::<Two<$I>, f64, 2>(level)),
                Number::F16 | Number::Bf16 => None,
            }
        };
    }
    match op {
        Comparison::Equal => of!(Equal),
        Comparison::Less => of!(Less),
        Comparison::LessOrEqual => of!(LessOrEqual),
    }
}
