//! Ops that index by values: gathers of nothing, and scatters whose bodies accumulate.

use choral_ir::op::{Gather, Scatter, infer};
use choral_ir::{Op, TensorType, Value};

use super::body::{self, Body};
use super::{Legaliser, Made, accumulate};
use crate::lower::index::combines;

/// Slices of size 0 may be left out as those of size 1 are: then results are zeros.
pub(super) fn gather(legal: &mut Legaliser, op: &Gather, operands: &[Value]) -> Made {
    if !op.slice_sizes.contains(&0) {
        return Ok(None);
    }
    let (op, types) = (Op::from(op.clone()), legal.types(operands));
    let types = infer(&op, &types.iter().collect::<Vec<&TensorType>>());
    let types = types.map_err(|cause| legal.builder.refusal(&op, operands, cause))?;
    Ok(Some(types.into_iter().map(|ty| legal.builder.full(0.0, ty.dtype, ty.shape)).collect()))
}

pub(super) fn scatter(legal: &mut Legaliser, op: &Scatter, operands: &[Value]) -> Made {
    let whole = Op::from(op.clone());
    if let Some(wide) = whole.accumulating() {
        return accumulate::accumulated(legal, (&whole, &wide), operands).map(Some);
    }
    if combines(op, legal.ty(operands[0]).dtype).is_some() {
        return Ok(None);
    }
    match body::of(op.body.graph())? {
        Body::Legalised(body) => {
            legal.builder.push_all(Scatter { body: body.into(), ..op.clone() }, operands).map(Some)
        }
        Body::Elementwise | Body::More => Ok(None),
    }
}
