//! Vectors of elements in the registers of x86-64. Their operations are the instruction set's own.
//!
//! Must not live here: which of them a kernel takes.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::element::Truth;
use super::vector::Vector;

/// `max` gives its second operand for a NaN and for two zeros; a sum with +0.0 leaves no -0.0.
macro_rules! floats {
    ($($Vector:ident of $lanes:literal $Item:ident:
       $load:ident $store:ident $stream:ident $splat:ident
       $multiply_add:ident $add:ident $max:ident;)*) => {$(
        impl Vector for $Vector {
            type Item = $Item;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn load(from: *const $Item) -> Self {
                // SAFETY: the caller's promise; the trait's rule says that the set is enabled.
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $Item) {
                // SAFETY: the caller's promise; the trait's rule says that the set is enabled.
                unsafe { $store(to, self) }
            }

            #[inline(always)]
            unsafe fn stream(self, to: *mut $Item) {
                // SAFETY: the caller's promise; the trait's rule says that the set is enabled.
                unsafe { $stream(to, self) }
            }

            #[inline(always)]
            fn splat(item: $Item) -> Self {
                // SAFETY: the trait's rule says that the set is enabled.
                unsafe { $splat(item) }
            }

            #[inline(always)]
            fn multiply_add(self, by: Self, to: Self) -> Self {
                // SAFETY: the trait's rule says that the set is enabled.
                unsafe { $multiply_add(self, by, to) }
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                // SAFETY: the trait's rule says that the set is enabled.
                unsafe { $add(self, other) }
            }

            #[inline(always)]
            fn relu(self) -> Self {
                let zero = Self::splat(0.0);
                // SAFETY: the trait's rule says that the set is enabled.
                unsafe { $max(zero, self) }.plus(zero)
            }
        }
    )*};
}

floats! {
    __m256 of 8 f32:
        _mm256_loadu_ps _mm256_storeu_ps _mm256_stream_ps _mm256_set1_ps
        _mm256_fmadd_ps _mm256_add_ps _mm256_max_ps;
    __m256d of 4 f64:
        _mm256_loadu_pd _mm256_storeu_pd _mm256_stream_pd _mm256_set1_pd
        _mm256_fmadd_pd _mm256_add_pd _mm256_max_pd;
    __m512 of 16 f32:
        _mm512_loadu_ps _mm512_storeu_ps _mm512_stream_ps _mm512_set1_ps
        _mm512_fmadd_ps _mm512_add_ps _mm512_max_ps;
    __m512d of 8 f64:
        _mm512_loadu_pd _mm512_storeu_pd _mm512_stream_pd _mm512_set1_pd
        _mm512_fmadd_pd _mm512_add_pd _mm512_max_pd;
}

/// A register of integers or booleans.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Lanes<Item, Register>(Register, PhantomData<Item>);

macro_rules! lanes {
    ($($Register:ident of $Item:ident as $Splat:ident:
       $load:ident $store:ident $splat:ident $multiply:ident $add:ident;)*) => {$(
        impl Vector for Lanes<$Item, $Register> {
            type Item = $Item;
            const LANES: usize = size_of::<$Register>() / size_of::<$Item>();

            #[inline(always)]
            unsafe fn load(from: *const $Item) -> Self {
                // SAFETY: the caller's promise; the trait's rule says that the set is enabled.
                Lanes(unsafe { $load(from.cast()) }, PhantomData)
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $Item) {
                // SAFETY: the caller's promise; the trait's rule says that the set is enabled.
                unsafe { $store(to.cast(), self.0) }
            }

            #[inline(always)]
            fn splat(item: $Item) -> Self {
                // SAFETY: the trait's rule says that the set is enabled.
                Lanes(unsafe { $splat($Splat::from(item)) }, PhantomData)
            }

            #[inline(always)]
            fn multiply_add(self, by: Self, to: Self) -> Self {
                // SAFETY: the trait's rule says that the set is enabled.
                Lanes(unsafe { $add($multiply(self.0, by.0), to.0) }, PhantomData)
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                // SAFETY: the trait's rule says that the set is enabled.
                Lanes(unsafe { $add(self.0, other.0) }, PhantomData)
            }

            #[inline(always)]
            fn relu(self) -> Self {
                self
            }
        }
    )*};
}

lanes! {
    __m256i of i16 as i16:
        _mm256_loadu_si256 _mm256_storeu_si256 _mm256_set1_epi16 _mm256_mullo_epi16 _mm256_add_epi16;
    __m256i of i32 as i32:
        _mm256_loadu_si256 _mm256_storeu_si256 _mm256_set1_epi32 _mm256_mullo_epi32 _mm256_add_epi32;
    __m256i of i64 as i64:
        _mm256_loadu_si256 _mm256_storeu_si256 _mm256_set1_epi64x multiply_i64 _mm256_add_epi64;
    __m256i of Truth as i8:
        _mm256_loadu_si256 _mm256_storeu_si256 _mm256_set1_epi8 _mm256_and_si256 _mm256_or_si256;
    __m512i of i32 as i32:
        _mm512_loadu_si512 _mm512_storeu_si512 _mm512_set1_epi32 _mm512_mullo_epi32 _mm512_add_epi32;
}

/// The low 64 bits of products, from products of 32 bits: what AVX2 lacks.
#[target_feature(enable = "avx2")]
#[inline]
fn multiply_i64(x: __m256i, y: __m256i) -> __m256i {
    let crossed = _mm256_mullo_epi32(x, _mm256_shuffle_epi32::<0xB1>(y));
    let upper = _mm256_add_epi32(_mm256_slli_epi64::<32>(crossed), crossed);
    let upper = _mm256_and_si256(upper, _mm256_set1_epi64x(!0xFFFF_FFFF));
    _mm256_add_epi64(_mm256_mul_epu32(x, y), upper)
}
