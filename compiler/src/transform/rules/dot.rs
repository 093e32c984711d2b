//! Rules of contractions.
//!
//! There are three kinds of dimensions in a `dot_general`: batching, contracting and free. The
//! member dimension becomes a batching dimension when both operands carry it, and a free dimension
//! of the operand that carries it otherwise: then all members together are one product, and the
//! other operand is used as it is.

use choral_ir::op::dot::free;
use choral_ir::op::{DotGeneral, Transposed};
use choral_ir::{BuildError, Builder, DType, Op, Value};

use crate::transform::dual::{Dual, bilinear, is_linear, known, type_of};

use crate::transform::lane::Lane::{Mapped, Shared};
use crate::transform::lane::{Lane, MappedBuilder, inserted, shift};
use crate::transform::views;

/// The rule of `dot_general`.
pub(crate) fn batch(
    cx: &mut MappedBuilder,
    op: &DotGeneral,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype } = op;
    let renumbered = |dims: &[usize], lane: Lane| match lane {
        Shared(_) => dims.to_vec(),
        Mapped(_, at) => shift(dims, at),
    };
    let (lhs, rhs) = (lanes[0], lanes[1]);
    let mut op = DotGeneral {
        lhs_batching: renumbered(lhs_batching, lhs),
        rhs_batching: renumbered(rhs_batching, rhs),
        lhs_contracting: renumbered(lhs_contracting, lhs),
        rhs_contracting: renumbered(rhs_contracting, rhs),
        dtype: *dtype,
    };
    let place = |at: usize, free: &[usize]| free.iter().filter(|&&dim| dim < at).count();
    let batching = op.lhs_batching.len();
    let lhs_free = free(cx.ty(lhs.value()).rank(), &op.lhs_batching, &op.lhs_contracting);
    let rhs_free = free(cx.ty(rhs.value()).rank(), &op.rhs_batching, &op.rhs_contracting);
    let at = match (lhs, rhs) {
        (Mapped(_, l), Mapped(_, r)) => {
            op.lhs_batching = inserted(&op.lhs_batching, 0, l);
            op.rhs_batching = inserted(&op.rhs_batching, 0, r);
            0
        }
        (Mapped(_, l), Shared(_)) => batching + place(l, &lhs_free),
        (Shared(_), Mapped(_, r)) => batching + lhs_free.len() + place(r, &rhs_free),
        (Shared(_), Shared(_)) => batching,
    };
    cx.mapped(op, &[lhs.value(), rhs.value()], at)
}

/// The product, and the products of each operand with the other's tangent.
pub(crate) fn jvp(builder: &mut Builder, op: &DotGeneral, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    bilinear(builder, &op.clone().into(), duals)
}

/// One side of a product: its dimensions by their part.
struct Side {
    batching: Vec<usize>,
    contracting: Vec<usize>,
    free: Vec<usize>,
}

impl Side {
    fn of(rank: usize, batching: &[usize], contracting: &[usize]) -> Side {
        Side {
            batching: batching.to_vec(),
            contracting: contracting.to_vec(),
            free: free(rank, batching, contracting),
        }
    }
}

/// The cotangent of one operand: the product's cotangent times the other operand, summed over that one's free
/// dimensions.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &DotGeneral,
    operands: &[Transposed],
    cotangent: Value,
) -> Result<Vec<Option<Value>>, BuildError> {
    let rank = |at: usize| type_of(builder, &operands[at]).rank();
    let lhs = Side::of(rank(0), &op.lhs_batching, &op.lhs_contracting);
    let rhs = Side::of(rank(1), &op.rhs_batching, &op.rhs_contracting);
    let dtype = type_of(builder, &operands[0]).dtype;
    let batching = lhs.batching.len();
    let of_lhs: Vec<usize> = (batching..batching + lhs.free.len()).collect();
    let of_rhs: Vec<usize> =
        (batching + lhs.free.len()..batching + lhs.free.len() + rhs.free.len()).collect();
    let any: Op = op.clone().into();
    if is_linear(&operands[0]) {
        let other = known(&any, &operands[1])?;
        Ok(vec![Some(back(builder, dtype, cotangent, &of_rhs, other, &lhs, &rhs)?), None])
    } else {
        let other = known(&any, &operands[0])?;
        Ok(vec![None, Some(back(builder, dtype, cotangent, &of_lhs, other, &rhs, &lhs)?)])
    }
}

/// The cotangent of the operand with the dimensions `own`, for the one of the product, whose dimensions
/// `of_other` are the other operand's free ones.
fn back(
    builder: &mut Builder,
    dtype: DType,
    cotangent: Value,
    of_other: &[usize],
    other: Value,
    own: &Side,
    others: &Side,
) -> Result<Value, BuildError> {
    let through = builder.graph().ty(cotangent).dtype;
    let other = builder.as_dtype(other, through)?;
    let op = DotGeneral {
        lhs_batching: (0..own.batching.len()).collect(),
        rhs_batching: others.batching.clone(),
        lhs_contracting: of_other.to_vec(),
        rhs_contracting: others.free.clone(),
        dtype,
    };
    let product = builder.push(op, &[cotangent, other])?;
    // It has the batching dimensions, the own free ones, then what was summed, as it lies in the other operand.
    let mut summed: Vec<usize> = (0..own.contracting.len()).collect();
    summed.sort_by_key(|&pair| others.contracting[pair]);
    let summed = summed.into_iter().map(|pair| own.contracting[pair]);
    let made: Vec<usize> = own.batching.iter().chain(&own.free).copied().chain(summed).collect();
    let mut permutation = vec![0; made.len()];
    made.iter().enumerate().for_each(|(from, &to)| permutation[to] = from);
    views::permute(builder, product, &permutation)
}
