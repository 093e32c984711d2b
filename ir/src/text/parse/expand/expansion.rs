//! What all expansions share: what one is, and what it asks of its call.

use super::super::attributes::Attributes;
use super::super::call::{Call, Reason};
use crate::graph::Value;
use crate::{Builder, TensorType};

/// What a call stands for.
pub(in super::super) enum Expansion {
    /// Values.
    Values(ToValues),
    /// Another call, which is read in its place.
    Call(ToCall),
}

pub(super) type ToValues = fn(&mut Builder, Call<'_>) -> Result<Vec<Value>, Reason>;
pub(super) type ToCall = for<'a> fn(&mut Builder, Call<'a>) -> Result<Call<'a>, Reason>;

/// So many operands.
pub(super) fn operands<const N: usize>(call: &Call<'_>) -> Result<[Value; N], Reason> {
    let found = call.operands.len();
    <[Value; N]>::try_from(call.operands.as_slice())
        .map_err(|_| Reason::Said(format!("expected {N} operands, found {found}")))
}

pub(super) fn type_of(builder: &Builder, value: Value) -> TensorType {
    builder.graph().ty(value).clone()
}

/// The settings of a call: a dictionary, under today's name or the older one.
pub(super) fn config<'a>(call: &mut Call<'a>) -> Result<Attributes<'a>, String> {
    let settings = call.attributes.record(&["mhlo.backend_config"])?;
    match settings == Attributes::default() {
        true => call.attributes.record(&["backend_config"]),
        false => Ok(settings),
    }
}
