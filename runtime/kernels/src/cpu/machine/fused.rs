//! Fused multiply-adds: the products of two tiles, added to a third tile or to one number, rounded once.

use std::marker::PhantomData;

use super::{Arguments, Body, Form, Loop, compiled};
use crate::{Level, Number};

/// `Z` says whether what is added is a scalar.
struct MultiplyAdd<T, const Z: bool>(PhantomData<T>);

trait Float: Copy {
    fn multiply_add(self, y: Self, z: Self) -> Self;
}

impl Float for f32 {
    #[inline(always)]
    fn multiply_add(self, y: f32, z: f32) -> f32 {
        self.mul_add(y, z)
    }
}

impl Float for f64 {
    #[inline(always)]
    fn multiply_add(self, y: f64, z: f64) -> f64 {
        self.mul_add(y, z)
    }
}

impl<T: Float, const Z: bool> Body for MultiplyAdd<T, Z> {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Avx512;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        // SAFETY: the caller keeps the contract of `Loop` for this type and this form.
        unsafe {
            let results = arguments.results::<T>();
            let (xs, ys) = (arguments.tile::<T>(0), arguments.tile::<T>(1));
            if Z {
                let z = arguments.scalar::<T>(2);
                for at in 0..results.len() {
                    *results.get_unchecked_mut(at) =
                        xs.get_unchecked(at).multiply_add(*ys.get_unchecked(at), z);
                }
            } else {
                let zs = arguments.tile::<T>(2);
                for at in 0..results.len() {
                    *results.get_unchecked_mut(at) =
                        xs.get_unchecked(at).multiply_add(*ys.get_unchecked(at), *zs.get_unchecked(at));
                }
            }
        }
    }
}

/// The loop on numbers of a type; `None` if they are no floats.
pub fn multiply_add(number: Number, [_, _, z]: Form, level: Level) -> Option<Loop> {
    match (number, z) {
        (Number::F32, false) => Some(compiled::<MultiplyAdd<f32, false>>(level)),
        (Number::F32, true) => Some(compiled::<MultiplyAdd<f32, true>>(level)),
        (Number::F64, false) => Some(compiled::<MultiplyAdd<f64, false>>(level)),
        (Number::F64, true) => Some(compiled::<MultiplyAdd<f64, true>>(level)),
        _ => None,
    }
}
