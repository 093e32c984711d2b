//! Folding whole dimensions away.

use serde::{Deserialize, Serialize};

use super::{TypeError, distinct, ensure, reducer};
use crate::{Reducer, TensorType};

/// Operands are N inputs of one shape, then N initial values; the body folds N accumulators with
/// N elements.
///
/// Elements are folded in row-major order. Sums and products of `f16` and `bf16` accumulate in `f32`
/// and are rounded once, at their end ([`Op::accumulating`](crate::Op::accumulating)); the
/// specification leaves that to the implementation.
///
/// A choral extension: an initial value may have the result's shape (one per result element)
/// in place of a scalar.
///
/// (C1) inputs have one shape; (C2) initial values are of their element types; (C4, C5)
/// dimensions are distinct and in range; (C6) the body takes and returns scalars of these types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reduce {
    /// The dimensions that are folded away.
    pub dimensions: Vec<usize>,
    /// `(accumulators.., elements..) -> accumulators..`, all scalars.
    pub body: Reducer,
}

impl From<Reduce> for crate::Op {
    fn from(op: Reduce) -> crate::Op {
        crate::Op::Reduce(op)
    }
}

/// Type rule; the constraints stand at [`Reduce`].
pub fn infer(op: &Reduce, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    let Reduce { dimensions, body } = op;
    ensure!(
        !operands.is_empty() && operands.len().is_multiple_of(2),
        "C3",
        "expected as many initial values as inputs, got {} operands",
        operands.len()
    );
    let (inputs, inits) = operands.split_at(operands.len() / 2);
    distinct("dimensions", dimensions, inputs[0].rank())?;
    let kept = (0..inputs[0].rank()).filter(|dim| !dimensions.contains(dim));
    let shape: Vec<usize> = kept.map(|dim| inputs[0].shape[dim]).collect();
    for (position, input) in inputs.iter().enumerate() {
        ensure!(
            input.shape == inputs[0].shape,
            "C1",
            "inputs must have one shape, but input 0 is {} and input {position} is {input}",
            inputs[0]
        );
    }
    check_inits(inputs, inits, &shape)?;
    reducer(body, inputs)?;
    Ok(inputs.iter().map(|input| input.with_shape(shape.clone())).collect())
}

/// (C2) each initial value is a scalar of its input's element type, or has the result's shape.
pub(crate) fn check_inits(
    inputs: &[&TensorType],
    inits: &[&TensorType],
    result: &[usize],
) -> Result<(), TypeError> {
    for (position, (input, init)) in inputs.iter().zip(inits).enumerate() {
        ensure!(
            init.dtype == input.dtype && (init.shape.is_empty() || init.shape == result),
            "C2",
            "initial value {position} of {input} must be a scalar of its element type (or have the result's shape {result:?}), got {init}"
        );
    }
    Ok(())
}

/// Where a dimension of an operand goes: a kept one moves down by the reduced ones before it, a reduced
/// one is gone. Initial values have the result's shape.
pub(super) fn follow(op: &Reduce, operands: &[&TensorType], operand: usize, dim: usize) -> Option<usize> {
    if operand >= operands.len() / 2 {
        return Some(dim);
    }
    let before = op.dimensions.iter().filter(|&&reduced| reduced < dim).count();
    (!op.dimensions.contains(&dim)).then(|| dim - before)
}
