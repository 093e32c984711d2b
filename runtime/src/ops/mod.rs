//! What each op means: one file per family, every result element computed by its definition.
//!
//! Must not live here: optimisations; those are the kernels' (`choral_kernels`).
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

pub mod bodies;
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

pub use bodies::{RunBody, bodies};

use crate::error::Error;

/// The results of an op on operands that satisfy its type rule; `types` are the results' types, and `run`
/// runs its [`bodies()`]. What [accumulates](Op::accumulating) in a wider type is for [`accumulate`].
///
/// # Errors
/// Those of `run` and of user-defined ops; that of a tensor that does not hold what its type says.
pub fn evaluate(
    op: &Op,
    operands: Vec<Tensor>,
    types: &[TensorType],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    let given: Vec<&Tensor> = operands.iter().collect();
    match op {
        Op::Elementwise(op) => elementwise::evaluate(op, &given).map(|result| vec![result]),
        Op::Shape(op) => shape::evaluate(op, &given, &types[0]).map(|result| vec![result]),
        Op::Dot(op) => dot::evaluate(op, given[0], given[1], &types[0]).map(|result| vec![result]),
        Op::Convolution(op) => {
            convolution::evaluate(op, given[0], given[1], &types[0]).map(|result| vec![result])
        }
        Op::Reduce(op) => reduce::evaluate(op, &given, types, run),
        Op::Window(op) => window::evaluate(op, &given, types, run),
        Op::Index(op) => index::evaluate(op, &given, types, run),
        Op::Sort(op) => sort::evaluate(op, &given, types, run),
        Op::Linalg(op) => linalg::evaluate(op, &given, &types[0]).map(|result| vec![result]),
        Op::Control(op) => control::evaluate(op, operands, types, run),
        Op::Random(op) => random::evaluate(op, given[0], types),
        Op::Collective(op) => collective::evaluate(op),
        Op::Custom(op) => custom::evaluate(op, &operands, types, run),
    }
}

/// The results of a fold that accumulates in a wider type: `wide` is [the op there](Op::accumulating), and
/// what it makes is rounded once to the types of the results.
///
/// # Errors
/// As [`evaluate`].
pub fn accumulate(
    wide: &Op,
    operands: &[Tensor],
    types: &[TensorType],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    let operands = operands.iter().map(|operand| operand.to_dtype(operand.dtype().accumulator())).collect();
    let accumulators: Vec<TensorType> =
        types.iter().map(|ty| ty.with_dtype(ty.dtype.accumulator())).collect();
    let results = evaluate(wide, operands, &accumulators, run)?;
    Ok(results.iter().zip(types).map(|(result, ty)| result.to_dtype(ty.dtype)).collect())
}
