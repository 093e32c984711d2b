//! Panels from lines whose terms are side by side: squares of 8 x 8 elements turned in registers.
//!
//! Must not live here: which lines.

use std::arch::x86_64::*;

/// See [`Transpose`](super::pack::Transpose).
///
/// # Safety
/// As [`Pack::run`](super::pack::Pack::run) says, on a processor that has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn avx2(from: *const u32, lines: &[isize], terms: usize, width: usize, to: *mut u32) {
    // The last group first: what it writes beyond its lines is written anew by the first.
    for (square, group) in lines.chunks(8).enumerate().rev() {
        let lanes = (width - square * 8).min(8);
        // Nothing may be written behind the panel: where fewer lanes are its own, the last term is apart.
        let whole = if lanes == 8 { terms } else { terms.saturating_sub(1) } / 8 * 8;
        // SAFETY: the caller's promises: all lines have all terms, and the panel has `width` places for
        // each of them. What a group of fewer than eight lines writes beyond its own is written anew.
        unsafe {
            let mut lines = [from; 8];
            for (at, line) in lines.iter_mut().enumerate() {
                *line = from.offset(group[at.min(group.len() - 1)]);
            }
            let to = to.add(square * 8);
            for term in (0..whole).step_by(8) {
                let mut rows = [_mm256_setzero_ps(); 8];
                for (row, line) in rows.iter_mut().zip(lines) {
                    *row = _mm256_loadu_ps(line.add(term).cast());
                }
                for (at, row) in turned(rows).into_iter().enumerate() {
                    _mm256_storeu_ps(to.add((term + at) * width).cast(), row);
                }
            }
            if whole < terms {
                let mut rows = [_mm256_setzero_ps(); 8];
                for (row, line) in rows.iter_mut().zip(lines) {
                    *row = _mm256_maskload_ps(line.add(whole).cast(), first_lanes(terms - whole));
                }
                for (at, row) in turned(rows).into_iter().enumerate().take(terms - whole) {
                    let to = to.add((whole + at) * width).cast();
                    if whole + at + 1 < terms || lanes == 8 {
                        _mm256_storeu_ps(to, row);
                    } else {
                        _mm256_maskstore_ps(to, first_lanes(lanes), row);
                    }
                }
            }
        }
    }
}

/// A mask of the first lanes.
#[target_feature(enable = "avx2")]
#[inline]
fn first_lanes(count: usize) -> __m256i {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes)
}

/// The transposed square.
#[target_feature(enable = "avx2")]
#[inline]
fn turned(rows: [__m256; 8]) -> [__m256; 8] {
    let [a, b, c, d] = quarters([rows[0], rows[1], rows[2], rows[3]]);
    let [e, f, g, h] = quarters([rows[4], rows[5], rows[6], rows[7]]);
    [
        _mm256_permute2f128_ps::<0x20>(a, e),
        _mm256_permute2f128_ps::<0x20>(b, f),
        _mm256_permute2f128_ps::<0x20>(c, g),
        _mm256_permute2f128_ps::<0x20>(d, h),
        _mm256_permute2f128_ps::<0x31>(a, e),
        _mm256_permute2f128_ps::<0x31>(b, f),
        _mm256_permute2f128_ps::<0x31>(c, g),
        _mm256_permute2f128_ps::<0x31>(d, h),
    ]
}

/// Columns 0 to 3 of four rows in the lower halves, 4 to 7 in the upper ones.
#[target_feature(enable = "avx2")]
#[inline]
fn quarters([a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
    let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    let (next_low, next_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
    [
        _mm256_shuffle_ps::<0x44>(low, next_low),
        _mm256_shuffle_ps::<0xEE>(low, next_low),
        _mm256_shuffle_ps::<0x44>(high, next_high),
        _mm256_shuffle_ps::<0xEE>(high, next_high),
    ]
}
