//! What each op means: one file per family, every result element computed by its definition.
//!
//! Must not live here: optimisations; those are [`crate::cpu`]'s.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

pub mod collective;
pub mod control;
pub mod convolution;
pub mod custom;
pub mod dot;
pub mod elementwise;
pub mod index;
pub mod linalg;
pub mod places;
pub mod random;
pub mod reduce;
pub mod scalar;
pub mod shape;
pub mod sort;
pub mod window;

use choral_ir::{Op, Tensor, TensorType};

use crate::error::Error;

/// The results of an op on operands that satisfy its type rule; `types` are the results' types.
///
/// # Errors
/// Only if a tensor does not hold what its type says.
pub fn evaluate(op: &Op, operands: &[&Tensor], types: &[TensorType]) -> Result<Vec<Tensor>, Error> {
    match op.accumulating() {
        Some(wide) => accumulated(operands, types, |operands, types| {
            by_family(&wide, &operands.iter().collect::<Vec<_>>(), types)
        }),
        None => by_family(op, operands, types),
    }
}

/// What a fold makes of its operands in the types that they accumulate in, rounded to its results'.
pub(crate) fn accumulated(
    operands: &[&Tensor],
    types: &[TensorType],
    fold: impl FnOnce(Vec<Tensor>, &[TensorType]) -> Result<Vec<Tensor>, Error>,
) -> Result<Vec<Tensor>, Error> {
    let operands = operands.iter().map(|operand| operand.to_dtype(operand.dtype().accumulator())).collect();
    let wide: Vec<TensorType> = types.iter().map(|ty| ty.with_dtype(ty.dtype.accumulator())).collect();
    let results = fold(operands, &wide)?;
    Ok(results.iter().zip(types).map(|(result, ty)| result.to_dtype(ty.dtype)).collect())
}

fn by_family(op: &Op, operands: &[&Tensor], types: &[TensorType]) -> Result<Vec<Tensor>, Error> {
    match op {
        Op::Elementwise(op) => elementwise::evaluate(op, operands).map(|result| vec![result]),
        Op::Shape(op) => shape::evaluate(op, operands, &types[0]).map(|result| vec![result]),
        Op::Dot(op) => dot::evaluate(op, operands[0], operands[1], &types[0]).map(|result| vec![result]),
        Op::Convolution(op) => {
            convolution::evaluate(op, operands[0], operands[1], &types[0]).map(|result| vec![result])
        }
        Op::Reduce(op) => reduce::evaluate(op, operands, types),
        Op::Window(op) => window::evaluate(op, operands, types),
        Op::Index(op) => index::evaluate(op, operands, types),
        Op::Sort(op) => sort::evaluate(op, operands, types),
        Op::Linalg(op) => linalg::evaluate(op, operands, &types[0]).map(|result| vec![result]),
        Op::Control(op) => control::evaluate(op, operands, types),
        Op::Random(op) => random::evaluate(op, operands[0], types),
        Op::Collective(op) => collective::evaluate(op),
        Op::Custom(op) => custom::evaluate(op, operands, types),
    }
}
