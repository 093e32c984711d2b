//! Loops that bring numbers to another type or to fewer bits.

use super::Loop;
use super::unary::{Apply, each};
use crate::{Level, Number};

/// To the type `T`.
struct To<T>(std::marker::PhantomData<T>);

macro_rules! conversions {
    ($($From:ty => $($To:ty),*;)*) => {$($(
        impl Apply<$From> for To<$To> {
            type Out = $To;
            // Truth values and numbers of 32 bits are what programs have much of.
            const WIDEST: Level =
                if matches!((size_of::<$From>(), size_of::<$To>()), (1 | 4, 4)) { Level::Avx2 } else { Level::Portable };
            #[inline(always)]
            fn apply(x: $From) -> $To { x as $To }
        }
    )*)*};
}
conversions! {
    u8 => u16, u32, u64, f32, f64;
    u16 => u8, u32, u64, f32, f64;
    u32 => u8, u16, u64, f32, f64;
    u64 => u8, u16, u32, f32, f64;
    i8 => u16, u32, u64, f32, f64;
    i16 => u32, u64, f32, f64;
    i32 => u64, f32, f64;
    i64 => f32, f64;
    f32 => i8, i16, i32, i64, u8, u16, u32, u64, f64;
    f64 => i8, i16, i32, i64, u8, u16, u32, u64, f32;
}

/// Whether a number is not 0.
struct IsNotZero;

macro_rules! is_not_zero {
    ($($T:ty, $zero:expr);*) => {$(
        impl Apply<$T> for IsNotZero {
            type Out = u8;
            const WIDEST: Level = Level::Portable;
            #[inline(always)]
            fn apply(x: $T) -> u8 { u8::from(x != $zero) }
        }
    )*};
}
is_not_zero!(u8, 0; u16, 0; u32, 0; u64, 0; f32, 0.0; f64, 0.0);

/// Integers of one width in another: a narrower one takes the low bits, a wider one extends by the sign.
fn integers(from: Number, to: Number, level: Level) -> Option<Loop> {
    macro_rules! extended {
        ($T:ty, $($number:pat => $To:ty),*) => {
            match to {
                $($number => Some(each::<To<$To>, $T>(level)),)*
                _ => None,
            }
        };
    }
    use Number::{I1, I8, I16, I32, I64, U8, U16, U32, U64};
    match from {
        I1 | U8 => extended!(u8, I16 | U16 => u16, I32 | U32 => u32, I64 | U64 => u64),
        I8 => extended!(i8, I16 | U16 => u16, I32 | U32 => u32, I64 | U64 => u64),
        U16 => extended!(u16, I8 | U8 => u8, I32 | U32 => u32, I64 | U64 => u64),
        I16 => extended!(i16, I32 | U32 => u32, I64 | U64 => u64).or_else(|| extended!(u16, I8 | U8 => u8)),
        U32 => extended!(u32, I8 | U8 => u8, I16 | U16 => u16, I64 | U64 => u64),
        I32 => extended!(i32, I64 | U64 => u64).or_else(|| extended!(u32, I8 | U8 => u8, I16 | U16 => u16)),
        I64 | U64 => extended!(u64, I8 | U8 => u8, I16 | U16 => u16, I32 | U32 => u32),
        Number::F16 | Number::Bf16 | Number::F32 | Number::F64 => None,
    }
}

/// The loop of a conversion between types in registers that differ in more than the sign; `None` between others.
pub fn convert(from: Number, to: Number, level: Level) -> Option<Loop> {
    macro_rules! of {
        ($I:ty, $from:expr) => {
            match $from {
                Number::I8 => Some(each::<$I, i8>(level)),
                Number::I16 => Some(each::<$I, i16>(level)),
                Number::I32 => Some(each::<$I, i32>(level)),
                Number::I64 => Some(each::<$I, i64>(level)),
                Number::I1 | Number::U8 => Some(each::<$I, u8>(level)),
                Number::U16 => Some(each::<$I, u16>(level)),
                Number::U32 => Some(each::<$I, u32>(level)),
                Number::U64 => Some(each::<$I, u64>(level)),
                Number::F16 | Number::Bf16 | Number::F32 | Number::F64 => None,
            }
        };
    }
    macro_rules! from_float {
        ($F:ty) => {
            match to {
                Number::I8 => Some(each::<To<i8>, $F>(level)),
                Number::I16 => Some(each::<To<i16>, $F>(level)),
                Number::I32 => Some(each::<To<i32>, $F>(level)),
                Number::I64 => Some(each::<To<i64>, $F>(level)),
                Number::U8 => Some(each::<To<u8>, $F>(level)),
                Number::U16 => Some(each::<To<u16>, $F>(level)),
                Number::U32 => Some(each::<To<u32>, $F>(level)),
                Number::U64 => Some(each::<To<u64>, $F>(level)),
                _ => None,
            }
        };
    }
    match (from, to) {
        (Number::F32, Number::F64) => Some(each::<To<f64>, f32>(level)),
        (Number::F64, Number::F32) => Some(each::<To<f32>, f64>(level)),
        (Number::F32, Number::I1) => Some(each::<IsNotZero, f32>(level)),
        (Number::F64, Number::I1) => Some(each::<IsNotZero, f64>(level)),
        (_, Number::I1) => match from.bytes() {
            1 => Some(each::<IsNotZero, u8>(level)),
            2 => Some(each::<IsNotZero, u16>(level)),
            4 => Some(each::<IsNotZero, u32>(level)),
            _ => Some(each::<IsNotZero, u64>(level)),
        },
        (_, Number::F32) => of!(To<f32>, from),
        (_, Number::F64) => of!(To<f64>, from),
        (Number::F32, _) => from_float!(f32),
        (Number::F64, _) => from_float!(f64),
        (_, _) => integers(from, to, level),
    }
}

/// To the type `T`, to odd.
struct ToOdd<T>(std::marker::PhantomData<T>);

impl Apply<f64> for ToOdd<f32> {
    type Out = f32;
    const WIDEST: Level = Level::Portable;
    #[inline(always)]
    fn apply(x: f64) -> f32 {
        to_odd(x)
    }
}

/// Of the two neighbours of a number the one with an odd last bit.
#[inline(always)]
pub fn to_odd(x: f64) -> f32 {
    let nearest = x as f32;
    let missing = x.abs() - f64::from(nearest).abs();
    let bits = nearest.to_bits();
    let is_even = bits & 1 == 0;
    let up = u32::from(missing > 0.0 && is_even);
    let down = u32::from(missing < 0.0 && is_even);
    f32::from_bits(bits + up - down)
}

/// An integer's size in `f64`, to odd.
#[inline(always)]
fn size_to_odd(size: u64) -> f64 {
    let near = size as f64;
    // Only sizes near 2 to the 64 round up to it.
    let back = if near >= 18_446_744_073_709_551_616.0 { u64::MAX } else { near as u64 };
    let is_above = near >= 18_446_744_073_709_551_616.0 || back > size;
    let bits = near.to_bits() - u64::from(is_above);
    f64::from_bits(if is_above || back < size { bits | 1 } else { bits })
}

impl Apply<u64> for ToOdd<f64> {
    type Out = f64;
    const WIDEST: Level = Level::Portable;
    #[inline(always)]
    fn apply(x: u64) -> f64 {
        size_to_odd(x)
    }
}

impl Apply<i64> for ToOdd<f64> {
    type Out = f64;
    const WIDEST: Level = Level::Portable;
    #[inline(always)]
    fn apply(x: i64) -> f64 {
        size_to_odd(x.unsigned_abs()).copysign(if x < 0 { -1.0 } else { 1.0 })
    }
}

/// The loop of a conversion that rounds to odd.
pub fn convert_to_odd(from: Number, to: Number, level: Level) -> Option<Loop> {
    match (from, to) {
        (Number::F64, Number::F32) => Some(each::<ToOdd<f32>, f64>(level)),
        (Number::U64, Number::F64) => Some(each::<ToOdd<f64>, u64>(level)),
        (Number::I64, Number::F64) => Some(each::<ToOdd<f64>, i64>(level)),
        (_, _) => None,
    }
}

struct RoundF16;
struct RoundBf16;
struct Widen;
struct Narrow;

impl Apply<f32> for RoundF16 {
    type Out = f32;
    const WIDEST: Level = Level::Avx2;
    #[inline(always)]
    fn apply(x: f32) -> f32 {
        widened(narrowed(x))
    }
}

impl Apply<f32> for RoundBf16 {
    type Out = f32;
    const WIDEST: Level = Level::Avx2;
    #[inline(always)]
    fn apply(x: f32) -> f32 {
        f32::from_bits(u32::from(bfloat(x)) << 16)
    }
}

impl Apply<u16> for Widen {
    type Out = f32;
    const WIDEST: Level = Level::Avx2;
    #[inline(always)]
    fn apply(x: u16) -> f32 {
        widened(x)
    }
}

impl Apply<f32> for Narrow {
    type Out = u16;
    const WIDEST: Level = Level::Avx2;
    #[inline(always)]
    fn apply(x: f32) -> u16 {
        narrowed(x)
    }
}

struct WidenBf16;
struct NarrowBf16;

impl Apply<u16> for WidenBf16 {
    type Out = f32;
    const WIDEST: Level = Level::Avx2;
    #[inline(always)]
    fn apply(x: u16) -> f32 {
        f32::from_bits(u32::from(x) << 16)
    }
}

impl Apply<f32> for NarrowBf16 {
    type Out = u16;
    const WIDEST: Level = Level::Avx2;
    #[inline(always)]
    fn apply(x: f32) -> u16 {
        bfloat(x)
    }
}

/// The bits of the `bf16` nearest to `x`, halves to even; NaN stays one.
#[inline(always)]
fn bfloat(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1));
    (if x.is_nan() { bits | 0x40_0000 } else { rounded } >> 16) as u16
}

/// The `f32` of the bits of an `f16`.
#[inline(always)]
fn widened(half: u16) -> f32 {
    let bits = u32::from(half);
    let (sign, rest) = ((bits & 0x8000) << 16, bits & 0x7FFF);
    // Exponent and mantissa moved up are the value times 2 to the -112; a product by a power of two is exact.
    let finite = f32::from_bits(rest << 13) * f32::from_bits((127 + 112) << 23);
    let special = f32::from_bits(0x7F80_0000 | rest << 13);
    let size = if rest >= 0x7C00 { special } else { finite };
    f32::from_bits(size.to_bits() | sign)
}

/// The bits of the `f16` nearest to `x`, halves to even; NaN stays one.
#[inline(always)]
fn narrowed(x: f32) -> u16 {
    let bits = x.to_bits();
    let (sign, size) = (bits >> 16 & 0x8000, bits & 0x7FFF_FFFF);
    // Normal results: round in the bits, and take the bias off.
    let normal = size.wrapping_add(0xFFF + (size >> 13 & 1)).wrapping_sub(112 << 23) >> 13;
    // Subnormal ones: an addition of 1/2 leaves whole steps of 2 to the -24 in the low bits.
    let steps = (f32::from_bits(size) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
    let finite = if size < 113 << 23 { steps } else { normal };
    let capped = if finite > 0x7C00 { 0x7C00 } else { finite };
    let rounded = if size > 0x7F80_0000 { 0x7E00 | size >> 13 & 0x3FF } else { capped };
    (rounded | sign) as u16
}

/// The loop that rounds `f32` to a 16-bit float and leaves it in `f32`.
pub fn round(to: Number, level: Level) -> Option<Loop> {
    match to {
        Number::F16 => Some(each::<RoundF16, f32>(level)),
        Number::Bf16 => Some(each::<RoundBf16, f32>(level)),
        _ => None,
    }
}

/// The loop that brings numbers from memory into registers of another type.
pub fn widen(from: Number, level: Level) -> Option<Loop> {
    match from {
        Number::F16 => Some(each::<Widen, u16>(level)),
        Number::Bf16 => Some(each::<WidenBf16, u16>(level)),
        _ => None,
    }
}

/// The loop that brings numbers from registers into memory of another type.
pub fn narrow(to: Number, level: Level) -> Option<Loop> {
    match to {
        Number::F16 => Some(each::<Narrow, f32>(level)),
        Number::Bf16 => Some(each::<NarrowBf16, f32>(level)),
        _ => None,
    }
}

struct Wrap<const BITS: u32>;

impl<const BITS: u32> Apply<u8> for Wrap<BITS> {
    type Out = u8;
    const WIDEST: Level = Level::Portable;
    #[inline(always)]
    fn apply(x: u8) -> u8 {
        x & ((1 << BITS) - 1)
    }
}

impl<const BITS: u32> Apply<i8> for Wrap<BITS> {
    type Out = i8;
    const WIDEST: Level = Level::Portable;
    #[inline(always)]
    fn apply(x: i8) -> i8 {
        x << (8 - BITS) >> (8 - BITS)
    }
}

/// The loop that cuts integers in bytes to 2 or 4 bits.
pub fn wrap(bits: u32, number: Number, level: Level) -> Option<Loop> {
    match (bits, number) {
        (2, Number::I8) => Some(each::<Wrap<2>, i8>(level)),
        (2, Number::U8) => Some(each::<Wrap<2>, u8>(level)),
        (4, Number::I8) => Some(each::<Wrap<4>, i8>(level)),
        (4, Number::U8) => Some(each::<Wrap<4>, u8>(level)),
        (_, _) => None,
    }
}

struct OrderKey;

impl Apply<f32> for OrderKey {
    type Out = i32;
    const WIDEST: Level = Level::Portable;
    #[inline(always)]
    fn apply(x: f32) -> i32 {
        let bits = x.to_bits() as i32;
        bits ^ ((bits >> 31) as u32 >> 1) as i32
    }
}

impl Apply<f64> for OrderKey {
    type Out = i64;
    const WIDEST: Level = Level::Portable;
    #[inline(always)]
    fn apply(x: f64) -> i64 {
        let bits = x.to_bits() as i64;
        bits ^ ((bits >> 63) as u64 >> 1) as i64
    }
}

/// The loop that makes integers in the total order of floats.
pub fn order_key(number: Number, level: Level) -> Option<Loop> {
    match number {
        Number::F32 => Some(each::<OrderKey, f32>(level)),
        Number::F64 => Some(each::<OrderKey, f64>(level)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    /// Every 16-bit float and `f32`s all over, as the crate `half` converts them.
    #[test]
    fn sixteen_bit_floats_are_those_of_half() {
        for bits in 0..=u16::MAX {
            let (x, y) = (f16::from_bits(bits), bf16::from_bits(bits));
            assert!(widened(bits).to_bits() == x.to_f32().to_bits() || x.is_nan() && widened(bits).is_nan());
            assert!(narrowed(x.to_f32()) == bits || x.is_nan(), "{bits:#x}");
            assert!(bfloat(y.to_f32()) == bits || y.is_nan());
        }
        for step in 0..20_000_000u32 {
            let x = f32::from_bits(step.wrapping_mul(0x9E37_79B1));
            let (half, brain) = (f16::from_f32(x), bf16::from_f32(x));
            assert!(
                narrowed(x) == half.to_bits() || x.is_nan() && f16::from_bits(narrowed(x)).is_nan(),
                "{x:e}"
            );
            assert!(
                bfloat(x) == brain.to_bits() || x.is_nan() && bf16::from_bits(bfloat(x)).is_nan(),
                "{x:e}"
            );
        }
    }
}
