//! User-defined ops: by their body, or by their own code.

use choral_ir::op::Custom;
use choral_ir::{Tensor, TensorType};

use super::bodies::RunBody;
use crate::error::Error;

/// The results of an op.
///
/// # Errors
/// Those of `run` and the op's own; also if its results are not of the types that it promised.
pub fn evaluate(
    op: &Custom,
    operands: &[Tensor],
    types: &[TensorType],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    if op.op().body().is_some() {
        return run(0, operands);
    }
    let failure = |message: String| Error::Custom { op: op.op().name(), message };
    let results = op.op().evaluate(operands).map_err(failure)?;
    if results.iter().map(Tensor::ty).eq(types) {
        return Ok(results);
    }
    let listed = |types: &mut dyn Iterator<Item = &TensorType>| {
        types.map(TensorType::to_string).collect::<Vec<_>>().join(", ")
    };
    let (made, promised) = (listed(&mut results.iter().map(Tensor::ty)), listed(&mut types.iter()));
    Err(failure(format!("made ({made}), promised ({promised})")))
}
