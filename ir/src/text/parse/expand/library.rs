//! Custom calls whose meaning is known: ops in the form of a call, annotations, JAX's routines.

use super::super::call::{Call, Reason, TARGET, plain};
use super::super::refusal;
use super::expansion::{Expansion, ToValues, type_of};
use super::{lapack, selection};
use crate::Builder;
use crate::graph::Value;
use crate::op::custom;

/// Calls by their target.
const CALLS: [(&str, ToValues); 22] = [
    ("ApproxTopK", selection::approx_top_k),
    ("LayoutConstraint", annotation),
    ("MoveToDevice", annotation),
    ("MoveToHost", annotation),
    ("SPMDFullToShardShape", annotation),
    ("SPMDShardToFullShape", annotation),
    ("Sharding", annotation),
    ("annotate_device_placement", annotation),
    ("blas_dtrsm", lapack::trsm),
    ("blas_strsm", lapack::trsm),
    ("lapack_dpotrf", lapack::potrf),
    ("lapack_dpotrf_ffi", lapack::potrf_ffi),
    ("lapack_dtrsm", lapack::trsm),
    ("lapack_dtrsm_ffi", lapack::trsm_ffi),
    ("lapack_spotrf", lapack::potrf),
    ("lapack_spotrf_ffi", lapack::potrf_ffi),
    ("lapack_strsm", lapack::trsm),
    ("lapack_strsm_ffi", lapack::trsm_ffi),
    ("xla.sdy.FuncResultSharding", annotation),
    ("xla.sdy.GlobalToLocalShape", annotation),
    ("xla.sdy.LocalToGlobalShape", annotation),
    ("xla.sdy.PropagationBarrier", annotation),
];

/// The expansion of a custom call, if its meaning is known and no user-defined op has its name.
pub(super) fn of(call: &Call<'_>) -> Result<Option<Expansion>, String> {
    let target = call.attributes.peek_word(TARGET).unwrap_or_default();
    if custom::is_registered(target) {
        return Ok(None);
    }
    if let Some(reason) = refusal::of_op(target) {
        return Err(reason);
    }
    let known = CALLS.iter().find(|(name, _)| *name == target).map(|(_, values)| Expansion::Values(*values));
    Ok(known.or(plain(target).map(|_| Expansion::Call(op_of_another_version))))
}

/// `@mhlo.erf(%x) {mhlo.attributes = {..}, mhlo.version = 1}`: an op that StableHLO lacked when the text was
/// written. The dictionary's other entries are about the call.
fn op_of_another_version<'a>(_builder: &mut Builder, mut call: Call<'a>) -> Result<Call<'a>, Reason> {
    call.name = call.attributes.word(&[TARGET])?;
    call.attributes = call.attributes.record(&["mhlo.attributes", "stablehlo.attributes"])?;
    Ok(call)
}

/// A note for compilers. It changes no value, but may cut values into the parts of several devices.
fn annotation(builder: &mut Builder, call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let types: Vec<_> = call.operands.iter().map(|&value| type_of(builder, value)).collect();
    if types != call.signature.results {
        return Err("choral does not support values in parts on several devices".into());
    }
    Ok(call.operands)
}

/// `sdy.manual_computation`: on one device, its body.
pub(super) fn manual_computation(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let body = call.regions.pop().ok_or("expected a region")?;
    let captured = body.captures.iter().map(|capture| capture.outer);
    let operands: Vec<Value> = call.operands.iter().copied().chain(captured).collect();
    let types: Vec<_> = operands.iter().map(|&value| type_of(builder, value)).collect();
    if types != body.graph.input_types() || body.graph.output_types() != call.signature.results {
        return Err("choral does not support values in parts on several devices".into());
    }
    Ok(builder.inline(&body.graph, &operands)?)
}
