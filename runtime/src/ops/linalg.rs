//! Factorisations and solves, computed in `f64` and rounded once.

use choral_ir::op::{Cholesky, LinalgOp, TriangularSolve};
use choral_ir::{Storage, Tensor, TensorType};

use crate::error::Error;

/// The result of an op of the family.
///
/// # Errors
/// Only if a tensor does not hold what its type says.
pub fn evaluate(op: &LinalgOp, operands: &[&Tensor], ty: &TensorType) -> Result<Tensor, Error> {
    let values = match op {
        LinalgOp::Cholesky(op) => cholesky(*op, operands[0]),
        LinalgOp::TriangularSolve(op) => triangular_solve(*op, operands[0], operands[1]),
    };
    Ok(Tensor::from_storage(ty.shape.as_slice(), Storage::from_f64(ty.dtype, &values))?)
}

/// Row by row (Cholesky-Banachiewicz): each element of the factor from those left of and above it.
fn cholesky(Cholesky { lower }: Cholesky, a: &Tensor) -> Vec<f64> {
    let size = a.shape().last().copied().unwrap_or_default();
    let mut result = a.to_f64_vec();
    // The upper factor is the lower one of the same matrix, read and written across the diagonal.
    let at = |row: usize, column: usize| if lower { row * size + column } else { column * size + row };
    for matrix in result.chunks_exact_mut((size * size).max(1)) {
        for row in 0..size {
            for column in 0..=row {
                let products: f64 = (0..column).map(|k| matrix[at(row, k)] * matrix[at(column, k)]).sum();
                let rest = matrix[at(row, column)] - products;
                matrix[at(row, column)] = match row == column {
                    // Of a negative number it is NaN, which spreads.
                    true => rest.sqrt(),
                    false => rest / matrix[at(column, column)],
                };
            }
        }
        for row in 0..size {
            (row + 1..size).for_each(|column| matrix[at(row, column)] = 0.0);
        }
    }
    result
}

/// Substitution, from the end of the triangle that has one unknown.
fn triangular_solve(op: TriangularSolve, a: &Tensor, b: &Tensor) -> Vec<f64> {
    let TriangularSolve { left_side, lower, unit_diagonal, transpose_a } = op;
    let size = a.shape().last().copied().unwrap_or_default();
    let shape = &b.shape()[b.shape().len() - 2..];
    let others = if left_side { shape[1] } else { shape[0] };
    let matrices = a.to_f64_vec();
    let mut result = b.to_f64_vec();
    // `x op(a) = b` is `op(a)^T x^T = b^T`.
    let across = transpose_a == left_side;
    let element = |matrix: &[f64], row: usize, column: usize| {
        if across { matrix[column * size + row] } else { matrix[row * size + column] }
    };
    let place = |row: usize, other: usize| if left_side { row * others + other } else { other * size + row };
    let rows: Vec<usize> = if lower != across { (0..size).collect() } else { (0..size).rev().collect() };
    let blocks = result.chunks_exact_mut((size * others).max(1));
    for (x, matrix) in blocks.zip(matrices.chunks_exact((size * size).max(1))) {
        for other in 0..others {
            for (known, &row) in rows.iter().enumerate() {
                let products = rows[..known].iter().map(|&k| element(matrix, row, k) * x[place(k, other)]);
                let rest = x[place(row, other)] - products.sum::<f64>();
                let diagonal = if unit_diagonal { 1.0 } else { element(matrix, row, row) };
                x[place(row, other)] = rest / diagonal;
            }
        }
    }
    result
}
