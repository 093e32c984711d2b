//! Panels from lines whose terms are side by side: squares of 8 x 8 elements turned in registers.
//!
//! Must not live here: which lines.

use std::arch::x86_64::*;
use std::array::from_fn;

/// See [`Transpose`](super::pack::Transpose).
///
/// # Safety
/// As [`Pack::run`](super::pack::Pack::run) says, on a processor that has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn avx2(from: *const u32, lines: &[isize], terms: usize, width: usize, to: *mut u32) {
    let whole = terms / 8 * 8;
    // The last group first: what it writes beyond its lines is written anew by the first.
    for (square, group) in lines.chunks(8).enumerate().rev() {
        // SAFETY: the caller's promises: all lines have all terms, and the panel has `width` places for each of them,
        // and room behind it for the lanes that a group of fewer than eight lines writes beyond its own.
        unsafe {
            let lines: [*const u32; 8] = from_fn(|at| from.offset(group[at.min(group.len() - 1)]));
            let to = to.add(square * 8);
            for term in (0..whole).step_by(8) {
                let rows = turned(lines.map(|line| _mm256_loadu_ps(line.add(term).cast())));
                for (at, row) in rows.into_iter().enumerate() {
                    _mm256_storeu_ps(to.add((term + at) * width).cast(), row);
                }
            }
            for term in whole..terms {
                for (at, line) in lines.iter().enumerate().take(group.len()) {
                    to.add(term * width + at).write(*line.add(term));
                }
            }
        }
    }
}

/// The transposed square.
#[target_feature(enable = "avx2")]
#[inline]
fn turned(rows: [__m256; 8]) -> [__m256; 8] {
    let pairs: [[__m256; 2]; 4] = from_fn(|at| {
        let (even, odd) = (rows[2 * at], rows[2 * at + 1]);
        [_mm256_unpacklo_ps(even, odd), _mm256_unpackhi_ps(even, odd)]
    });
    let fours = |high: usize| -> [__m256; 4] {
        let [low, next] = [pairs[2 * high], pairs[2 * high + 1]];
        [
            _mm256_shuffle_ps::<0x44>(low[0], next[0]),
            _mm256_shuffle_ps::<0xEE>(low[0], next[0]),
            _mm256_shuffle_ps::<0x44>(low[1], next[1]),
            _mm256_shuffle_ps::<0xEE>(low[1], next[1]),
        ]
    };
    let (low, high) = (fours(0), fours(1));
    let [a, b, c, d]: [__m256; 4] = from_fn(|at| _mm256_permute2f128_ps::<0x20>(low[at], high[at]));
    let [e, f, g, h]: [__m256; 4] = from_fn(|at| _mm256_permute2f128_ps::<0x31>(low[at], high[at]));
    [a, b, c, d, e, f, g, h]
}
