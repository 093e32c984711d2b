//! Functions that carry their own rules: for many members, and for derivatives.
//!
//! | file | holds |
//! |---|---|
//! | `vmap.rs` | functions with their own batching rule |
//! | `jvp.rs`, `vjp.rs` | functions with their own rule for tangents, or for cotangents |
//! | `stop.rs` | values that count as constants |
//! | `remat.rs` | functions that are computed again on the way back |
//! | `derived.rs` | the op that all with a derivative of their own become |
//! | `members.rs` | that op for many members |
//! | `tangents.rs` | the op that stands for the tangents of a rule for cotangents |
//!
//! A rule is said where a function is made, and traced with it; it stays with the function under `vmap`, and is written
//! out once no transform asks for it any more. User-defined ops, with type rule and evaluation, are
//! [`choral_ir::op::CustomOp`].

mod derived;
mod jvp;
mod members;
mod remat;
mod stop;
mod tangents;
mod vjp;
mod vmap;

use choral_ir::{BuildError, Builder, Graph, Location, TensorType, Value};

pub use jvp::{CustomJvp, custom_jvp};
pub use remat::{Remat, remat, scan_remat};
pub use stop::stop_gradient;
pub use vjp::{CustomVjp, custom_vjp};
pub use vmap::{CustomVmap, custom_vmap};

use crate::front::error::{Error, TraceError, TraceFault};
use crate::front::trace::function::{self, Function, OutputTypes, TracedOn};
use crate::front::trace::var::Var;
use crate::front::tree::{Leaf, Path, Tree};
use crate::transform::between::any_in;
use crate::transform::views;

/// The results of `F` on arguments `A`.
type Results<F, A> = <OutputTypes<F, <A as Tree<Var>>::With<Var>> as Tree<TensorType>>::With<Var>;

/// A structure as a rule gets it, with values of its own.
type Given<A> = <<A as Tree<Var>>::With<TensorType> as Tree<TensorType>>::With<Var>;

/// The types of the results of an op that has this body.
fn types_of_results(body: &Graph, operands: &[&TensorType]) -> Result<Vec<TensorType>, String> {
    let fits = body.input_types().iter().eq(operands.iter().copied());
    fits.then(|| body.output_types()).ok_or_else(|| "the function was traced on other types".to_owned())
}

/// Operands with the members first, and which of them have members.
fn members_first(
    builder: &mut Builder,
    operands: &[(Value, Option<usize>)],
) -> Result<(Vec<Value>, Vec<bool>), BuildError> {
    let mut values = Vec::with_capacity(operands.len());
    for &(value, dim) in operands {
        values.push(dim.map_or(Ok(value), |dim| views::move_dim(builder, value, dim, 0))?);
    }
    Ok((values, operands.iter().map(|(_, dim)| dim.is_some()).collect()))
}

/// What a function with rules is called, and where it was made.
#[derive(Clone, Copy)]
struct Own<'a> {
    name: &'static str,
    location: &'a Location,
}

impl Own<'_> {
    /// The graph of a function that depends on its arguments alone; `part` is what errors call it.
    #[track_caller]
    fn traced<T: Leaf, A: Tree<T>, F: Function<A::With<Var>>>(
        self,
        part: &str,
        function: &F,
        args: &A,
        ty: impl FnMut(&Path, &T) -> TensorType,
    ) -> Result<TracedOn<F, T, A>, Error> {
        let traced = function::trace_as(function, args, ty)?;
        if !traced.captures.is_empty() {
            let message = format!("the {part} captures values from outside; pass them as arguments");
            return Err(self.fault(&message));
        }
        if any_in(&traced.graph, &|_| true) {
            let message = format!(
                "the {part} is along an axis of a vmap around it, of which its rule cannot know; compute outside it \
                 what depends on the axis (its index, sums, draws by members)"
            );
            return Err(self.fault(&message));
        }
        Ok(traced)
    }

    fn fault(self, message: &str) -> Error {
        let message = format!("{}: {message}", self.name);
        TraceError { faults: vec![TraceFault { message, location: self.location.clone() }] }.into()
    }

    /// Fails unless a rule returns values of these types.
    fn check(self, rule: &str, what: &str, graph: &Graph, expected: &[TensorType]) -> Result<(), Error> {
        let got = graph.output_types();
        if got == expected {
            return Ok(());
        }
        let list =
            |types: &[TensorType]| types.iter().map(TensorType::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("the {rule} must return {what}, [{}], got [{}]", list(expected), list(&got));
        Err(self.fault(&message))
    }
}
