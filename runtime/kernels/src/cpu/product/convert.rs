//! Elements of buffers: how they widen to those that sums are made in, and how sums become them.
//!
//! Must not live here: where they lie.

use half::{bf16, f16};

use super::element::Truth;
use super::pack::Pack;
use crate::Number;

/// A buffer's element that widens to `T`.
pub(super) trait Widen<T>: Copy + 'static {
    /// The value.
    fn widen(self) -> T;
}

/// A buffer's element that a sum in `T` becomes.
pub(super) trait Keep<T>: Copy + 'static {
    /// The value, rounded or wrapped.
    fn keep(value: T) -> Self;
}

macro_rules! widen {
    ($($To:ident: $($From:ident)*;)*) => {$($(
        impl Widen<$To> for $From {
            #[inline(always)]
            fn widen(self) -> $To {
                self as $To
            }
        }
    )*)*};
}
widen! {
    f32: f32;
    f64: f32 f64;
    i16: i8 u8 i16;
    i32: i8 u8 i16 u16 i32;
    i64: i8 u8 i16 u16 i32 u32 i64;
}

impl Widen<Truth> for Truth {
    #[inline(always)]
    fn widen(self) -> Truth {
        self
    }
}

impl Widen<f32> for bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
}

/// Without a branch, so that loops become vectors: exponent and fraction move into place, and a product
/// with a power of two mends the bias, of subnormals as well.
impl Widen<f32> for f16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        const BIAS: f32 = f32::from_bits((254 - 15) << 23);
        let bits = u32::from(self.to_bits());
        let magnitude = bits & 0x7FFF;
        let value = (f32::from_bits(magnitude << 13) * BIAS).to_bits();
        let special = if magnitude >= 0x7C00 { 0xFF << 23 } else { 0 };
        f32::from_bits(value | special | (bits & 0x8000) << 16)
    }
}

impl Widen<f64> for bf16 {
    #[inline(always)]
    fn widen(self) -> f64 {
        f64::from(Widen::<f32>::widen(self))
    }
}

impl Widen<f64> for f16 {
    #[inline(always)]
    fn widen(self) -> f64 {
        f64::from(Widen::<f32>::widen(self))
    }
}

macro_rules! keep {
    ($($From:ident: $($To:ident)*;)*) => {$($(
        impl Keep<$From> for $To {
            #[inline(always)]
            fn keep(value: $From) -> $To {
                value as $To
            }
        }
    )*)*};
}
keep! {
    f32: f32;
    f64: f64;
    i16: i8 i16;
    i32: i32;
    i64: i64;
}

impl Keep<Truth> for Truth {
    #[inline(always)]
    fn keep(value: Truth) -> Truth {
        value
    }
}

/// Half of the last kept bit is added, less one if that bit is even: ties go to even.
impl Keep<f32> for bf16 {
    #[inline(always)]
    fn keep(value: f32) -> bf16 {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1));
        bf16::from_bits((if value.is_nan() { bits | 1 << 22 } else { rounded } >> 16) as u16)
    }
}

/// Without a branch. A normal result is rounded where its bits are; a subnormal one by the sum with the
/// number whose last bit is the least subnormal.
impl Keep<f32> for f16 {
    #[inline(always)]
    fn keep(value: f32) -> f16 {
        const REBIAS: u32 = (127 - 15) << 23;
        const LEAST: u32 = (127 - 15 + 23 - 10 + 1) << 23;
        let bits = value.to_bits();
        let magnitude = bits & 0x7FFF_FFFF;
        let normal = magnitude.wrapping_sub(REBIAS).wrapping_add(0xFFF + (magnitude >> 13 & 1)) >> 13;
        let subnormal = (f32::from_bits(magnitude) + f32::from_bits(LEAST)).to_bits().wrapping_sub(LEAST);
        let finite = if magnitude < REBIAS + (1 << 23) { subnormal } else { normal };
        let within = if finite > 0x7C00 || magnitude >= 0xFF << 23 { 0x7C00 } else { finite };
        let kept = if magnitude > 0xFF << 23 { 0x7E00 } else { within };
        f16::from_bits((kept | bits >> 16 & 0x8000) as u16)
    }
}

/// Writes a row of sums to a buffer at the columns' offsets, in elements: in runs of so many columns that lie side by
/// side.
///
/// # Safety
/// Every offset from the buffer must be a place that may be written, and aligned for the buffer's elements; those of a run
/// are one more than the one before. Runs have as many columns as there are.
pub(super) type Store<T> = unsafe fn(row: &[T], to: *mut u8, columns: &[isize], runs: &[isize]);

/// The one [`Store`] of every pair of types.
///
/// # Safety
/// As [`Store`] says.
pub(super) unsafe fn store<T: Copy, S: Keep<T>>(row: &[T], to: *mut u8, columns: &[isize], runs: &[isize]) {
    let to = to.cast::<S>();
    let mut at = 0;
    for &run in runs {
        let here = at..at + run as usize;
        // SAFETY: a run's columns are the caller's places side by side, each once.
        let places = unsafe { std::slice::from_raw_parts_mut(to.offset(columns[at]), here.len()) };
        places.iter_mut().zip(&row[here.clone()]).for_each(|(place, &value)| *place = S::keep(value));
        at = here.end;
    }
}

/// Whether elements are booleans.
pub(super) fn truths(number: Number) -> bool {
    number == Number::I1
}

/// What widens to `f32`.
pub(super) fn pack_f32(from: Number) -> Option<Pack<f32>> {
    match from {
        Number::F32 => Some(Pack::of::<f32>()),
        Number::F16 => Some(Pack::of::<f16>()),
        Number::Bf16 => Some(Pack::of::<bf16>()),
        _ => None,
    }
}

/// What widens to `f64`.
pub(super) fn pack_f64(from: Number) -> Option<Pack<f64>> {
    match from {
        Number::F64 => Some(Pack::of::<f64>()),
        Number::F32 => Some(Pack::of::<f32>()),
        Number::F16 => Some(Pack::of::<f16>()),
        Number::Bf16 => Some(Pack::of::<bf16>()),
        _ => None,
    }
}

/// What is computed in 16 bits.
pub(super) fn pack_i16(from: Number) -> Option<Pack<i16>> {
    match from {
        Number::I8 => Some(Pack::of::<i8>()),
        Number::I1 | Number::U8 => Some(Pack::of::<u8>()),
        Number::I16 | Number::U16 => Some(Pack::of::<i16>()),
        _ => None,
    }
}

/// What is computed in 32 bits.
pub(super) fn pack_i32(from: Number) -> Option<Pack<i32>> {
    match from {
        Number::I8 => Some(Pack::of::<i8>()),
        Number::I1 | Number::U8 => Some(Pack::of::<u8>()),
        Number::I16 => Some(Pack::of::<i16>()),
        Number::U16 => Some(Pack::of::<u16>()),
        Number::I32 | Number::U32 => Some(Pack::of::<i32>()),
        _ => None,
    }
}

/// What is computed in 64 bits.
pub(super) fn pack_i64(from: Number) -> Option<Pack<i64>> {
    match from {
        Number::I8 => Some(Pack::of::<i8>()),
        Number::I1 | Number::U8 => Some(Pack::of::<u8>()),
        Number::I16 => Some(Pack::of::<i16>()),
        Number::U16 => Some(Pack::of::<u16>()),
        Number::I32 => Some(Pack::of::<i32>()),
        Number::U32 => Some(Pack::of::<u32>()),
        Number::I64 | Number::U64 => Some(Pack::of::<i64>()),
        _ => None,
    }
}

/// What a sum in `f32` becomes.
pub(super) fn store_f32(to: Number) -> Option<Store<f32>> {
    match to {
        Number::F32 => Some(store::<f32, f32>),
        Number::F16 => Some(store::<f32, f16>),
        Number::Bf16 => Some(store::<f32, bf16>),
        _ => None,
    }
}

/// What a sum in 16 bits becomes.
pub(super) fn store_i16(to: Number) -> Option<Store<i16>> {
    match to {
        Number::I8 | Number::U8 => Some(store::<i16, i8>),
        Number::I16 | Number::U16 => Some(store::<i16, i16>),
        _ => None,
    }
}

/// What a sum in 32 bits becomes.
pub(super) fn store_i32(to: Number) -> Option<Store<i32>> {
    matches!(to, Number::I32 | Number::U32).then_some(store::<i32, i32>)
}

/// What a sum in 64 bits becomes.
pub(super) fn store_i64(to: Number) -> Option<Store<i64>> {
    matches!(to, Number::I64 | Number::U64).then_some(store::<i64, i64>)
}
