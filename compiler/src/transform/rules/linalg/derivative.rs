//! Tangents and cotangents of factorisations and solves, in solves and products.
//!
//! Only the named triangle of a matrix is read, so only that triangle of its tangent counts, and its cotangent is
//! zero elsewhere. Source of the formulas: Murray, "Differentiation of the Cholesky decomposition" (2016).

use choral_ir::op::{
    Binary, Cholesky, ComparisonDirection, DotGeneral, Iota, LinalgOp, Transposed, TriangularSolve, Unary,
};
use choral_ir::{BuildError, Builder, DType, Op, Value};

use crate::transform::dual::{Dual, full_like, known, not_linear, zeros_like};
use crate::transform::views;

/// The results and their tangents.
pub(crate) fn jvp(builder: &mut Builder, op: &LinalgOp, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    Ok(vec![match op {
        LinalgOp::Cholesky(op) => cholesky(builder, *op, duals[0])?,
        LinalgOp::TriangularSolve(op) => triangular_solve(builder, *op, duals[0], duals[1])?,
    }])
}

/// A solve is linear in its right-hand sides: their cotangent is that of the unknown, solved for with the matrix
/// transposed.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &LinalgOp,
    operands: &[Transposed],
    cotangent: Value,
) -> Result<Vec<Option<Value>>, BuildError> {
    let any: Op = op.clone().into();
    match op {
        LinalgOp::Cholesky(_) => Err(not_linear(&any)),
        LinalgOp::TriangularSolve(op) => {
            let a = known(&any, &operands[0])?;
            let back = TriangularSolve { transpose_a: !op.transpose_a, ..*op };
            Ok(vec![None, Some(builder.push(back, &[a, cotangent])?)])
        }
    }
}

/// Of `a = l l^T` the tangent `l half(l^-1 da l^-T)`, and of `a = u^T u` `half(u^-T da u^-1) u`, where `half` is the
/// triangle with half of the diagonal.
fn cholesky(builder: &mut Builder, op: Cholesky, a: Dual) -> Result<Dual, BuildError> {
    let Cholesky { lower } = op;
    let value = builder.push(op, &[a.value])?;
    let Some(tangent) = a.tangent else { return Ok(Dual::constant(value)) };
    let whole = symmetric(builder, tangent, lower)?;
    let from_left = TriangularSolve { left_side: true, lower, unit_diagonal: false, transpose_a: !lower };
    let from_right = TriangularSolve { left_side: false, lower, unit_diagonal: false, transpose_a: lower };
    let solved = builder.push(from_left, &[value, whole])?;
    let solved = builder.push(from_right, &[value, solved])?;
    let kept = triangle(builder, solved, lower, true)?;
    let (one, two) = (full_like(builder, kept, 1.0), full_like(builder, kept, 2.0));
    let is_diagonal = places(builder, kept, ComparisonDirection::Eq)?;
    let parts = builder.select(is_diagonal, two, one)?;
    let half = builder.binary(Binary::Divide, kept, parts)?;
    let (rows, columns) = (-2, -1);
    let tangent = match lower {
        true => product(builder, value, columns, half, rows)?,
        false => product(builder, half, columns, value, rows)?,
    };
    Ok(Dual { value, tangent: Some(tangent) })
}

/// Of `op(a) x = b` the tangent `op(a)^-1 (db - op(da) x)`, of `x op(a) = b` `(db - x op(da)) op(a)^-1`.
fn triangular_solve(
    builder: &mut Builder,
    op: TriangularSolve,
    a: Dual,
    b: Dual,
) -> Result<Dual, BuildError> {
    let value = builder.push(op, &[a.value, b.value])?;
    let moved = match a.tangent {
        Some(tangent) => {
            let read = triangle(builder, tangent, op.lower, !op.unit_diagonal)?;
            let (rows, columns) = if op.transpose_a { (-1, -2) } else { (-2, -1) };
            Some(match op.left_side {
                true => product(builder, read, columns, value, -2)?,
                false => product(builder, value, -1, read, rows)?,
            })
        }
        None => None,
    };
    let sides = match (b.tangent, moved) {
        (Some(tangent), Some(moved)) => Some(builder.binary(Binary::Subtract, tangent, moved)?),
        (None, Some(moved)) => Some(builder.unary(Unary::Negate, moved)?),
        (tangent, None) => tangent,
    };
    let tangent = sides.map(|sides| builder.push(op, &[a.value, sides])).transpose()?;
    Ok(Dual { value, tangent })
}

/// The products of matrices in the last two dimensions, summed over the one of each that is counted from the end.
fn product(
    builder: &mut Builder,
    lhs: Value,
    lhs_summed: isize,
    rhs: Value,
    rhs_summed: isize,
) -> Result<Value, BuildError> {
    let ty = builder.graph().ty(lhs).clone();
    let batching: Vec<usize> = (0..ty.rank() - 2).collect();
    let op = DotGeneral {
        lhs_batching: batching.clone(),
        rhs_batching: batching,
        lhs_contracting: vec![ty.rank().wrapping_add_signed(lhs_summed)],
        rhs_contracting: vec![ty.rank().wrapping_add_signed(rhs_summed)],
        dtype: ty.dtype,
    };
    builder.push(op, &[lhs, rhs])
}

/// Where the row of an element compares so with its column.
fn places(builder: &mut Builder, like: Value, direction: ComparisonDirection) -> Result<Value, BuildError> {
    let shape = builder.graph().ty(like).shape.clone();
    let rank = shape.len();
    let mut count =
        |dimension: usize| builder.push(Iota { shape: shape.clone(), dtype: DType::I32, dimension }, &[]);
    let (rows, columns) = (count(rank - 2)?, count(rank - 1)?);
    builder.compare(direction, rows, columns)
}

/// One triangle of matrices, with or without the diagonal; zeros elsewhere.
fn triangle(
    builder: &mut Builder,
    value: Value,
    lower: bool,
    with_diagonal: bool,
) -> Result<Value, BuildError> {
    use ComparisonDirection::{Ge, Gt, Le, Lt};
    let direction = match (lower, with_diagonal) {
        (true, true) => Ge,
        (true, false) => Gt,
        (false, true) => Le,
        (false, false) => Lt,
    };
    let is_kept = places(builder, value, direction)?;
    let zeros = zeros_like(builder, value);
    builder.select(is_kept, value, zeros)
}

/// The symmetric matrices of which this is one triangle.
fn symmetric(builder: &mut Builder, value: Value, lower: bool) -> Result<Value, BuildError> {
    let given = triangle(builder, value, lower, true)?;
    let mirrored = triangle(builder, value, lower, false)?;
    let rank = builder.graph().ty(value).rank();
    let mut permutation: Vec<usize> = (0..rank).collect();
    permutation.swap(rank - 2, rank - 1);
    let mirrored = views::permute(builder, mirrored, &permutation)?;
    builder.binary(Binary::Add, given, mirrored)
}
