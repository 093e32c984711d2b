//! Foreign ops that stand for several choral ops, or for one on other operands.
//!
//! Each is a small function from a call to values, or to the call that it stands for; tables say which is
//! whose. Must not live here: how
//! calls are spelled, and ops that are one choral op ([`super::resolve`]).

mod broadcast;
mod contraction;
mod expansion;
mod lapack;
mod library;
mod normalization;
mod selection;

pub(super) use expansion::Expansion;

use super::call::{Call, Reason, plain};
use crate::Builder;
use crate::graph::Value;
use expansion::ToValues;

/// Ops of StableHLO, its former versions and its client's dialect, without their dialect.
const OPS: [(&str, ToValues); 10] = [
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
const SHARDINGS: [(&str, ToValues); 6] = [
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
    let named = |table: &[(&str, ToValues)], name: &str| {
        table.iter().find(|(known, _)| *known == name).map(|(_, expansion)| *expansion)
    };
    let plain = plain(call.name);
    let expansion = plain.and_then(|name| named(&OPS, name)).or_else(|| named(&SHARDINGS, call.name));
    let broadcasts = call.name.starts_with("chlo.broadcast_");
    let implicit = broadcasts.then_some(Expansion::Call(broadcast::implicit));
    Ok(expansion.map(Expansion::Values).or(implicit))
}

/// Operands, returned unchanged: types say whether each result can be one.
fn same(_builder: &mut Builder, call: Call<'_>) -> Result<Vec<Value>, Reason> {
    Ok(call.operands)
}

fn nothing(_builder: &mut Builder, _call: Call<'_>) -> Result<Vec<Value>, Reason> {
    Ok(Vec::new())
}
