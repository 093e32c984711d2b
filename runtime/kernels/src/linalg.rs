//! Kernels of linear algebra: Cholesky factors and triangular solves of batches of matrices.
//!
//! | of the op | of the kernel |
//! |---|---|
//! | `stablehlo.cholesky` with `lower` | [`Cholesky`]: where `lower` does not hold, the last two dimensions of both accesses are exchanged |
//! | `stablehlo.triangular_solve` of `op(a) x = b` | [`TriangularSolve`] of a lower or upper triangle on the left: where `transpose_a` transposes, the last two dimensions of `a` are exchanged, and its triangle is the other one |
//! | `left_side = false`: `x op(a) = b` | `op(a)^T x^T = b^T`: those of `a`, `b` and the result are exchanged, and the triangle is the other one |
//!
//! All is computed in `f64` and rounded once. Each element is what the definition says: the sum of the products so far,
//! from -0.0 on in ascending order and each rounded by itself, is taken from the element of the matrix, and the rest is
//! divided by the diagonal. Must not live here: the loops ([`crate::cpu::linalg`]).

use crate::Number;
use crate::access::Elements;

/// A kernel that factors positive definite matrices: `a = l l^T`. The result's upper triangle is zero. A matrix that is
/// not positive definite gives NaN.
#[derive(Debug, Clone)]
pub struct Cholesky {
    /// The type of all numbers in memory: floats.
    pub number: Number,
    /// The matrices, of which the lower triangle is read: dimensions of the batch, rows, columns.
    pub matrix: Elements,
    /// Where factors go, in the same dimensions; they overlap nothing that is read, or are the matrices.
    pub result: Elements,
}

/// A kernel that solves `a x = b` for triangular matrices `a`.
#[derive(Debug, Clone)]
pub struct TriangularSolve {
    /// The type of all numbers in memory: floats.
    pub number: Number,
    /// Whether `a` is its lower triangle; the other one is not read.
    pub lower: bool,
    /// Whether the diagonal counts as ones.
    pub unit_diagonal: bool,
    /// The matrices `a`: dimensions of the batch, rows, columns.
    pub matrix: Elements,
    /// The right-hand sides `b`: dimensions of the batch, rows, columns.
    pub right: Elements,
    /// Where `x` goes, in the dimensions of `b`; it overlaps nothing that is read, or is `b`.
    pub result: Elements,
}
