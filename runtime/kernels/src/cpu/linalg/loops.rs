//! The loops of factorisations and solves, on elements that are groups of lanes.

use crate::Level;
use crate::cpu::machine::{Body, compiled};

/// What the loops work on. Element `(row, column)` of the matrix begins at `(column * size + row) * lanes`, and that of the
/// right-hand sides at `(row * others + column) * lanes`.
pub(super) struct Arguments {
    /// The matrix; a factorisation replaces its lower triangle.
    pub matrix: *mut f64,
    /// Right-hand sides, which a solve replaces.
    pub right: *mut f64,
    /// Room for the sums of a column, or of all right-hand sides.
    pub sums: *mut f64,
    pub size: usize,
    pub others: usize,
    pub lower: bool,
    pub unit_diagonal: bool,
}

/// `sums += column * factor`, group by group; each product is rounded by itself.
#[inline(always)]
fn add_products<const LANES: usize>(sums: &mut [f64], column: &[f64], factor: &[f64]) {
    let factor: [f64; LANES] = std::array::from_fn(|lane| factor[lane]);
    for (sums, column) in sums.chunks_exact_mut(LANES).zip(column.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += column[lane] * factor[lane];
        }
    }
}

struct Factor<const LANES: usize>;

impl<const LANES: usize> Body for Factor<LANES> {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Avx512;

    /// Column by column: each from those left of it.
    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { matrix, sums, size, .. } = arguments;
        // SAFETY: the caller vouches for a matrix of this size and for sums of a column.
        let (matrix, sums) = unsafe {
            let matrix = std::slice::from_raw_parts_mut(matrix, size * size * LANES);
            (matrix, std::slice::from_raw_parts_mut(sums, size * LANES))
        };
        let line = size * LANES;
        for column in 0..size {
            let (left, rest) = matrix.split_at_mut(column * line);
            let below = column * LANES;
            let sums = &mut sums[below..];
            sums.fill(-0.0);
            for earlier in left.chunks_exact(line) {
                add_products::<LANES>(sums, &earlier[below..], &earlier[below..][..LANES]);
            }
            let now = &mut rest[below..line];
            now.iter_mut().zip(&*sums).for_each(|(x, sum)| *x -= sum);
            let (diagonal, others) = now.split_at_mut(LANES);
            // Of a negative number it is NaN, which spreads.
            diagonal.iter_mut().for_each(|x| *x = x.sqrt());
            for others in others.chunks_exact_mut(LANES) {
                others.iter_mut().zip(&*diagonal).for_each(|(x, diagonal)| *x /= diagonal);
            }
        }
    }
}

struct Solve<const LANES: usize>;

impl<const LANES: usize> Body for Solve<LANES> {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Avx512;

    /// Unknown by unknown, from the end of the triangle that has one: each is at once taken into the sums of all that
    /// follow.
    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { matrix, right, sums, size, others, lower, unit_diagonal } = arguments;
        let line = others * LANES;
        // SAFETY: the caller vouches for a matrix of this size, and for right-hand sides and sums of as many rows.
        let (matrix, right, sums) = unsafe {
            let matrix = std::slice::from_raw_parts(matrix, size * size * LANES);
            let right = std::slice::from_raw_parts_mut(right, size * line);
            (matrix, right, std::slice::from_raw_parts_mut(sums, size * line))
        };
        sums.fill(-0.0);
        for step in 0..size {
            let unknown = if lower { step } else { size - 1 - step };
            let column = &matrix[unknown * size * LANES..][..size * LANES];
            let now = &mut right[unknown * line..][..line];
            now.iter_mut().zip(&sums[unknown * line..]).for_each(|(x, sum)| *x -= sum);
            if !unit_diagonal {
                let diagonal = &column[unknown * LANES..][..LANES];
                for group in now.chunks_exact_mut(LANES) {
                    group.iter_mut().zip(diagonal).for_each(|(x, diagonal)| *x /= diagonal);
                }
            }
            let following = if lower { unknown + 1..size } else { 0..unknown };
            let (column, sums) = (
                &column[following.start * LANES..following.end * LANES],
                &mut sums[following.start * line..],
            );
            if others == 1 {
                add_products::<LANES>(&mut sums[..column.len()], column, now);
                continue;
            }
            for (factor, sums) in column.chunks_exact(LANES).zip(sums.chunks_exact_mut(line.max(1))) {
                add_products::<LANES>(sums, now, factor);
            }
        }
    }
}

/// The loop of factorisations in so many lanes.
pub(super) fn cholesky(lanes: usize, level: Level) -> unsafe fn(&Arguments) {
    match lanes {
        1 => compiled::<Factor<1>>(level),
        _ => compiled::<Factor<{ super::LANES }>>(level),
    }
}

/// The loop of solves in so many lanes.
pub(super) fn solve(lanes: usize, level: Level) -> unsafe fn(&Arguments) {
    match lanes {
        1 => compiled::<Solve<1>>(level),
        _ => compiled::<Solve<{ super::LANES }>>(level),
    }
}
