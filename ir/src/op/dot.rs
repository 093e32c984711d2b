//! Contractions: `dot_general`, of which matrix products are the two-dimensional case.

use serde::{Deserialize, Serialize};

use super::{TypeError, arity, distinct, ensure};
use crate::{DType, TensorType};

/// `result[batch.., lhs free.., rhs free..] = sum over contracting of lhs * rhs`.
///
/// (C1, C2) lists of dimensions pair up; (C3..C6) a dimension of an operand is named once;
/// (C9, C10) paired dimensions have one size; (C11) both operands have one element type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DotGeneral {
    /// Batching dimensions of `lhs`.
    pub lhs_batching: Vec<usize>,
    /// Batching dimensions of `rhs`, in the same order.
    pub rhs_batching: Vec<usize>,
    /// Dimensions of `lhs` that are summed over.
    pub lhs_contracting: Vec<usize>,
    /// Dimensions of `rhs` that are summed over, in the same order.
    pub rhs_contracting: Vec<usize>,
    /// Element type of the result.
    pub dtype: DType,
}

impl From<DotGeneral> for crate::Op {
    fn from(op: DotGeneral) -> crate::Op {
        crate::Op::Dot(op)
    }
}

/// The dimensions of a rank that are neither batching nor contracting, in order.
pub fn free(rank: usize, batching: &[usize], contracting: &[usize]) -> Vec<usize> {
    (0..rank).filter(|dim| !batching.contains(dim) && !contracting.contains(dim)).collect()
}

/// Type rule; the constraints stand at [`DotGeneral`].
pub fn infer(op: &DotGeneral, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    let DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype } = op;
    arity(2, operands)?;
    let (lhs, rhs) = (operands[0], operands[1]);
    ensure!(lhs_batching.len() == rhs_batching.len(), "C1", "batching dimensions must pair up");
    ensure!(lhs_contracting.len() == rhs_contracting.len(), "C2", "contracting dimensions must pair up");
    distinct("lhs", &[lhs_batching.as_slice(), lhs_contracting].concat(), lhs.rank())?;
    distinct("rhs", &[rhs_batching.as_slice(), rhs_contracting].concat(), rhs.rank())?;
    ensure!(lhs.dtype == rhs.dtype, "C11", "lhs is {lhs}, but rhs is {rhs}");
    let batching = lhs_batching.iter().zip(rhs_batching).map(|pair| ("batching", pair));
    let contracting = lhs_contracting.iter().zip(rhs_contracting).map(|pair| ("contracting", pair));
    for (kind, (&l, &r)) in batching.chain(contracting) {
        let (left, right) = (lhs.shape[l], rhs.shape[r]);
        ensure!(
            left == right,
            "C9",
            "{kind} dimension {l} of lhs {lhs} has size {left}, but dimension {r} of rhs {rhs} has size {right}"
        );
    }
    let mut shape: Vec<usize> = lhs_batching.iter().map(|&dim| lhs.shape[dim]).collect();
    shape.extend(free(lhs.rank(), lhs_batching, lhs_contracting).iter().map(|&dim| lhs.shape[dim]));
    shape.extend(free(rhs.rank(), rhs_batching, rhs_contracting).iter().map(|&dim| rhs.shape[dim]));
    Ok(vec![TensorType::new(shape, *dtype)])
}

/// Where a dimension of an operand goes: batching dimensions first, then the free ones of each side.
pub(super) fn follow(op: &DotGeneral, operands: &[&TensorType], operand: usize, dim: usize) -> Option<usize> {
    let lhs_free = free(operands[0].rank(), &op.lhs_batching, &op.lhs_contracting);
    let rhs_free = free(operands[1].rank(), &op.rhs_batching, &op.rhs_contracting);
    let find = |dims: &[usize]| dims.iter().position(|&at| at == dim);
    let (batching, free, before) = if operand == 0 {
        (&op.lhs_batching, &lhs_free, 0)
    } else {
        (&op.rhs_batching, &rhs_free, lhs_free.len())
    };
    find(batching).or_else(|| Some(batching.len() + before + find(free)?))
}
