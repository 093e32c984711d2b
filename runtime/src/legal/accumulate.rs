//! Folds on accumulators that are wider than their element types: what 16-bit floats are added up in.

use choral_ir::op::infer;
use choral_ir::{BuildError, Op, TensorType, Value};

use super::Legaliser;

/// The results of an op that [accumulates](Op::accumulating) in a wider type, by the op there and conversions around it.
pub(super) fn accumulated(
    legal: &mut Legaliser,
    (op, wide): (&Op, &Op),
    operands: &[Value],
) -> Result<Vec<Value>, BuildError> {
    let types = legal.types(operands);
    let narrow = infer(op, &types.iter().collect::<Vec<&TensorType>>())
        .map_err(|cause| legal.builder.refusal(op, operands, cause))?;
    let accumulators = operands.iter().zip(&types);
    let accumulators: Vec<Value> = accumulators
        .map(|(&operand, ty)| legal.builder.as_dtype(operand, ty.dtype.accumulator()))
        .collect::<Result<_, _>>()?;
    let results = legal.op(wide, &accumulators)?;
    results.into_iter().zip(narrow).map(|(result, ty)| legal.builder.as_dtype(result, ty.dtype)).collect()
}
