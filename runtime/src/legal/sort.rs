//! Sorts whose comparators hold ops that become elementwise.

use choral_ir::Value;
use choral_ir::op::Sort;

use super::body::{self, Body};
use super::{Legaliser, Made};
use crate::lower::sort::comparator;

pub(super) fn sort(legal: &mut Legaliser, op: &Sort, operands: &[Value]) -> Made {
    if comparator(&op.comparator).is_some() {
        return Ok(None);
    }
    match body::of(op.comparator.graph())? {
        Body::Legalised(comparator) => {
            legal.builder.push_all(Sort { comparator: comparator.into(), ..op.clone() }, operands).map(Some)
        }
        Body::Elementwise | Body::More => Ok(None),
    }
}
