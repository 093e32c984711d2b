//! Collectives: none is left once every axis is bound.

use choral_ir::op::CollectiveOp;

use crate::error::Error;

/// A collective has no meaning of its own.
///
/// # Errors
/// Always: no `vmap` bound the axis.
pub fn evaluate<T>(op: &CollectiveOp) -> Result<T, Error> {
    let axes = op.axes().iter().map(|axis| axis.to_string()).collect::<Vec<_>>().join(", ");
    Err(Error::UnboundAxis { op: op.name(), axes })
}
