//! Foreign ops that stand for several choral ops, or for one on other operands.
//!
//! Each is a small function from a call to values; the table says which is whose. Must not live here: how
//! calls are spelled, and ops that are one choral op ([`super::resolve`]).

mod broadcast;
mod contraction;
mod lapack;
mod library;
mod normalization;
mod selection;

use super::meaning::Reason;
use super::resolve::plain;
use super::statement::Call;
use crate::graph::Value;
use crate::{Builder, TensorType};

/// What a call stands for.
pub(super) type Expansion = fn(&mut Builder, Call<'_>) -> Result<Vec<Value>, Reason>;

/// Ops of StableHLO, its former versions and its client's dialect, without their dialect.
const OPS: [(&str, Expansion); 10] = [
    ("batch_norm_grad", normalization::batch_norm_grad),
    ("batch_norm_inference", normalization::batch_norm_inference),
    ("batch_norm_training", normalization::batch_norm_training),
    ("broadcast", broadcast::broadcast),
    ("conj", same),
    ("dot", contraction::dot),
    ("einsum", contraction::einsum),
    ("topk", selection::top_k),
    ("torch_index_select", selection::torch_index_select),
    ("unary_einsum", contraction::einsum),
];

/// Ops of the dialect of shardings. On one device they return their operands.
const SHARDINGS: [(&str, Expansion); 6] = [
    ("sdy.data_flow_edge", same),
    ("sdy.manual_computation", library::manual_computation),
    ("sdy.propagation_barrier", same),
    ("sdy.reshard", same),
    ("sdy.sharding_constraint", same),
    ("sdy.sharding_group", nothing),
];

/// The expansion of a call, if it has one.
pub(super) fn of(call: &Call<'_>) -> Result<Option<Expansion>, String> {
    if plain(call.name) == Some("custom_call") {
        return library::of(call);
    }
    let named = |table: &[(&str, Expansion)], name: &str| {
        table.iter().find(|(known, _)| *known == name).map(|(_, expansion)| *expansion)
    };
    let plain = plain(call.name);
    let expansion = plain.and_then(|name| named(&OPS, name)).or_else(|| named(&SHARDINGS, call.name));
    let broadcasts = call.name.strip_prefix("chlo.broadcast_").is_some();
    Ok(expansion.or(broadcasts.then_some(broadcast::implicit as Expansion)))
}

/// Operands, returned unchanged: types say whether each result can be one.
fn same(_builder: &mut Builder, call: Call<'_>) -> Result<Vec<Value>, Reason> {
    Ok(call.operands)
}

fn nothing(_builder: &mut Builder, _call: Call<'_>) -> Result<Vec<Value>, Reason> {
    Ok(Vec::new())
}

/// So many operands.
fn operands<const N: usize>(call: &Call<'_>) -> Result<[Value; N], Reason> {
    let found = call.operands.len();
    <[Value; N]>::try_from(call.operands.as_slice())
        .map_err(|_| Reason::Said(format!("expected {N} operands, found {found}")))
}

fn type_of(builder: &Builder, value: Value) -> TensorType {
    builder.graph().ty(value).clone()
}
