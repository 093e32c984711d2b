//! Fused multiply-adds: the product of two numbers, added to a third one, rounded once.

use super::Loop;
use super::streams::{OfMany, streams};
use crate::{Level, Number};

struct MultiplyAdd;

macro_rules! floats {
    ($($Float:ident)*) => {$(
        impl OfMany<$Float, 3> for MultiplyAdd {
            type Out = $Float;
            const WIDEST: Level = Level::Avx512;
            #[inline(always)]
            fn apply([x, y, z]: [$Float; 3]) -> $Float {
                x.mul_add(y, z)
            }
        }
    )*};
}
floats!(f32 f64);

/// The loop on numbers of a type; `None` if they are no floats.
pub fn multiply_add(number: Number, level: Level) -> Option<Loop> {
    match number {
        Number::F32 => Some(streams::<MultiplyAdd, f32, 3>(level)),
        Number::F64 => Some(streams::<MultiplyAdd, f64, 3>(level)),
        _ => None,
    }
}
