//! Batching contractions.
//!
//! There are three kinds of dimensions in a `dot_general`: batching, contracting and free. The
//! member dimension becomes a batching dimension when both operands carry it, and a free dimension
//! of the operand that carries it otherwise: then all members together are one product, and the
//! other operand is used as it is.

use choral_ir::BuildError;
use choral_ir::op::DotGeneral;
use choral_ir::op::dot::free;

use crate::transform::lane::Lane::{Mapped, Shared};
use crate::transform::lane::{Lane, MappedBuilder, inserted, shift};

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
