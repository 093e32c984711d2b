//! Factorisations and solves.

use choral_ir::DType;
use choral_ir::op::{Cholesky, TriangularSolve};
use choral_kernels::access::Elements;
use choral_kernels::linalg;

use super::number;

/// Cholesky factors.
pub fn cholesky(
    Cholesky { lower }: Cholesky,
    dtype: DType,
    [matrix, result]: [Elements; 2],
) -> linalg::Cholesky {
    // The upper factor is the lower one of the same matrix, read and written across the diagonal.
    let turned = |elements| if lower { elements } else { transposed(elements) };
    linalg::Cholesky { number: number::of(dtype), matrix: turned(matrix), result: turned(result) }
}

/// Triangular solves.
pub fn triangular_solve(
    op: TriangularSolve,
    dtype: DType,
    [matrix, right, result]: [Elements; 3],
) -> linalg::TriangularSolve {
    let TriangularSolve { left_side, lower, unit_diagonal, transpose_a } = op;
    // `x op(a) = b` is `op(a)^T x^T = b^T`.
    let across = transpose_a == left_side;
    let turned = |elements, turns: bool| if turns { transposed(elements) } else { elements };
    linalg::TriangularSolve {
        number: number::of(dtype),
        lower: lower != across,
        unit_diagonal,
        matrix: turned(matrix, across),
        right: turned(right, !left_side),
        result: turned(result, !left_side),
    }
}

/// The same matrices with rows and columns exchanged.
fn transposed(mut elements: Elements) -> Elements {
    let rank = elements.access.dims.len();
    elements.access.dims.swap(rank - 2, rank - 1);
    elements
}
