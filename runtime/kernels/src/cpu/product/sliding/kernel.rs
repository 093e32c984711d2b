//! The inner loops: rows of the result, two vectors of places at a time, from all terms in order.
//!
//! Must not live here: where vectors lie, and what of the input is copied.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::hint::black_box;
use std::mem::MaybeUninit;

use super::super::kernel::Stretch;
use super::super::vector::Vector;
use super::places::Lanes;
use crate::Level;

/// The loops of a level.
#[derive(Clone, Copy)]
pub(super) struct Strips {
    /// Places of a vector.
    pub(super) lanes: usize,
    /// Rows of the larger and of the smaller tile.
    pub(super) rows: [usize; 2],
    pub(super) strips: [Strip; 2],
}

/// Computes all vectors of a block in as many rows from one on as the tile has.
pub(super) type Strip = unsafe fn(&Block<'_>, first: usize);

/// Rows and vectors of the result, and all terms. Distances are in elements.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) weights: *const f32,
    /// From one term of a stretch to the next.
    pub(super) weight_term: isize,
    pub(super) input: *const f32,
    pub(super) input_term: isize,
    pub(super) sums: *mut f32,
    /// One for each row; null where nothing is added.
    pub(super) addend: *const f32,
    pub(super) relu: bool,
    /// How many rows there are, and from one to the next.
    pub(super) rows: usize,
    pub(super) by_row: Row,
    pub(super) spots: &'a [Spot],
    pub(super) stretches: &'a [Stretch],
    /// The lanes that are not in the padding, of every vector of a line and every stretch, and where those of
    /// each line begin; no lines where there is no padding.
    pub(super) lanes: &'a [Lanes],
    pub(super) lines: &'a [usize],
}

/// From one row to the next, in weights, sums and addend.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    pub(super) weights: isize,
    pub(super) sums: isize,
    pub(super) addend: isize,
}

/// Where a vector's input and sums are, and its lanes among those of its line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) input: isize,
    pub(super) sums: isize,
    pub(super) line: usize,
    pub(super) lanes: usize,
}

/// Vectors of which some lanes can be chosen.
trait Choose: Vector<Item = f32> {
    /// These lanes of `self`, the others of `other`.
    fn choose(self, other: Self, lanes: Lanes) -> Self;
}

impl<const LANES: usize> Choose for [f32; LANES] {
    #[inline(always)]
    fn choose(self, other: Self, [start, end]: Lanes) -> Self {
        let chosen = usize::from(start)..usize::from(end);
        std::array::from_fn(|lane| if chosen.contains(&lane) { self[lane] } else { other[lane] })
    }
}

#[cfg(target_arch = "x86_64")]
impl Choose for __m256 {
    #[inline(always)]
    fn choose(self, other: Self, [start, end]: Lanes) -> Self {
        // SAFETY: the rule of `Vector` says that the set is enabled.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let before = _mm256_cmpgt_epi32(_mm256_set1_epi32(i32::from(end)), lanes);
            let after = _mm256_cmpgt_epi32(_mm256_set1_epi32(i32::from(start)), lanes);
            _mm256_blendv_ps(other, self, _mm256_castsi256_ps(_mm256_andnot_si256(after, before)))
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Choose for __m512 {
    #[inline(always)]
    fn choose(self, other: Self, [start, end]: Lanes) -> Self {
        let first = |count: u8| ((1u32 << count) - 1) as u16;
        // SAFETY: the rule of `Vector` says that the set is enabled.
        unsafe { _mm512_mask_blend_ps(first(end) & !first(start), other, self) }
    }
}

impl Strips {
    /// 6 x 2 vectors fill the 16 registers of AVX2, 12 x 2 the 32 of AVX-512.
    pub(super) fn of(level: Level) -> Strips {
        unsafe fn portable<const ROWS: usize>(block: &Block<'_>, first: usize) {
            // SAFETY: the caller's promises.
            unsafe { strip::<[f32; 8], ROWS>(block, first) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2<const ROWS: usize>(block: &Block<'_>, first: usize) {
            // SAFETY: the caller's promises; the set is enabled.
            unsafe { strip::<__m256, ROWS>(block, first) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
        unsafe fn avx512<const ROWS: usize>(block: &Block<'_>, first: usize) {
            // SAFETY: the caller's promises; the set is enabled.
            unsafe { strip::<__m512, ROWS>(block, first) }
        }
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Strips { lanes: 16, rows: [12, 8], strips: [avx512::<12>, avx512::<8>] },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Strips { lanes: 8, rows: [6, 4], strips: [avx2::<6>, avx2::<4>] },
            Level::Portable => Strips { lanes: 8, rows: [6, 4], strips: [portable::<6>, portable::<4>] },
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => Strips::of(Level::Portable),
        }
    }

    /// Computes a block: tiles of both heights, so that as few rows as can be are computed twice.
    ///
    /// # Safety
    /// There are at least as many rows as the smaller tile has. Every row has all weights, every vector all of
    /// the input under it and a place for its sums in every row; if there are lines, there are lanes of every
    /// stretch where a vector has them. The level must be available.
    pub(super) unsafe fn run(&self, block: &Block<'_>) {
        let [rows, fewer] = self.rows;
        let (mut first, count) = (0, block.rows);
        let in_larger = |smaller: usize| count.saturating_sub(smaller * fewer).next_multiple_of(rows);
        let all = if count < rows { 1..3 } else { 0..3 };
        let smaller = all.min_by_key(|&smaller| in_larger(smaller) + smaller * fewer).unwrap_or(1);
        for at in 0.. {
            if first >= count {
                break;
            }
            let which = usize::from(at < smaller);
            // SAFETY: the caller's promises; the rows are the block's, the last ones of which may be taken twice.
            unsafe { self.strips[which](block, first.min(count.saturating_sub(self.rows[which]))) };
            first += self.rows[which];
        }
    }
}

/// # Safety
/// As [`Strips::run`]; there must be so many rows from `first` on.
#[inline(always)]
unsafe fn strip<V: Choose, const ROWS: usize>(block: &Block<'_>, first: usize) {
    let last = block.spots.len().saturating_sub(1);
    for spot in (0..block.spots.len()).step_by(2) {
        // SAFETY: the caller's promises; rows and vectors are the block's.
        unsafe { tile::<V, ROWS>(block, first as isize, [spot, (spot + 1).min(last)]) };
    }
}

/// A tile of sums, in registers until they are finished. There are no closures: they would not be compiled for
/// the instruction set.
///
/// # Safety
/// As [`Strips::run`]; rows and vectors must be the block's.
#[allow(clippy::needless_range_loop, reason = "iterators keep the sums out of registers")]
#[inline(always)]
unsafe fn tile<V: Choose, const ROWS: usize>(block: &Block<'_>, first: isize, vectors: [usize; 2]) {
    // SAFETY: the caller's promises; what sums were is read where it was written, under the same condition.
    unsafe {
        let spots = [*block.spots.get_unchecked(vectors[0]), *block.spots.get_unchecked(vectors[1])];
        let mut sums = [[V::splat(0.0); 2]; ROWS];
        let mut before = [[MaybeUninit::<V>::uninit(); ROWS]; 2];
        let mut of_lines = [0; 2];
        if !block.lines.is_empty() {
            for v in 0..2 {
                of_lines[v] = *block.lines.get_unchecked(spots[v].line) + spots[v].lanes;
            }
        }
        for (at, stretch) in block.stretches.iter().enumerate() {
            let all = [0, V::LANES as u8];
            let mut lanes = [all; 2];
            if !block.lines.is_empty() {
                for v in 0..2 {
                    lanes[v] = *block.lanes.get_unchecked(of_lines[v] + at);
                }
                if lanes == [[0; 2]; 2] {
                    continue;
                }
            }
            // What lanes in the padding get is taken back. What they had is in memory: in registers there would
            // be no room for the sums.
            for v in 0..2 {
                if lanes[v] != all {
                    let before = black_box(&mut before[v]);
                    for i in 0..ROWS {
                        before[i].write(sums[i][v]);
                    }
                }
            }
            add_terms(block, first, spots, stretch, &mut sums);
            for v in 0..2 {
                if lanes[v] != all {
                    let before = black_box(&before[v]);
                    for i in 0..ROWS {
                        sums[i][v] = sums[i][v].choose(before[i].assume_init(), lanes[v]);
                    }
                }
            }
        }
        for i in 0..ROWS {
            let row = first + i as isize;
            for v in 0..2 {
                let mut sum = sums[i][v];
                if !block.addend.is_null() {
                    sum = sum.plus(V::splat(*block.addend.offset(row * block.by_row.addend)));
                }
                if block.relu {
                    sum = sum.relu();
                }
                sum.store(block.sums.offset(row * block.by_row.sums + spots[v].sums));
            }
        }
    }
}

/// # Safety
/// As [`tile`]; the stretch must be the block's.
#[allow(clippy::needless_range_loop, reason = "iterators keep the sums out of registers")]
#[inline(always)]
unsafe fn add_terms<V: Vector<Item = f32>, const ROWS: usize>(
    block: &Block<'_>,
    first: isize,
    spots: [Spot; 2],
    stretch: &Stretch,
    sums: &mut [[V; 2]; ROWS],
) {
    // SAFETY: the caller's promises.
    unsafe {
        // A pointer for three rows each: one for each row would not fit in registers.
        let by_row = block.by_row.weights;
        let (mut left, mut right) = ([block.weights; ROWS], [block.input; 2]);
        for group in 0..ROWS.div_ceil(3) {
            left[group] = block.weights.offset((first + 3 * group as isize) * by_row + stretch.left);
        }
        for v in 0..2 {
            right[v] = block.input.offset(spots[v].input + stretch.right);
        }
        for _ in 0..stretch.terms {
            let factors = [V::load(right[0]), V::load(right[1])];
            for i in 0..ROWS {
                let factor = V::splat(*left[i / 3].wrapping_offset((i % 3) as isize * by_row));
                for v in 0..2 {
                    sums[i][v] = factor.multiply_add(factors[v], sums[i][v]);
                }
            }
            for group in 0..ROWS.div_ceil(3) {
                left[group] = left[group].wrapping_offset(block.weight_term);
            }
            right = [right[0].wrapping_offset(block.input_term), right[1].wrapping_offset(block.input_term)];
        }
    }
}
