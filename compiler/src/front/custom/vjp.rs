//! Functions that carry their own rule for cotangents, as `jax.custom_vjp`.

use std::panic::Location as Caller;

use choral_ir::op::Custom;
use choral_ir::{Location, TensorType};

use super::derived::{Derived, Rule, Ways};
use super::{Given, Own, Results};
use crate::front::error::Error;
use crate::front::trace::function::{Function, IntoOutput, Traced};
use crate::front::trace::record;
use crate::front::trace::var::Var;
use crate::front::tree::{Path, Tree, leaves, rebuild};

/// A function with its own rule for cotangents; made by [`custom_vjp`].
#[derive(Debug, Clone)]
pub struct CustomVjp<F, W, B> {
    function: F,
    forward: W,
    backward: B,
    /// The user's line.
    location: Location,
}

/// `function`, whose cotangents come back by a rule instead of by its ops.
///
/// On the way out `forward` computes the results and what it wants to keep, its residuals; on the way back
/// `backward` gets the residuals and a cotangent of each result (zeros where there is none), and returns a cotangent of
/// each argument; what it returns for arguments that hold no floats is not read. None of them may capture values, and
/// such a function has no tangents.
///
/// ```
/// use choral_compiler::custom::custom_vjp;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// // The same value, whose cotangents are kept small.
/// let clipped = custom_vjp(
///     |x: Var| x,
///     |x: Var| (x, ()),
///     |(), cotangent: Var| cotangent.clamp(-1.0, 1.0),
/// );
/// let traced = trace(&clipped, &TensorType::new([3], DType::F32))?;
/// assert_eq!(traced.output, TensorType::new([3], DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn custom_vjp<F, W, B>(function: F, forward: W, backward: B) -> CustomVjp<F, W, B> {
    CustomVjp { function, forward, backward, location: Caller::caller().into() }
}

impl<A, F, W, B, P, O, S, C> Function<A> for CustomVjp<F, W, B>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
    W: Fn(A::With<Var>) -> P,
    P: IntoOutput<Output = (O, S)>,
    O: Tree<Var>,
    S: Tree<Var>,
    (O, S): Tree<Var, With<TensorType> = (O::With<TensorType>, S::With<TensorType>)>,
    B: Fn(Given<S>, Given<O>) -> C,
    C: IntoOutput,
{
    type Output = Results<F, A>;

    #[track_caller]
    fn apply(&self, args: A) -> Result<Self::Output, Error> {
        let at = Caller::caller();
        let own = Own { name: "custom_vjp", location: &self.location };
        let ty = |_: &Path, var: &Var| var.ty().clone();
        let Traced { graph, output, .. } = own.traced("function", &self.function, &args, ty)?;
        let forward = |args: A::With<Var>| (self.forward)(args);
        let forward = own.traced("forward rule", &forward, &args, ty)?;
        let (results, residuals) = &forward.output;
        let forward = forward.graph;
        let residual_types: Vec<TensorType> = leaves(residuals).into_iter().map(|(_, ty)| ty).collect();
        let expected = [graph.output_types(), residual_types].concat();
        own.check("forward rule", "the function's results, then residuals", &forward, &expected)?;
        let backward = |(residuals, cotangents): (Given<S>, Given<O>)| (self.backward)(residuals, cotangents);
        let as_it_is = |_: &Path, ty: &TensorType| ty.clone();
        let backward = own.traced("backward rule", &backward, &(residuals, results), as_it_is)?.graph;
        check_cotangents(own, &graph.input_types(), &backward)?;
        let ways = Ways { forward: forward.into(), backward: backward.into() };
        let op = Derived { body: graph.into(), rule: Rule::Vjp(ways) };
        let arguments = leaves(&args);
        let operands: Vec<&Var> = arguments.iter().map(|(_, var)| var).collect();
        let results = record(Custom::new(op).into(), &operands, at);
        rebuild(&output, &results).ok_or_else(|| own.fault("a function needs an argument"))
    }
}

/// Fails unless the rule returns a cotangent of each argument that holds floats, and something for every other.
fn check_cotangents(
    own: Own<'_>,
    arguments: &[TensorType],
    backward: &choral_ir::Graph,
) -> Result<(), Error> {
    let returned = backward.output_types();
    let or_returned = |(at, ty): (usize, &TensorType)| match returned.get(at) {
        Some(returned) if !ty.dtype.is_float() => returned.clone(),
        Some(_) | None => ty.clone(),
    };
    let expected: Vec<TensorType> = arguments.iter().enumerate().map(or_returned).collect();
    own.check("backward rule", "a cotangent of each argument", backward, &expected)
}
