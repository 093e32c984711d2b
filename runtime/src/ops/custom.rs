//! Ops of users' own: by their body, or by the code that they bring.

use choral_ir::op::Custom;
use choral_ir::{Tensor, TensorType};

use crate::error::Error;
use crate::reference;

/// The results of an op.
///
/// # Errors
/// The op's own; also if its results are not of the types that it promised.
pub fn evaluate(op: &Custom, operands: &[&Tensor], types: &[TensorType]) -> Result<Vec<Tensor>, Error> {
    let operands: Vec<Tensor> = operands.iter().map(|&operand| operand.clone()).collect();
    if let Some(body) = op.op().body() {
        return reference::evaluate(body, &operands);
    }
    let failure = |message: String| Error::Custom { op: op.op().name(), message };
    let results = op.op().evaluate(&operands).map_err(failure)?;
    let made: Vec<TensorType> = results.iter().map(|result| result.ty().clone()).collect();
    if made == types { Ok(results) } else { Err(failure(format!("made {made:?}, promised {types:?}"))) }
}
