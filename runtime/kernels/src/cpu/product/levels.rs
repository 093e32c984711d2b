//! The inner loops of every element type, compiled for every level.
//!
//! Must not live here: what the loops do.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m256d, __m256i, __m512, __m512d, __m512i};

use super::element::Truth;
use super::kernel::{Block, Kernels, strip};
#[cfg(target_arch = "x86_64")]
use super::x86::Lanes;
use crate::Level;

/// For every element type a function from levels to loops, by the vector of each level. 6 x 2 vectors fill
/// the 16 registers of AVX2, 12 x 2 the 32 of AVX-512.
macro_rules! levels {
    ($($name:ident of $Item:ty: $Portable:ty, $Avx2:ty, $Avx512:ty;)*) => {$(
        pub(super) fn $name(level: Level) -> Kernels<$Item> {
            unsafe fn portable<const ROWS: usize, const PANELS: usize>(
                block: &Block<'_, $Item>,
                first: usize,
                rows: usize,
            ) {
                // SAFETY: the caller's promises.
                unsafe { strip::<$Portable, ROWS, PANELS>(block, first, rows) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2<const ROWS: usize, const PANELS: usize>(
                block: &Block<'_, $Item>,
                first: usize,
                rows: usize,
            ) {
                // SAFETY: the caller's promises; the set is enabled.
                unsafe { strip::<$Avx2, ROWS, PANELS>(block, first, rows) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            unsafe fn avx512<const ROWS: usize, const PANELS: usize>(
                block: &Block<'_, $Item>,
                first: usize,
                rows: usize,
            ) {
                // SAFETY: the caller's promises; the set is enabled.
                unsafe { strip::<$Avx512, ROWS, PANELS>(block, first, rows) }
            }
            const fn width<V>() -> usize {
                2 * size_of::<V>() / size_of::<$Item>()
            }
            match level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => Kernels {
                    rows: 12,
                    half: 6,
                    width: width::<$Avx512>(),
                    strips: [avx512::<12, 1>, avx512::<6, 1>, avx512::<2, 2>, avx512::<1, 4>],
                    transpose: TRANSPOSE,
                },
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => Kernels {
                    rows: 6,
                    half: 4,
                    width: width::<$Avx2>(),
                    strips: [avx2::<6, 1>, avx2::<4, 1>, avx2::<2, 2>, avx2::<1, 4>],
                    transpose: TRANSPOSE,
                },
                Level::Portable => Kernels {
                    rows: 6,
                    half: 4,
                    width: width::<$Portable>(),
                    strips: [portable::<6, 1>, portable::<4, 1>, portable::<2, 2>, portable::<1, 4>],
                    transpose: None,
                },
                #[cfg(not(target_arch = "x86_64"))]
                Level::Avx2 | Level::Avx512 => $name(Level::Portable),
            }
        }
    )*};
}

#[cfg(target_arch = "x86_64")]
const TRANSPOSE: Option<super::pack::Transpose> = Some(super::transpose::avx2);

#[cfg(target_arch = "x86_64")]
levels! {
    f32 of f32: [f32; 8], __m256, __m512;
    f64 of f64: [f64; 4], __m256d, __m512d;
    i16 of i16: [i16; 8], Lanes<i16, __m256i>, Lanes<i16, __m512i>;
    i32 of i32: [i32; 4], Lanes<i32, __m256i>, Lanes<i32, __m512i>;
    i64 of i64: [i64; 2], Lanes<i64, __m256i>, Lanes<i64, __m512i>;
    truth of Truth: [Truth; 16], Lanes<Truth, __m256i>, Lanes<Truth, __m512i>;
}

#[cfg(not(target_arch = "x86_64"))]
levels! {
    f32 of f32: [f32; 8], [f32; 8], [f32; 8];
    f64 of f64: [f64; 4], [f64; 4], [f64; 4];
    i16 of i16: [i16; 16], [i16; 16], [i16; 16];
    i32 of i32: [i32; 8], [i32; 8], [i32; 8];
    i64 of i64: [i64; 4], [i64; 4], [i64; 4];
    truth of Truth: [Truth; 32], [Truth; 32], [Truth; 32];
}
