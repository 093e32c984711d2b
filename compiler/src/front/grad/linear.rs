//! Linear functions of values: what `linearize` and `vjp` return.

use std::panic::Location as Caller;

use choral_ir::{Graph, TensorType};

use super::error::Given;
use super::subject::{check_given, other_number};
use crate::front::error::Error;
use crate::front::trace::function::{self, Function};
use crate::front::trace::user_location;
use crate::front::trace::var::Var;
use crate::front::tree::{Tree, leaves, rebuild};

/// A linear function from values like `X` to values like `Y`, inside the trace that made it: it may be applied many
/// times, mapped, and differentiated.
#[derive(Debug, Clone)]
pub struct LinearMap<X, Y> {
    pub(super) what: &'static str,
    /// What it takes, as errors call it.
    pub(super) given: Given,
    /// Takes the values, then the residuals.
    pub(super) graph: Graph,
    /// What it needs of the function that it belongs to.
    pub(super) residuals: Vec<Var>,
    pub(super) takes: X,
    pub(super) returns: Y,
}

impl<C, X, Y> Function<C> for LinearMap<X, Y>
where
    C: Tree<Var>,
    X: Tree<TensorType>,
    Y: Tree<TensorType>,
{
    type Output = Y::With<Var>;

    #[track_caller]
    fn apply(&self, args: C) -> Result<Self::Output, Error> {
        let at = Caller::caller();
        check_given(self.what, self.given, &leaves(&self.takes), &args)
            .map_err(|error| Error::from(error).at(user_location(at)))?;
        let arguments = leaves(&args);
        let operands: Vec<&Var> = arguments.iter().map(|(_, var)| var).chain(&self.residuals).collect();
        let missing = || other_number(self.what).at(user_location(at));
        let values = function::inline(&self.graph, &operands, at).ok_or_else(missing)?;
        rebuild(&self.returns, &values).ok_or_else(missing)
    }
}
