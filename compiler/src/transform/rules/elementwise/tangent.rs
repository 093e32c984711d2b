//! Tangents of elementwise ops: which operand's tangent counts, and what it is multiplied by.
//!
//! At kinks and ties they are those of `jax.lax`: equal operands of a maximum get half of it each, but for the
//! rectifier. Must not live here: the derivatives of functions of one operand (`derivative.rs`).

use choral_ir::op::{Binary, ComparisonDirection, Elementwise, Unary};
use choral_ir::{BuildError, Builder, Op, Value};

use super::derivative::{Derivative, derivative};
use crate::transform::dual::{Dual, full_like, is_zero, refused, sum, tangent_of, values, zeros_like};

type Tangent = Result<Option<Value>, BuildError>;

/// The result and its tangent.
pub(super) fn jvp(builder: &mut Builder, op: &Elementwise, duals: &[Dual]) -> Result<Dual, BuildError> {
    let value = builder.push(op.clone(), &values(duals))?;
    let tangent = match op {
        Elementwise::Unary(op) => unary(builder, *op, duals[0], value)?,
        Elementwise::Binary(op) => binary(builder, *op, duals[0], duals[1], value)?,
        Elementwise::Compare(_) => None,
        Elementwise::Select => select(builder, duals)?,
        Elementwise::Clamp => clamp(builder, duals)?,
        Elementwise::Convert(dtype) if dtype.is_float() => {
            duals[0].tangent.map(|tangent| builder.convert(tangent, *dtype)).transpose()?
        }
        Elementwise::Convert(_) => None,
        Elementwise::ReducePrecision(precision) => duals[0]
            .tangent
            .map(|tangent| builder.push(Elementwise::ReducePrecision(*precision), &[tangent]))
            .transpose()?,
    };
    Ok(Dual { value, tangent })
}

fn unary(builder: &mut Builder, op: Unary, operand: Dual, result: Value) -> Tangent {
    let Some(tangent) = operand.tangent else { return Ok(None) };
    Ok(match derivative(builder, op, operand.value, result)? {
        Derivative::Zero => None,
        Derivative::Linear => Some(builder.unary(op, tangent)?),
        Derivative::Times(factor) => Some(builder.binary(Binary::Multiply, tangent, factor)?),
        Derivative::Over(divisor) => Some(builder.binary(Binary::Divide, tangent, divisor)?),
    })
}

fn binary(builder: &mut Builder, op: Binary, lhs: Dual, rhs: Dual, result: Value) -> Tangent {
    match op {
        Binary::Add => sum(builder, lhs.tangent, rhs.tangent),
        Binary::Subtract => match (lhs.tangent, rhs.tangent) {
            (Some(lhs), Some(rhs)) => Ok(Some(builder.binary(Binary::Subtract, lhs, rhs)?)),
            (None, Some(rhs)) => Ok(Some(builder.unary(Unary::Negate, rhs)?)),
            (lhs, None) => Ok(lhs),
        },
        Binary::Multiply => {
            let left = times(builder, lhs.tangent, rhs.value)?;
            let right = times(builder, rhs.tangent, lhs.value)?;
            sum(builder, left, right)
        }
        Binary::Divide => {
            let left = lhs.tangent.map(|tangent| builder.binary(Binary::Divide, tangent, rhs.value));
            let left = left.transpose()?;
            let Some(tangent) = rhs.tangent else { return Ok(left) };
            let slope = builder.binary(Binary::Divide, result, rhs.value)?;
            let slope = builder.unary(Unary::Negate, slope)?;
            let right = builder.binary(Binary::Multiply, tangent, slope)?;
            sum(builder, left, Some(right))
        }
        Binary::Maximum if is_zero(builder.graph(), rhs.value) => rectifier(builder, lhs),
        Binary::Maximum if is_zero(builder.graph(), lhs.value) => rectifier(builder, rhs),
        Binary::Minimum if is_zero(builder.graph(), rhs.value) => below(builder, lhs),
        Binary::Minimum if is_zero(builder.graph(), lhs.value) => below(builder, rhs),
        Binary::Maximum | Binary::Minimum => shared(builder, lhs, rhs, result),
        Binary::Atan2 => atan2(builder, lhs, rhs),
        Binary::Power => power(builder, lhs, rhs, result),
        Binary::Remainder => remainder(builder, lhs, rhs),
        Binary::Polygamma => {
            let order = unchanging(builder, op, lhs, rhs, lhs)?;
            let Some(tangent) = rhs.tangent else { return Ok(None) };
            let one = full_like(builder, order, 1.0);
            let next = builder.binary(Binary::Add, order, one)?;
            let slope = builder.binary(Binary::Polygamma, next, rhs.value)?;
            times(builder, Some(tangent), slope)
        }
        Binary::Zeta => {
            let exponent = unchanging(builder, op, lhs, rhs, lhs)?;
            let Some(tangent) = rhs.tangent else { return Ok(None) };
            let one = full_like(builder, exponent, 1.0);
            let next = builder.binary(Binary::Add, exponent, one)?;
            let slope = builder.binary(Binary::Zeta, next, rhs.value)?;
            let negative = builder.unary(Unary::Negate, exponent)?;
            let slope = builder.binary(Binary::Multiply, negative, slope)?;
            times(builder, Some(tangent), slope)
        }
        Binary::NextAfter => {
            let message = "the next number after another is not differentiable; stop_gradient its operands";
            Err(refused(builder, &op.into(), &[lhs.value, rhs.value], message))
        }
        // Of integers and truth values, which have no tangents.
        Binary::And
        | Binary::Mulhi
        | Binary::Or
        | Binary::ShiftLeft
        | Binary::ShiftRightArithmetic
        | Binary::ShiftRightLogical
        | Binary::Xor => Ok(None),
    }
}

/// The value of an operand by which the op has no derivative.
fn unchanging(
    builder: &Builder,
    op: Binary,
    lhs: Dual,
    rhs: Dual,
    operand: Dual,
) -> Result<Value, BuildError> {
    if operand.tangent.is_none() {
        return Ok(operand.value);
    }
    let message = "it has no derivative by its first operand; stop_gradient that";
    Err(refused(builder, &Op::from(op), &[lhs.value, rhs.value], message))
}

fn times(builder: &mut Builder, tangent: Option<Value>, factor: Value) -> Tangent {
    tangent.map(|tangent| builder.binary(Binary::Multiply, tangent, factor)).transpose()
}

/// The greater of two and its tangent, of which both have half where they are equal: also beside zero, where
/// something else makes up for the kink.
pub(in crate::transform::rules) fn halved(builder: &mut Builder, duals: &[Dual]) -> Result<Dual, BuildError> {
    let value = builder.binary(Binary::Maximum, duals[0].value, duals[1].value)?;
    Ok(Dual { value, tangent: shared(builder, duals[0], duals[1], value)? })
}

/// Of the greater or the lesser of two.
fn shared(builder: &mut Builder, lhs: Dual, rhs: Dual, result: Value) -> Tangent {
    let left = share(builder, lhs, rhs.value, result)?;
    let right = share(builder, rhs, lhs.value, result)?;
    sum(builder, left, right)
}

/// Of `max(x, 0)`, which is how `relu` is written, and which is flat at 0 in JAX and PyTorch.
fn rectifier(builder: &mut Builder, x: Dual) -> Tangent {
    let Some(tangent) = x.tangent else { return Ok(None) };
    let zeros = zeros_like(builder, tangent);
    let is_positive = builder.compare(ComparisonDirection::Gt, x.value, zeros)?;
    Ok(Some(builder.select(is_positive, tangent, zeros)?))
}

/// Of `min(x, 0)`, so that `max(x, 0) + min(x, 0)` has the slope of `x`.
fn below(builder: &mut Builder, x: Dual) -> Tangent {
    let Some(tangent) = x.tangent else { return Ok(None) };
    let zeros = zeros_like(builder, tangent);
    let is_positive = builder.compare(ComparisonDirection::Gt, x.value, zeros)?;
    Ok(Some(builder.select(is_positive, zeros, tangent)?))
}

/// The tangent of an operand where it is the result, half of it where the other is, too.
fn share(builder: &mut Builder, operand: Dual, other: Value, result: Value) -> Tangent {
    let Some(tangent) = operand.tangent else { return Ok(None) };
    let is_result = builder.compare(ComparisonDirection::Eq, operand.value, result)?;
    let is_tie = builder.compare(ComparisonDirection::Eq, operand.value, other)?;
    let [none, half, one] = [0.0, 0.5, 1.0].map(|number| full_like(builder, result, number));
    let of_result = builder.select(is_tie, half, one)?;
    let factor = builder.select(is_result, of_result, none)?;
    times(builder, Some(tangent), factor)
}

/// `(x dy - y dx) / (x^2 + y^2)`, of the angle of `(x, y)`.
fn atan2(builder: &mut Builder, y: Dual, x: Dual) -> Tangent {
    let [xx, yy] = [x.value, y.value].map(|value| builder.binary(Binary::Multiply, value, value));
    let square = builder.binary(Binary::Add, xx?, yy?)?;
    let by_y = builder.binary(Binary::Divide, x.value, square)?;
    let by_x = builder.binary(Binary::Divide, y.value, square)?;
    let by_x = builder.unary(Unary::Negate, by_x)?;
    let left = times(builder, y.tangent, by_y)?;
    let right = times(builder, x.tangent, by_x)?;
    sum(builder, left, right)
}

/// `y x^(y - 1) dx + log(x) x^y dy`, with 0 for `x^0` by `x`, and for `0^y` by `y`.
fn power(builder: &mut Builder, x: Dual, y: Dual, result: Value) -> Tangent {
    let [zero, one] = [0.0, 1.0].map(|number| full_like(builder, result, number));
    let left = match x.tangent {
        Some(tangent) => {
            let is_constant = builder.compare(ComparisonDirection::Eq, y.value, zero)?;
            let exponent = builder.binary(Binary::Subtract, y.value, one)?;
            let exponent = builder.select(is_constant, one, exponent)?;
            let power = builder.binary(Binary::Power, x.value, exponent)?;
            let slope = builder.binary(Binary::Multiply, y.value, power)?;
            let slope = builder.select(is_constant, zero, slope)?;
            times(builder, Some(tangent), slope)?
        }
        None => None,
    };
    let right = match y.tangent {
        Some(tangent) => {
            let is_zero = builder.compare(ComparisonDirection::Eq, x.value, zero)?;
            let base = builder.select(is_zero, one, x.value)?;
            let log = builder.unary(Unary::Log, base)?;
            let slope = builder.binary(Binary::Multiply, log, result)?;
            times(builder, Some(tangent), slope)?
        }
        None => None,
    };
    sum(builder, left, right)
}

/// `dx - trunc(x / y) dy`.
fn remainder(builder: &mut Builder, x: Dual, y: Dual) -> Tangent {
    let Some(tangent) = y.tangent else { return Ok(x.tangent) };
    let quotient = builder.binary(Binary::Divide, x.value, y.value)?;
    let sign = builder.unary(Unary::Sign, quotient)?;
    let size = builder.unary(Unary::Abs, quotient)?;
    let size = builder.unary(Unary::Floor, size)?;
    let slope = builder.binary(Binary::Multiply, sign, size)?;
    let slope = builder.unary(Unary::Negate, slope)?;
    let right = times(builder, Some(tangent), slope)?;
    sum(builder, x.tangent, right)
}

fn select(builder: &mut Builder, duals: &[Dual]) -> Tangent {
    let (predicate, on_true, on_false) = (duals[0], duals[1], duals[2]);
    if on_true.tangent.is_none() && on_false.tangent.is_none() {
        return Ok(None);
    }
    let (on_true, on_false) = (tangent_of(builder, on_true), tangent_of(builder, on_false));
    Ok(Some(builder.select(predicate.value, on_true, on_false)?))
}

/// The operand counts strictly between the limits, a limit beyond it; of limits that are in the wrong order, the
/// upper one.
fn clamp(builder: &mut Builder, duals: &[Dual]) -> Tangent {
    use ComparisonDirection::{Gt, Le, Lt};
    let (min, operand, max) = (duals[0], duals[1], duals[2]);
    let mut total = None;
    let only_where = |builder: &mut Builder, dual: Dual, mask: Value| -> Tangent {
        let Some(tangent) = dual.tangent else { return Ok(None) };
        let zeros = zeros_like(builder, tangent);
        Ok(Some(builder.select(mask, tangent, zeros)?))
    };
    if operand.tangent.is_some() {
        let above = builder.compare(Gt, operand.value, min.value)?;
        let below = builder.compare(Lt, operand.value, max.value)?;
        let between = builder.binary(Binary::And, above, below)?;
        total = only_where(builder, operand, between)?;
    }
    if min.tangent.is_some() {
        let beyond = builder.compare(Gt, min.value, operand.value)?;
        let in_order = builder.compare(Le, min.value, max.value)?;
        let counts = builder.binary(Binary::And, beyond, in_order)?;
        let tangent = only_where(builder, min, counts)?;
        total = sum(builder, total, tangent)?;
    }
    if max.tangent.is_some() {
        let beyond = builder.compare(Lt, max.value, operand.value)?;
        let is_below_min = builder.compare(Lt, max.value, min.value)?;
        let counts = builder.binary(Binary::Or, beyond, is_below_min)?;
        let tangent = only_where(builder, max, counts)?;
        total = sum(builder, total, tangent)?;
    }
    Ok(total)
}
