//! Loops of comparisons: truth values in bytes.

use super::binary::{Apply, both, tiles};
use super::{Form, Loop};
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
comparisons!(Avx2: i8, i16, i32, i64, u8, u16, u32, u64);
comparisons!(Avx512: f32, f64);

/// The loop of a comparison of numbers of a type in registers; of floats, for a form in which at least one operand is a
/// tile.
pub fn compare(op: Comparison, number: Number, form: Form, level: Level) -> Option<Loop> {
    macro_rules! of {
        ($I:ident) => {
            match number {
                Number::I8 => Some(tiles::<$I, i8>(level)),
                Number::I16 => Some(tiles::<$I, i16>(level)),
                Number::I32 => Some(tiles::<$I, i32>(level)),
                Number::I64 => Some(tiles::<$I, i64>(level)),
                Number::I1 | Number::U8 => Some(tiles::<$I, u8>(level)),
                Number::U16 => Some(tiles::<$I, u16>(level)),
                Number::U32 => Some(tiles::<$I, u32>(level)),
                Number::U64 => Some(tiles::<$I, u64>(level)),
                Number::F32 => Some(both::<$I, f32>(form, level)),
                Number::F64 => Some(both::<$I, f64>(form, level)),
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
