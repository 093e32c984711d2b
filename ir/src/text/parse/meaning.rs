//! From a spelled call to nodes of the graph: a constant, one op, or several.

use super::attributes::Attribute;
use super::call::{Call, Reason, TARGET, plain};
use super::dense;
use super::expand::{self, Expansion};
use super::resolve;
use crate::graph::Value;
use crate::op::{ControlOp, Elementwise};
use crate::{BuildError, Builder, Op, Tensor, TensorType};

/// The results of a call, whose nodes join the graph.
pub(super) fn build(builder: &mut Builder, call: Call<'_>) -> Result<Vec<Value>, String> {
    let name = call.name;
    let target = call.attributes.peek_word(TARGET).map_or_else(String::new, |target| format!(" @{target}"));
    values(builder, call).map_err(|reason| match reason {
        Reason::Said(message) => format!("{name}{target}: {message}"),
        Reason::Built(error) => error.message(),
    })
}

/// As [`build`]: an op that stands for several choral ops is expanded, and any other is one node.
fn values(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    loop {
        if let Some(constant) = constant(&mut call) {
            let (tensor, ty) = constant?;
            return Ok(vec![push_constant(builder, &tensor, &ty)]);
        }
        match expand::of(&call)? {
            Some(Expansion::Values(expand)) => return expand(builder, call),
            Some(Expansion::Call(other)) => call = other(builder, call)?,
            None => return one_op(builder, call),
        }
    }
}

fn one_op(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let operands = call.operands.len();
    let op = resolve::op(&mut call)?;
    let carried = match &op {
        Op::Control(ControlOp::While(_)) => call.operands.len() - operands,
        _ => 0,
    };
    let operands = spread(builder, &op, &call)?;
    let mut results = builder.push_all(op, &operands)?;
    // What a `while` only reads is carried, but not among the results of the text.
    results.truncate(results.len() - carried);
    Ok(results)
}

/// The constant that a call in generic form stands for, if it stands for one.
fn constant(call: &mut Call<'_>) -> Option<Result<(Tensor, TensorType), String>> {
    if !matches!(plain(call.name), Some("constant" | "constant_like")) {
        return None;
    }
    let ty = call.signature.results.first()?.clone();
    let literal = match call.attributes.take(&["value"]) {
        Some(Attribute::Dense(tensor, _)) => return Some(Ok((tensor, ty))),
        Some(Attribute::Integer(value)) => Some(value.to_string()),
        Some(Attribute::Word(word)) => Some(word.to_owned()),
        Some(Attribute::Boolean(value)) => Some(value.to_string()),
        Some(other @ (Attribute::List(_) | Attribute::Record(_) | Attribute::Unread(_))) => {
            return Some(Err(other.not("a literal")));
        }
        None => None,
    };
    let tensor = literal.and_then(|literal| dense::scalar(ty.dtype, &literal));
    Some(
        tensor
            .map(|tensor| (tensor, ty))
            .ok_or_else(|| "expected the attribute `value` with a literal".to_owned()),
    )
}

/// StableHLO lets the predicate of `select` and the bounds of `clamp` be scalars; here they are repeated.
fn spread(builder: &mut Builder, op: &Op, call: &Call<'_>) -> Result<Vec<Value>, BuildError> {
    let takes_scalars = matches!(op, Op::Elementwise(Elementwise::Select | Elementwise::Clamp));
    let shape = call.signature.results.first().map(|ty| ty.shape.clone()).unwrap_or_default();
    let mut operands = Vec::with_capacity(call.operands.len());
    for &value in &call.operands {
        let scalar = builder.graph().ty(value).rank() == 0;
        let repeat = takes_scalars && scalar && !shape.is_empty();
        operands.push(if repeat { builder.broadcast_in_dim(value, shape.clone(), vec![])? } else { value });
    }
    Ok(operands)
}

/// Adds a constant; a scalar of a larger type stands for all elements.
pub(super) fn push_constant(builder: &mut Builder, tensor: &Tensor, ty: &TensorType) -> Value {
    if tensor.ty() == ty {
        builder.constant(tensor.clone())
    } else {
        builder.splat(tensor.clone(), ty.shape.clone())
    }
}
