//! LAPACK's and BLAS's routines that are choral ops, as JAX calls them on a CPU: in today's form, with
//! settings in a dictionary of letters, and in the older one, with settings among the operands.

use super::super::attributes::{Attribute, Attributes};
use super::super::call::{Call, Reason};
use super::expansion::{config, operands, type_of};
use crate::graph::Value;
use crate::op::{Binary, Cholesky, ComparisonDirection, Elementwise, Iota, TriangularSolve, Unary};
use crate::{Builder, DType, TensorType, region};

/// `potrf` of one operand: the factor of the triangle `uplo`, and which leading minor is not positive.
pub(super) fn potrf_ffi(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let [a] = operands(&call)?;
    check_layouts(builder, &mut call)?;
    let lower = letter(&mut config(&mut call)?, "uplo", ['U', 'L'])? == 1;
    factor(builder, a, lower)
}

/// The older `potrf`: operands `lower`, batch size, `n`, and the matrices.
pub(super) fn potrf(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let [lower, _batch, _n, a] = operands(&call)?;
    check_layouts(builder, &mut call)?;
    let lower = setting(builder, lower)? != 0;
    factor(builder, a, lower)
}

/// `trsm` of `a` and `b`, and of a factor of `b` where there is one.
pub(super) fn trsm_ffi(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    check_layouts(builder, &mut call)?;
    let (a, b, alpha) = match *call.operands.as_slice() {
        [a, b] => (a, b, None),
        [a, b, alpha] => (a, b, Some(alpha)),
        _ => return Err(format!("expected two or three operands, found {}", call.operands.len()).into()),
    };
    let mut config = config(&mut call)?;
    let solve = TriangularSolve {
        left_side: letter(&mut config, "side", ['R', 'L'])? == 1,
        lower: letter(&mut config, "uplo", ['U', 'L'])? == 1,
        unit_diagonal: letter(&mut config, "diag", ['N', 'U'])? == 1,
        // Of real numbers the adjoint is the transpose.
        transpose_a: letter(&mut config, "trans_x", ['N', 'T', 'C'])? != 0,
    };
    triangular_solve(builder, solve, a, b, alpha)
}

/// The older `trsm`: operands left side, lower, transpose, unit diagonal, batch size, `m`, `n`, the factor
/// of `b`, `a` and `b`.
pub(super) fn trsm(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let [left, lower, transpose, unit, _batch, _m, _n, alpha, a, b] = operands(&call)?;
    check_layouts(builder, &mut call)?;
    let solve = TriangularSolve {
        left_side: setting(builder, left)? != 0,
        lower: setting(builder, lower)? != 0,
        unit_diagonal: setting(builder, unit)? != 0,
        transpose_a: setting(builder, transpose)? != 0,
    };
    triangular_solve(builder, solve, a, b, Some(alpha))
}

fn triangular_solve(
    builder: &mut Builder,
    solve: TriangularSolve,
    a: Value,
    b: Value,
    alpha: Option<Value>,
) -> Result<Vec<Value>, Reason> {
    let b = match alpha {
        Some(alpha) if !is_one(builder, alpha) => {
            let alpha = builder.broadcast_in_dim(alpha, type_of(builder, b).shape, Vec::new())?;
            builder.binary(Binary::Multiply, alpha, b)?
        }
        Some(_) | None => b,
    };
    Ok(vec![builder.push(solve, &[a, b])?])
}

fn is_one(builder: &Builder, value: Value) -> bool {
    region::constant(builder.graph(), value).is_some_and(|(tensor, _)| tensor.to_f64_vec() == [1.0])
}

/// The factor, with the other triangle as LAPACK leaves it, and for each matrix 0, or the number of the
/// first leading minor that is not positive.
fn factor(builder: &mut Builder, a: Value, lower: bool) -> Result<Vec<Value>, Reason> {
    let factor = builder.push(Cholesky { lower }, &[a])?;
    let ty = type_of(builder, a).with_dtype(DType::I32);
    let (rank, size) = (ty.rank(), ty.shape.last().copied().unwrap_or_default());
    let row = builder.push(Iota { shape: ty.shape.clone(), dtype: ty.dtype, dimension: rank - 2 }, &[])?;
    let column = builder.push(Iota { shape: ty.shape.clone(), dtype: ty.dtype, dimension: rank - 1 }, &[])?;
    let (first, second) = if lower { (row, column) } else { (column, row) };
    let in_triangle = builder.compare(ComparisonDirection::Ge, first, second)?;
    let written = builder.select(in_triangle, factor, a)?;

    // Elements off the diagonal count as positive; NaN does not.
    let on_diagonal = builder.compare(ComparisonDirection::Eq, row, column)?;
    let ones = builder.full(1.0, type_of(builder, factor).dtype, ty.shape.clone());
    let pivots = builder.push(Elementwise::Select, &[on_diagonal, factor, ones])?;
    let zeros = builder.full(0.0, type_of(builder, factor).dtype, ty.shape.clone());
    let positive = builder.compare(ComparisonDirection::Gt, pivots, zeros)?;
    let failed = builder.unary(Unary::Not, positive)?;
    let (one, none) = (builder.full(1.0, ty.dtype, ty.shape.clone()), size as f64 + 1.0);
    let minor = builder.binary(Binary::Add, row, one)?;
    let none_each = builder.full(none, ty.dtype, ty.shape.clone());
    let minor = builder.select(failed, minor, none_each)?;
    let none_at_all = builder.full(none, ty.dtype, []);
    let least = builder.reduce(minor, none_at_all, vec![rank - 2, rank - 1], Binary::Minimum)?;
    let batch = &ty.shape[..rank - 2];
    let (limit, zero) = (builder.full(none, ty.dtype, batch), builder.full(0.0, ty.dtype, batch));
    let is_positive = builder.compare(ComparisonDirection::Eq, least, limit)?;
    Ok(vec![written, builder.select(is_positive, zero, least)?])
}

/// The place among `letters` of the setting of this name, which is an ASCII code.
fn letter<const N: usize>(
    config: &mut Attributes<'_>,
    name: &str,
    letters: [char; N],
) -> Result<usize, Reason> {
    let code = config.size(&[name])?;
    let place = letters.iter().position(|&letter| letter as usize == code);
    place.ok_or_else(|| {
        Reason::Said(format!("`{name}`: expected one of {letters:?} by its code, found {code}"))
    })
}

/// The integer that an operand is known to be.
fn setting(builder: &Builder, value: Value) -> Result<i64, Reason> {
    let known = region::constant(builder.graph(), value);
    let known = known.filter(|(tensor, _)| tensor.dtype().is_integer());
    known
        .map(|(tensor, _)| tensor.to_f64_vec()[0] as i64)
        .ok_or_else(|| Reason::Said("expected settings that are constants of the text".to_owned()))
}

/// LAPACK reads columns: a matrix must lie in memory column after column.
fn check_layouts(builder: &Builder, call: &mut Call<'_>) -> Result<(), Reason> {
    let layouts = call.attributes.read(&["operand_layouts"], |value| {
        value.items()?.iter().map(Attribute::sizes).collect::<Result<Vec<_>, _>>()
    })?;
    if layouts.len() != call.operands.len() {
        let (found, operands) = (layouts.len(), call.operands.len());
        return Err(format!("`operand_layouts`: expected {operands} layouts, found {found}").into());
    }
    for (&value, layout) in call.operands.iter().zip(layouts) {
        let ty = type_of(builder, value);
        if ty.rank() >= 2 && layout != column_major(&ty) {
            let message =
                format!("expected matrices column after column, found the layout {layout:?} of {ty}");
            return Err(message.into());
        }
    }
    Ok(())
}

/// The dimensions from the one whose neighbours touch in memory to the outermost.
fn column_major(ty: &TensorType) -> Vec<usize> {
    let batch = ty.rank() - 2;
    [batch, batch + 1].into_iter().chain((0..batch).rev()).collect()
}
