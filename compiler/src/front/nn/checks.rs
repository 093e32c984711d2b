//! What layers check in their parameters and inputs before they compute, as PyTorch's do.
//!
//! Lives here: the questions that several layers ask. What one op demands of its operands stays with
//! the op's type rule.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::panic::Location as Caller;

use crate::front::trace::var::Var;

/// The checks of one layer on one input. Each returns whether it holds; if not, it records a
/// fault at the line that called the layer.
pub(super) struct Checks<'a> {
    layer: String,
    input: &'a Var,
    at: &'static Caller<'static>,
}

impl<'a> Checks<'a> {
    /// The checks of a layer of this type, which `parameter` belongs to.
    #[track_caller]
    pub(super) fn of(layer: impl Display, parameter: &Var, input: &'a Var) -> Checks<'a> {
        let name = parameter.module_name();
        let layer = if name.is_empty() { layer.to_string() } else { format!("{layer} %{name}") };
        Checks { layer, input, at: Caller::caller() }
    }

    /// The checks of a layer of this type without parameters.
    #[track_caller]
    pub(super) fn without_parameters(layer: impl Display, input: &'a Var) -> Checks<'a> {
        Checks { layer: layer.to_string(), input, at: Caller::caller() }
    }

    /// The checks of a layer of this type, which the parameter belongs to where the layer has it.
    #[track_caller]
    pub(super) fn of_optional(layer: impl Display, parameter: Option<&Var>, input: &'a Var) -> Checks<'a> {
        match parameter {
            Some(parameter) => Checks::of(layer, parameter, input),
            None => Checks::without_parameters(layer, input),
        }
    }

    /// Whether the condition holds. A stand-in comes from an earlier fault: one report is enough.
    pub(super) fn ensure(&self, holds: bool, message: impl FnOnce() -> String) -> bool {
        let known = self.input.value.is_some();
        if known && !holds {
            self.input.trace.fault(format!("{}: {}", self.layer, message()), self.at);
        }
        known && holds
    }

    /// Whether the input has this many dimensions; `meaning` says what they are.
    pub(super) fn rank(&self, ranks: RangeInclusive<usize>, meaning: &str) -> bool {
        let rank = self.input.rank();
        self.ensure(ranks.contains(&rank), || {
            format!("expected an input of {meaning}, got {}", self.input.ty())
        })
    }

    /// Whether the input has this many channels in a dimension that it has.
    pub(super) fn channels(&self, dim: usize, count: usize) -> bool {
        self.ensure(self.input.shape()[dim] == count, || {
            format!("expected {count} channels in dimension {dim}, got {}", self.input.ty())
        })
    }

    /// Whether the state, where the layer has it, has this shape.
    pub(super) fn shapes<'v>(
        &self,
        shape: &[usize],
        state: impl IntoIterator<Item = (&'v str, Option<&'v Var>)>,
    ) -> bool {
        let fits = |(name, var): (&str, Option<&Var>)| {
            let Some(var) = var.filter(|var| var.value.is_some()) else { return true };
            self.ensure(var.shape() == shape, || {
                format!("{name} must have shape {shape:?}, got {}", var.ty())
            })
        };
        state.into_iter().all(fits)
    }
}
