//! The inner loops of every element type, compiled for every level.
//!
//! Must not live here: what the loops do.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m256d, __m256i, __m512, __m512d, __m512i};

use super::element::Truth;
use super::kernel::{Block, Kernels, strip};
use super::vector::Vector;
#[cfg(target_arch = "x86_64")]
use super::x86::Lanes;
use crate::Level;

/// The loops of a level: tiles of many rows, of fewer, of two and of one. Where speed is not worth the time that it
/// takes to compile as many, a few do for all.
macro_rules! kernels {
    (all $level:ident of $Vector:ty: $rows:literal $half:literal, $transpose:expr) => {
        Kernels {
            rows: $rows,
            half: $half,
            width: 2 * <$Vector>::LANES,
            strips: [$level::<$rows, 1>, $level::<$half, 1>, $level::<2, 2>, $level::<1, 4>],
            transpose: $transpose,
        }
    };
    (few $level:ident of $Vector:ty: $rows:literal $half:literal, $transpose:expr) => {
        Kernels {
            rows: $half,
            half: $half,
            width: 2 * <$Vector>::LANES,
            strips: [$level::<$half, 1>, $level::<$half, 1>, $level::<$half, 1>, $level::<1, 4>],
            transpose: $transpose,
        }
    };
}

/// For every element type a function from levels to loops, by the vector of each level that it has loops for. 6 x 2
/// vectors fill the 16 registers of AVX2, 12 x 2 the 32 of AVX-512.
macro_rules! levels {
    ($(
        $name:ident of $Item:ty: $portable:ident $Portable:ty
            $(, $avx2:ident $Avx2:ty $(, $avx512:ident $Avx512:ty)?)?;
    )*) => {$(
        pub(super) fn $name(level: Level) -> Kernels<$Item> {
            unsafe fn portable<const ROWS: usize, const PANELS: usize>(
                block: &Block<'_, $Item>,
                first: usize,
                rows: usize,
            ) {
                // SAFETY: the caller's promises.
                unsafe { strip::<$Portable, ROWS, PANELS>(block, first, rows) }
            }
            $(
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2<const ROWS: usize, const PANELS: usize>(
                    block: &Block<'_, $Item>,
                    first: usize,
                    rows: usize,
                ) {
                    // SAFETY: the caller's promises; the set is enabled.
                    unsafe { strip::<$Avx2, ROWS, PANELS>(block, first, rows) }
                }
                $(
                    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
                    unsafe fn avx512<const ROWS: usize, const PANELS: usize>(
                        block: &Block<'_, $Item>,
                        first: usize,
                        rows: usize,
                    ) {
                        // SAFETY: the caller's promises; the set is enabled.
                        unsafe { strip::<$Avx512, ROWS, PANELS>(block, first, rows) }
                    }
                    if level >= Level::Avx512 {
                        return kernels!($avx512 avx512 of $Avx512: 12 6, TRANSPOSE);
                    }
                )?
                if level >= Level::Avx2 {
                    return kernels!($avx2 avx2 of $Avx2: 6 4, TRANSPOSE);
                }
            )?
            let _ = level;
            kernels!($portable portable of $Portable: 6 4, None)
        }
    )*};
}

#[cfg(target_arch = "x86_64")]
const TRANSPOSE: Option<super::pack::Transpose> = Some(super::transpose::avx2);

// Few processors of this architecture have no AVX2.
#[cfg(target_arch = "x86_64")]
levels! {
    f32 of f32: few [f32; 8], all __m256, all __m512;
    f64 of f64: few [f64; 4], all __m256d, all __m512d;
    i16 of i16: few [i16; 8], all Lanes<i16, __m256i>;
    i32 of i32: few [i32; 4], all Lanes<i32, __m256i>, all Lanes<i32, __m512i>;
    i64 of i64: few [i64; 2], few Lanes<i64, __m256i>;
    truth of Truth: few [Truth; 16], few Lanes<Truth, __m256i>;
}

#[cfg(not(target_arch = "x86_64"))]
levels! {
    f32 of f32: all [f32; 8];
    f64 of f64: all [f64; 4];
    i16 of i16: few [i16; 16];
    i32 of i32: all [i32; 8];
    i64 of i64: few [i64; 4];
    truth of Truth: few [Truth; 32];
}
