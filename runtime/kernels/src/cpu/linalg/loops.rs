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
    let (column, _) = column.as_chunks::<LANES>();
    let (sums, _) = sums.as_chunks_mut::<LANES>();
    let (sums, factor) = (&mut sums[..column.len()], &factor[..LANES]);
    for at in 0..column.len() {
        for lane in 0..LANES {
            sums[at][lane] += column[at][lane] * factor[lane];
        }
    }
}

/// `(values - sums) / diagonal`, group by group.
#[inline(always)]
fn finish<const LANES: usize>(values: &mut [f64], sums: &[f64], diagonal: Option<[f64; LANES]>) {
    let (sums, _) = sums.as_chunks::<LANES>();
    let (values, _) = values.as_chunks_mut::<LANES>();
    let sums = &sums[..values.len()];
    // By 1 nothing changes.
    let diagonal = diagonal.unwrap_or([1.0; LANES]);
    for at in 0..values.len() {
        for lane in 0..LANES {
            values[at][lane] = (values[at][lane] - sums[at][lane]) / diagonal[lane];
        }
    }
}

/// The group of lanes that begins at a place.
#[inline(always)]
fn group<const LANES: usize>(values: &[f64], at: usize) -> [f64; LANES] {
    let mut group = [0.0; LANES];
    group.copy_from_slice(&values[at..at + LANES]);
    group
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
            for earlier in 0..column {
                let earlier = &left[earlier * line + below..(earlier + 1) * line];
                add_products::<LANES>(sums, earlier, earlier);
            }
            let (diagonal, others) = rest[below..line].split_at_mut(LANES);
            let mut root = group::<LANES>(diagonal, 0);
            for lane in 0..LANES {
                // Of a negative number it is NaN, which spreads.
                root[lane] = (root[lane] - sums[lane]).sqrt();
            }
            diagonal.copy_from_slice(&root);
            finish::<LANES>(others, &sums[LANES..], Some(root));
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
            let diagonal = (!unit_diagonal).then(|| group::<LANES>(column, unknown * LANES));
            finish::<LANES>(now, &sums[unknown * line..][..line], diagonal);
            let following = if lower { unknown + 1..size } else { 0..unknown };
            let (column, sums) = (
                &column[following.start * LANES..following.end * LANES],
                &mut sums[following.start * line..],
            );
            if others == 1 {
                add_products::<LANES>(&mut sums[..column.len()], column, now);
                continue;
            }
            for at in 0..column.len() / LANES {
                add_products::<LANES>(&mut sums[at * line..][..line], now, &column[at * LANES..]);
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
