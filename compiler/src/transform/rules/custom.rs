//! Batching user-defined ops: each brings its rule.

use choral_ir::op::Custom;
use choral_ir::{BuildError, TensorType, TypeError, Value};

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

pub(crate) fn jvp(
    builder: &mut choral_ir::Builder,
    op: &choral_ir::op::Custom,
    duals: &[crate::transform::dual::Dual],
) -> Result<Vec<crate::transform::dual::Dual>, BuildError> {
    let values = crate::transform::dual::values(duals);
    Err(crate::transform::dual::refused(builder, &op.clone().into(), &values, "STUB"))
}

pub(crate) fn transpose(
    builder: &mut choral_ir::Builder,
    op: &choral_ir::op::Custom,
    _operands: &[choral_ir::op::Transposed],
    _cotangents: &[Option<choral_ir::Value>],
) -> Result<Vec<Option<choral_ir::Value>>, BuildError> {
    Err(crate::transform::dual::refused(builder, &op.clone().into(), &[], "STUB"))
}
