//! Rules of elementwise ops.
//!
//! | file | holds |
//! |---|---|
//! | `elementwise.rs` | batching, one rule for the whole family, and transposition of what is linear |
//! | `tangent.rs` | tangents: which operand's tangent counts, and what it is multiplied by |
//! | `derivative.rs` | the derivative of each function of one operand |

mod bessel;
mod derivative;
mod tangent;

use choral_ir::op::{Binary, Elementwise, Transposed, Unary};
use choral_ir::{BuildError, Builder, Value};

use crate::transform::dual::{Dual, is_linear, known, not_linear, through_mask, zeros_like};
use crate::transform::lane::{Lane, MappedBuilder};

/// The same op on operands that all carry the member dimension at one place.
pub(crate) fn batch(
    cx: &mut MappedBuilder,
    op: &Elementwise,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (values, at) = cx.aligned(lanes)?;
    cx.mapped(op.clone(), &values, at)
}

/// The result and its tangent.
pub(crate) fn jvp(builder: &mut Builder, op: &Elementwise, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    Ok(vec![tangent::jvp(builder, op, duals)?])
}

/// As [`jvp`], of a maximum that is part of `max(a, b) + log(1 + e^-|a - b|)`: it is smooth where both are equal.
pub(crate) fn jvp_in_logaddexp(builder: &mut Builder, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    Ok(vec![tangent::halved(builder, duals)?])
}

/// The ops that are linear: sums, products and quotients by what is known, choices by a known predicate, other
/// float types.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &Elementwise,
    operands: &[Transposed],
    cotangent: Value,
) -> Result<Vec<Option<Value>>, BuildError> {
    match op {
        Elementwise::Unary(Unary::Negate) => {
            let back =
                through_mask(builder, cotangent, |builder, value| builder.unary(Unary::Negate, value))?;
            Ok(vec![Some(back)])
        }
        Elementwise::Binary(Binary::Add) => {
            Ok(operands.iter().map(|operand| is_linear(operand).then_some(cotangent)).collect())
        }
        Elementwise::Binary(Binary::Subtract) => {
            let negative = match is_linear(&operands[1]) {
                true => Some(through_mask(builder, cotangent, |builder, value| {
                    builder.unary(Unary::Negate, value)
                })?),
                false => None,
            };
            Ok(vec![is_linear(&operands[0]).then_some(cotangent), negative])
        }
        Elementwise::Binary(Binary::Multiply) => {
            let at = usize::from(is_linear(&operands[1]));
            let factor = known(&op.clone().into(), &operands[1 - at])?;
            let back = through_mask(builder, cotangent, |builder, value| {
                builder.binary(Binary::Multiply, value, factor)
            })?;
            Ok(if at == 0 { vec![Some(back), None] } else { vec![None, Some(back)] })
        }
        Elementwise::Binary(Binary::Divide) => {
            let divisor = known(&op.clone().into(), &operands[1])?;
            let back = through_mask(builder, cotangent, |builder, value| {
                builder.binary(Binary::Divide, value, divisor)
            })?;
            Ok(vec![Some(back), None])
        }
        Elementwise::Select => {
            let predicate = known(&op.clone().into(), &operands[0])?;
            let zeros = zeros_like(builder, cotangent);
            let on_true = match is_linear(&operands[1]) {
                true => Some(builder.select(predicate, cotangent, zeros)?),
                false => None,
            };
            let on_false = match is_linear(&operands[2]) {
                true => Some(builder.select(predicate, zeros, cotangent)?),
                false => None,
            };
            Ok(vec![None, on_true, on_false])
        }
        Elementwise::Convert(_) => {
            let Transposed::Linear(ty) = &operands[0] else { return Ok(vec![None]) };
            let back = through_mask(builder, cotangent, |builder, value| builder.as_dtype(value, ty.dtype))?;
            Ok(vec![Some(back)])
        }
        Elementwise::ReducePrecision(_) => {
            let back = through_mask(builder, cotangent, |builder, value| builder.push(op.clone(), &[value]))?;
            Ok(vec![Some(back)])
        }
        Elementwise::Unary(_) | Elementwise::Binary(_) | Elementwise::Compare(_) | Elementwise::Clamp => {
            Err(not_linear(&op.clone().into()))
        }
    }
}
