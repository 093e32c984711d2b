//! Ops that order elements.

use serde::{Deserialize, Serialize};

use super::{TypeError, arity, ensure};
use crate::{Comparator, DType, TensorType};

/// A sorting op.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SortOp {
    /// See [`Sort`].
    Sort(Sort),
    /// See [`TopK`].
    TopK(TopK),
}

/// N operands of one shape, ordered together along a dimension: the comparator says of two places
/// whether the first comes before the second. The order of equal places is kept.
///
/// (C1, C2) operands have one shape; (C4) the dimension is in range; (C5) the comparator takes
/// `(left, right)` of each operand in turn and returns `i1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sort {
    /// The dimension that is ordered.
    pub dimension: usize,
    /// A demand that equal places keep their order; they do anyway.
    pub is_stable: bool,
    /// `(left, right, ..) -> i1`, all scalars.
    pub comparator: Comparator,
}

/// The `k` greatest elements of the last dimension, greatest first, and their places as `i32`. NaN
/// is greatest; of equal elements the first counts.
///
/// (C1) the operand has a dimension, and `k` does not exceed the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TopK {
    /// How many.
    pub k: usize,
}

impl From<Sort> for crate::Op {
    fn from(op: Sort) -> crate::Op {
        crate::Op::Sort(SortOp::Sort(op))
    }
}

impl From<TopK> for crate::Op {
    fn from(op: TopK) -> crate::Op {
        crate::Op::Sort(SortOp::TopK(op))
    }
}

impl SortOp {
    /// The name in StableHLO text.
    pub const fn name(&self) -> &'static str {
        match self {
            SortOp::Sort(_) => "stablehlo.sort",
            SortOp::TopK(_) => "chlo.top_k",
        }
    }
}

/// Type rule of the family.
pub fn infer(op: &SortOp, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    match op {
        SortOp::Sort(op) => infer_sort(op, operands),
        SortOp::TopK(op) => infer_top_k(*op, operands),
    }
}

fn infer_sort(op: &Sort, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    let Sort { dimension, is_stable: _, comparator } = op;
    ensure!(!operands.is_empty(), "arity", "expected at least one operand");
    let first = operands[0];
    for (position, other) in operands.iter().enumerate() {
        ensure!(other.shape == first.shape, "C2", "operand {position} is {other}, but operand 0 is {first}");
    }
    ensure!(*dimension < first.rank(), "C4", "dimension {dimension} is out of range for {first}");
    let pairs = operands.iter().flat_map(|ty| [TensorType::scalar(ty.dtype), TensorType::scalar(ty.dtype)]);
    let body = comparator.graph();
    let fits = body.input_types() == pairs.collect::<Vec<_>>()
        && body.output_types() == [TensorType::scalar(DType::I1)];
    ensure!(fits, "C5", "the comparator must take two scalars of each operand's type and return one i1");
    Ok(operands.iter().map(|&ty| ty.clone()).collect())
}

fn infer_top_k(TopK { k }: TopK, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    arity(1, operands)?;
    let ty = operands[0];
    let fits = ty.shape.last().is_some_and(|&size| k <= size);
    ensure!(fits, "C1", "the last dimension of {ty} does not hold {k} elements");
    let mut shape = ty.shape.clone();
    if let Some(last) = shape.last_mut() {
        *last = k;
    }
    let values = ty.with_shape(shape);
    let places = values.with_dtype(DType::I32);
    Ok(vec![values, places])
}

/// Where a dimension of an operand goes: it stays, unless it is sorted.
pub(super) fn follow(op: &SortOp, operands: &[&TensorType], dim: usize) -> Option<usize> {
    let sorted = match op {
        SortOp::Sort(op) => op.dimension,
        SortOp::TopK(_) => operands[0].rank() - 1,
    };
    (dim != sorted).then_some(dim)
}
