//! Functions that carry their own batching rule, as `jax.custom_batching.custom_vmap`.
//!
//! For functions of which a user knows a better program for many members than the rules of the ops inside would find.

use std::cell::RefCell;
use std::fmt;
use std::panic::Location as Caller;
use std::sync::Arc;

use choral_ir::op::{Custom, CustomOp};
use choral_ir::{BuildError, Builder, Graph, Location, Tensor, TensorType, TypeError, Value};

use super::{Own, Results, members_first, types_of_results};
use crate::front::error::Error;
use crate::front::trace::function::{self, Function, Traced};
use crate::front::trace::record;
use crate::front::trace::var::Var;
use crate::front::tree::{Tree, leaves, rebuild};

/// A function with its own batching rule; made by [`custom_vmap`].
#[derive(Debug, Clone)]
pub struct CustomVmap<F, R> {
    function: F,
    rule: Arc<R>,
    /// The user's line.
    location: Location,
}

/// `function`, which under `vmap` becomes what `rule` makes of it.
///
/// The rule gets the number of members, for each leaf of the arguments whether it is mapped, and the
/// arguments, mapped ones with the members first. It returns the results, and for each leaf of them
/// whether it is mapped (then with the members first). The function must not capture values.
///
/// ```
/// use choral_compiler::custom::custom_vmap;
/// use choral_compiler::{Var, trace, vmap};
/// use choral_ir::{DType, TensorType};
/// // The sum of squares, for all members as one product.
/// let squares = custom_vmap(
///     |x: Var| (&x * &x).sum(()),
///     |_members: usize, _mapped: &[bool], x: Var| ((&x * &x).sum(-1), vec![true]),
/// );
/// let traced = trace(&vmap(squares, 0), &TensorType::new([5, 3], DType::F32))?;
/// assert_eq!(traced.output, TensorType::new([5], DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn custom_vmap<F, R>(function: F, rule: R) -> CustomVmap<F, R> {
    CustomVmap { function, rule: Arc::new(rule), location: Caller::caller().into() }
}

/// The arguments `A` as a rule gets them.
type Stacked<A> = <<A as Tree<Var>>::With<TensorType> as Tree<TensorType>>::With<Var>;

impl<A, F, R, O> Function<A> for CustomVmap<F, R>
where
    A: Tree<Var>,
    A::With<TensorType>: Send + Sync + 'static,
    F: Function<A::With<Var>>,
    R: Fn(usize, &[bool], Stacked<A>) -> (O, Vec<bool>) + Send + Sync + 'static,
    O: Tree<Var>,
{
    type Output = Results<F, A>;

    #[track_caller]
    fn apply(&self, args: A) -> Result<Self::Output, Error> {
        let at = Caller::caller();
        let own = Own { name: "custom_vmap", location: &self.location };
        let Traced { graph, output, .. } =
            own.traced("function", &self.function, &args, |_, var: &Var| var.ty().clone())?;
        let structure = args.map(&mut Default::default(), &mut |_, var: &Var| var.ty().clone());
        let rule = erased(Arc::clone(&self.rule), structure);
        let arguments = leaves(&args);
        let operands: Vec<&Var> = arguments.iter().map(|(_, var)| var).collect();
        let results = record(Custom::new(Ruled { body: graph, rule }).into(), &operands, at);
        rebuild(&output, &results).ok_or_else(|| own.fault("a function needs an argument"))
    }
}

/// A rule that has forgotten the structure of its arguments: number of members, which operands are
/// mapped, types of the operands.
type Rule = Arc<dyn Fn(usize, &[bool], &[TensorType]) -> Result<(Graph, Vec<bool>), Error> + Send + Sync>;

fn erased<T, R, O>(rule: Arc<R>, structure: T) -> Rule
where
    T: Tree<TensorType> + Send + Sync + 'static,
    R: Fn(usize, &[bool], T::With<Var>) -> (O, Vec<bool>) + Send + Sync + 'static,
    O: Tree<Var>,
{
    Arc::new(move |members, mapped, types| {
        let mapped_results = RefCell::new(Vec::new());
        let with_members = |args: T::With<Var>| {
            let (results, mapped) = rule(members, mapped, args);
            *mapped_results.borrow_mut() = mapped;
            results
        };
        let mut types = types.iter();
        let ty = |_: &_, own: &TensorType| types.next().unwrap_or(own).clone();
        let Traced { graph, output: _, captures } = function::trace_as(&with_members, &structure, ty)?;
        let mapped = mapped_results.into_inner();
        if !captures.is_empty() || mapped.len() != graph.outputs().len() {
            let (said, count) = (mapped.len(), graph.outputs().len());
            return Err(Error::Message(format!(
                "the rule must say of each of its {count} results whether it is mapped (it says so of {said}), \
                 and use its arguments alone"
            )));
        }
        Ok((graph, mapped))
    })
}

/// A traced function and its rule, as an op.
struct Ruled {
    body: Graph,
    rule: Rule,
}

impl fmt::Debug for Ruled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ruled").field("body", &self.body).finish_non_exhaustive()
    }
}

impl CustomOp for Ruled {
    fn name(&self) -> &'static str {
        "choral.custom_vmap"
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, String> {
        types_of_results(&self.body, operands)
    }

    fn evaluate(&self, _operands: &[Tensor]) -> Result<Vec<Tensor>, String> {
        Err("runs by its body".to_owned())
    }

    fn batch(
        &self,
        builder: &mut Builder,
        members: usize,
        operands: &[(Value, Option<usize>)],
    ) -> Result<Vec<(Value, Option<usize>)>, BuildError> {
        let (values, mapped) = members_first(builder, operands)?;
        let types: Vec<TensorType> = values.iter().map(|&value| builder.graph().ty(value).clone()).collect();
        let (graph, mapped) = (self.rule)(members, &mapped, &types).map_err(|error| {
            let cause = TypeError { message: error.to_string(), constraint: "custom_vmap" };
            BuildError { op: self.name(), operands: Vec::new(), cause, location: builder.description().1 }
        })?;
        let results = builder.inline(&graph, &values)?;
        Ok(results.into_iter().zip(mapped).map(|(value, mapped)| (value, mapped.then_some(0))).collect())
    }

    fn body(&self) -> Option<&Graph> {
        Some(&self.body)
    }
}
