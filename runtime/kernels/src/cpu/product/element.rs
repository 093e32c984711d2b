//! The element types that sums are made in: their arithmetic, and the loops that there are for them.
//!
//! Must not live here: vectors of them, and how they are kept in buffers.

use super::convert::{Store, truths};
use super::kernel::Kernels;
use super::pack::Pack;
use super::{convert, levels};
use crate::{Level, Number};

/// An element type that sums are made in.
pub(super) trait Element: Copy + 'static {
    /// Where every chain starts.
    const ZERO: Self;

    /// `self * by + to`, rounded once or wrapping.
    fn multiply_add(self, by: Self, to: Self) -> Self;

    /// The sum; of blocks' sums, or with an addend.
    fn plus(self, other: Self) -> Self;

    /// +0.0 in place of all that is below zero, and of -0.0; only floats have an epilogue.
    fn relu(self) -> Self;

    /// The loops of a level.
    fn kernels(level: Level) -> Kernels<Self>;

    /// The loop that widens a buffer's elements to these; `None` if they do not widen.
    fn pack(from: Number) -> Option<Pack<Self>>;

    /// The loop that writes these to a buffer; `None` if its elements are computed in another type.
    fn store(to: Number) -> Option<Store<Self>>;
}

/// A boolean in a byte: sums are `or`, products `and`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Truth(u8);

impl From<Truth> for i8 {
    #[inline(always)]
    fn from(truth: Truth) -> i8 {
        truth.0 as i8
    }
}

impl Element for Truth {
    const ZERO: Truth = Truth(0);

    #[inline(always)]
    fn multiply_add(self, by: Truth, to: Truth) -> Truth {
        Truth(self.0 & by.0 | to.0)
    }

    #[inline(always)]
    fn plus(self, other: Truth) -> Truth {
        Truth(self.0 | other.0)
    }

    #[inline(always)]
    fn relu(self) -> Truth {
        self
    }

    fn kernels(level: Level) -> Kernels<Truth> {
        levels::truth(level)
    }

    fn pack(from: Number) -> Option<Pack<Truth>> {
        truths(from).then(Pack::of::<Truth>)
    }

    fn store(to: Number) -> Option<Store<Truth>> {
        truths(to).then_some(convert::store::<Truth, Truth>)
    }
}

/// `x * y + z`, rounded once, in the operations that every processor has: the product of two `f32` is exact
/// in
/// `f64`, and a sum that is rounded to odd there rounds to the right `f32` (Boldo and Melquiond, "Emulation
/// of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
#[inline(always)]
pub(super) fn multiply_add_by_f64(x: f32, y: f32, z: f32) -> f32 {
    let (product, z) = (f64::from(x) * f64::from(y), f64::from(z));
    let sum = product + z;
    let part = sum - product;
    let error = (product - (sum - part)) + (z - part);
    let bits = sum.to_bits();
    // An inexact sum whose last bit is even moves towards what was lost. What is not finite has an error of
    // NaN.
    let moves = error.abs() > 0.0 && bits & 1 == 0;
    let away = (error > 0.0) == (sum > 0.0);
    let odd = if away { bits.wrapping_add(1) } else { bits.wrapping_sub(1) };
    f64::from_bits(if moves { odd } else { bits }) as f32
}

impl Element for f32 {
    const ZERO: f32 = 0.0;

    #[inline(always)]
    fn multiply_add(self, by: f32, to: f32) -> f32 {
        if cfg!(target_arch = "x86_64") { multiply_add_by_f64(self, by, to) } else { self.mul_add(by, to) }
    }

    #[inline(always)]
    fn plus(self, other: f32) -> f32 {
        self + other
    }

    #[inline(always)]
    fn relu(self) -> f32 {
        if self <= 0.0 { 0.0 } else { self }
    }

    fn kernels(level: Level) -> Kernels<f32> {
        levels::f32(level)
    }

    fn pack(from: Number) -> Option<Pack<f32>> {
        convert::pack_f32(from)
    }

    fn store(to: Number) -> Option<Store<f32>> {
        convert::store_f32(to)
    }
}

impl Element for f64 {
    const ZERO: f64 = 0.0;

    #[inline(always)]
    fn multiply_add(self, by: f64, to: f64) -> f64 {
        self.mul_add(by, to)
    }

    #[inline(always)]
    fn plus(self, other: f64) -> f64 {
        self + other
    }

    #[inline(always)]
    fn relu(self) -> f64 {
        if self <= 0.0 { 0.0 } else { self }
    }

    fn kernels(level: Level) -> Kernels<f64> {
        levels::f64(level)
    }

    fn pack(from: Number) -> Option<Pack<f64>> {
        convert::pack_f64(from)
    }

    fn store(to: Number) -> Option<Store<f64>> {
        (to == Number::F64).then_some(convert::store::<f64, f64>)
    }
}

macro_rules! integers {
    ($($Integer:ident: $pack:path, $store:path;)*) => {$(
        impl Element for $Integer {
            const ZERO: $Integer = 0;

            #[inline(always)]
            fn multiply_add(self, by: $Integer, to: $Integer) -> $Integer {
                self.wrapping_mul(by).wrapping_add(to)
            }

            #[inline(always)]
            fn plus(self, other: $Integer) -> $Integer {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn relu(self) -> $Integer {
                self
            }

            fn kernels(level: Level) -> Kernels<$Integer> {
                levels::$Integer(level)
            }

            fn pack(from: Number) -> Option<Pack<$Integer>> {
                $pack(from)
            }

            fn store(to: Number) -> Option<Store<$Integer>> {
                $store(to)
            }
        }
    )*};
}
integers! {
    i16: convert::pack_i16, convert::store_i16;
    i32: convert::pack_i32, convert::store_i32;
    i64: convert::pack_i64, convert::store_i64;
}
