//! Rules of user-defined ops: each brings its own. One with a body is differentiated by that, unless it says that it
//! has a derivative of its own.

use choral_ir::op::{Custom, Transposed};
use choral_ir::{BuildError, Builder, Graph, TensorType, TypeError, Value};

use crate::transform::differentiate::{backward, forward, split};
use crate::transform::dual::{Dual, is_linear, type_of, values};
use crate::transform::lane::Lane::{Mapped, Shared};
use crate::transform::lane::{Lane, MappedBuilder};

/// The op's own rule, whose results must be those of the op for every member.
pub(crate) fn batch(cx: &mut MappedBuilder, op: &Custom, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let operands: Vec<_> = lanes.iter().map(|lane| (lane.value(), lane.dim())).collect();
    let results = op.op().batch(&mut cx.builder, cx.size, &operands)?;
    check(cx, op, lanes, &results).map_err(|message| {
        let values: Vec<Value> = operands.iter().map(|(value, _)| *value).collect();
        let message = format!("its batching rule {message}");
        cx.builder.refusal(&op.clone().into(), &values, TypeError { message, constraint: "batch" })
    })?;
    let lane = |(value, dim): (_, Option<usize>)| dim.map_or(Shared(value), |dim| Mapped(value, dim));
    Ok(results.into_iter().map(lane).collect())
}

/// Fails unless the results are of the types that the op has for one member, and hold the members
/// where the rule says.
fn check(
    cx: &MappedBuilder,
    op: &Custom,
    lanes: &[Lane],
    results: &[(Value, Option<usize>)],
) -> Result<(), String> {
    let operands: Vec<TensorType> = lanes.iter().map(|&lane| of_one_member(cx, lane)).collect();
    let expected = op.op().infer(&operands.iter().collect::<Vec<_>>())?;
    if results.len() != expected.len() {
        return Err(format!("returns {} results, but the op has {}", results.len(), expected.len()));
    }
    for (number, (&(value, dim), expected)) in results.iter().zip(&expected).enumerate() {
        let Some(got) = cx.builder.graph().find_type(value) else {
            return Err(format!("returns result {number}, which is not a value of its builder"));
        };
        if Some(got) != over_members(expected, dim, cx.size).as_ref() {
            let place = match dim {
                None => "shared".to_owned(),
                Some(at) => format!("members at dimension {at}"),
            };
            let size = cx.size;
            return Err(format!(
                "returns result {number} as {got}, {place}; one member's is {expected}, and there are {size} members"
            ));
        }
    }
    Ok(())
}

fn of_one_member(cx: &MappedBuilder, lane: Lane) -> TensorType {
    let mut ty = cx.ty(lane.value()).clone();
    if let Some(at) = lane.dim() {
        ty.shape.remove(at);
    }
    ty
}

/// The type with this many members at a dimension, if it is valid.
fn over_members(ty: &TensorType, dim: Option<usize>, members: usize) -> Option<TensorType> {
    let mut ty = ty.clone();
    match dim {
        Some(at) if at > ty.rank() => return None,
        Some(at) => ty.shape.insert(at, members),
        None => {}
    }
    Some(ty)
}

/// By the op's body, or by its own rule, whose results must be of the op's types.
pub(crate) fn jvp(builder: &mut Builder, op: &Custom, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    if let Some(body) = body(op) {
        return forward::outputs(builder, body, duals);
    }
    let operands: Vec<_> = duals.iter().map(|dual| (dual.value, dual.tangent)).collect();
    let results = op.op().jvp(builder, &operands)?;
    let expected = types(builder, op, &values(duals))?;
    let mut told = results.len() == expected.len();
    for ((value, tangent), expected) in results.iter().zip(&expected) {
        let has_type = |value: &Value| builder.graph().find_type(*value) == Some(expected);
        told &= has_type(value) && tangent.as_ref().is_none_or(has_type);
    }
    if !told {
        let got: Vec<_> = results.iter().flat_map(|(value, tangent)| [Some(*value), *tangent]).collect();
        let message = format!(
            "its rule `jvp` must return for each of {} a value of that type, and a tangent of it or None; it returns {}",
            list(&expected),
            list_of(builder, &got)
        );
        return Err(refusal(builder, op, &values(duals), message));
    }
    let dual = |(value, tangent): (Value, Option<Value>)| {
        let is_float = builder.graph().ty(value).dtype.is_float();
        Dual { value, tangent: tangent.filter(|_| is_float) }
    };
    Ok(results.into_iter().map(dual).collect())
}

/// By the op's body, or by its own rule, whose results must be of the operands' types.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &Custom,
    operands: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    if let Some(body) = body(op) {
        let linear: Vec<bool> = operands.iter().map(is_linear).collect();
        return backward::cotangents(builder, &split::split(body, &linear)?.graph, operands, cotangents);
    }
    let back = op.op().transpose(builder, operands, cotangents)?;
    let expected: Vec<TensorType> = operands.iter().map(|operand| type_of(builder, operand)).collect();
    let fits = |(cotangent, expected): (&Option<Value>, &TensorType)| {
        cotangent.is_none_or(|value| builder.graph().find_type(value) == Some(expected))
    };
    if back.len() != expected.len() || !back.iter().zip(&expected).all(fits) {
        let message = format!(
            "its rule `transpose` must return for each of the operands {} a cotangent of that type, or None; it \
             returns {}",
            list(&expected),
            list_of(builder, &back)
        );
        return Err(refusal(builder, op, &[], message));
    }
    Ok(back)
}

/// What an op is differentiated by, unless by a rule of its own.
fn body(op: &Custom) -> Option<&Graph> {
    op.op().body().filter(|_| !op.op().has_derivative())
}

/// The types of the op's results.
fn types(builder: &Builder, op: &Custom, operands: &[Value]) -> Result<Vec<TensorType>, BuildError> {
    let types: Vec<&TensorType> = operands.iter().map(|&value| builder.graph().ty(value)).collect();
    op.op().infer(&types).map_err(|message| refusal(builder, op, operands, message))
}

fn refusal(builder: &Builder, op: &Custom, operands: &[Value], message: String) -> BuildError {
    builder.refusal(&op.clone().into(), operands, TypeError { message, constraint: "rule" })
}

fn list(types: &[TensorType]) -> String {
    format!("[{}]", types.iter().map(TensorType::to_string).collect::<Vec<_>>().join(", "))
}

/// The types of values that may not be there, or not in this graph.
fn list_of(builder: &Builder, values: &[Option<Value>]) -> String {
    let name = |value: &Option<Value>| match value {
        Some(value) => builder.graph().find_type(*value).map_or("no value".to_owned(), TensorType::to_string),
        None => "None".to_owned(),
    };
    format!("[{}]", values.iter().map(name).collect::<Vec<_>>().join(", "))
}
