//! Functions that carry their own rule for tangents, as `jax.custom_jvp`.

use std::panic::Location as Caller;

use choral_ir::op::Custom;
use choral_ir::{Location, TensorType};

use super::derived::{Derived, Rule};
use super::{Own, Results};
use crate::front::error::Error;
use crate::front::trace::function::{Function, IntoOutput, Traced};
use crate::front::trace::record;
use crate::front::trace::var::Var;
use crate::front::tree::{Path, Tree, leaves, rebuild};

/// A function with its own rule for tangents; made by [`custom_jvp`].
#[derive(Debug, Clone)]
pub struct CustomJvp<F, R> {
    function: F,
    rule: R,
    /// The user's line.
    location: Location,
}

/// `function`, differentiated by `rule` instead of by its ops, forward and backward.
///
/// The rule gets the arguments and a tangent of each (zeros where it does not change, and for what holds no floats),
/// and returns the results and a tangent of each; it must be linear in the tangents. Neither may capture values.
///
/// ```
/// use choral_compiler::custom::custom_jvp;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// // log(1 + e^x), whose derivative does not overflow.
/// let softplus = custom_jvp(
///     |x: Var| x.exp().log1p(),
///     |x: Var, tangent: Var| (x.exp().log1p(), tangent * x.sigmoid()),
/// );
/// let traced = trace(&softplus, &TensorType::new([3], DType::F32))?;
/// assert_eq!(traced.output, TensorType::new([3], DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn custom_jvp<F, R>(function: F, rule: R) -> CustomJvp<F, R> {
    CustomJvp { function, rule, location: Caller::caller().into() }
}

impl<A, F, R, O> Function<A> for CustomJvp<F, R>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
    R: Fn(A::With<Var>, A::With<Var>) -> O,
    O: IntoOutput,
{
    type Output = Results<F, A>;

    #[track_caller]
    fn apply(&self, args: A) -> Result<Self::Output, Error> {
        let at = Caller::caller();
        let own = Own { name: "custom_jvp", location: &self.location };
        let ty = |_: &Path, var: &Var| var.ty().clone();
        let Traced { graph, output, .. } = own.traced("function", &self.function, &args, ty)?;
        let rule = |(args, tangents): (A::With<Var>, A::With<Var>)| (self.rule)(args, tangents);
        let rule = own.traced("rule", &rule, &(&args, &args), ty)?.graph;
        let types = graph.output_types();
        let both: Vec<TensorType> = [&types[..], &types].concat();
        own.check("rule", "the function's results and a tangent of each", &rule, &both)?;
        let op = Derived { body: graph.into(), rule: Rule::Jvp(rule.into()) };
        let arguments = leaves(&args);
        let operands: Vec<&Var> = arguments.iter().map(|(_, var)| var).collect();
        let results = record(Custom::new(op).into(), &operands, at);
        rebuild(&output, &results).ok_or_else(|| own.fault("a function needs an argument"))
    }
}
