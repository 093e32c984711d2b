//! A call: an op as a text spells it, and what every reading of one asks for. Must not live here: how calls are
//! written ([`super::statement`]), and what they mean ([`super::meaning`]).

use super::attributes::{Attribute, Attributes};
use super::scope::Region;
use super::types::Signature;
use crate::BuildError;
use crate::graph::Value;

/// An op as the text spells it.
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    pub(super) operands: Vec<Value>,
    pub(super) attributes: Attributes<'a>,
    pub(super) regions: Vec<Region>,
    pub(super) signature: Signature,
}

/// The attribute of a custom call that says what it calls.
pub(super) const TARGET: &str = "call_target_name";

/// The name without its dialect, for ops of StableHLO, its former version and its client's dialect. An op
/// may move from one to another, so that a name means the same in each.
pub(super) fn plain(name: &str) -> Option<&str> {
    name.split_once('.')
        .filter(|(dialect, _)| ["stablehlo", "chlo", "mhlo"].contains(dialect))
        .map(|(_, name)| name)
}

/// Why a call has no meaning.
pub(super) enum Reason {
    /// A sentence about the call.
    Said(String),
    /// What the builder says of an op.
    Built(BuildError),
}

impl From<String> for Reason {
    fn from(message: String) -> Reason {
        Reason::Said(message)
    }
}

impl From<&str> for Reason {
    fn from(message: &str) -> Reason {
        Reason::Said(message.to_owned())
    }
}

impl From<BuildError> for Reason {
    fn from(error: BuildError) -> Reason {
        Reason::Built(error)
    }
}

/// The function whose body a call stands for.
pub(super) fn called_function<'a>(call: &mut Call<'a>) -> Result<Option<&'a str>, String> {
    match (call.name, plain(call.name)) {
        ("func.call", _) => call.attributes.word(&["callee"]).map(Some),
        (_, Some("composite")) => call.attributes.word(&["decomposition"]).map(Some),
        _ => Ok(None),
    }
}

/// The functions that a call takes as regions.
pub(super) fn computations<'a>(call: &mut Call<'a>) -> Result<Vec<&'a str>, String> {
    if plain(call.name) != Some("custom_call") {
        return Ok(Vec::new());
    }
    call.attributes.read_or(&["called_computations"], Vec::new(), |value| {
        value.items()?.iter().map(Attribute::word).collect()
    })
}
