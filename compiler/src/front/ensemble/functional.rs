//! A model's code as a function of state: `(params, buffers, input) -> output`.

use choral_ir::{Tensor, TensorType};

use crate::front::error::{EnsembleError, Error};
use crate::front::nn::Forward;
use crate::front::state::{State, check};
use crate::front::trace::function::Function;
use crate::front::trace::var::Var;
use crate::front::tree::{Kind, Tree, Typed, Walk, leaves};

use super::architecture;
use super::checks::same_graphs;

/// A model's architecture as a function of its state: `(params, buffers, input) -> output`.
///
/// Made by [`combine_state_for_ensemble`](super::combine_state_for_ensemble); give it to [`vmap`](crate::front::vmap::vmap).
#[derive(Debug, Clone)]
pub struct FunctionalModule<S> {
    /// The architecture of each member, at least one; all are equal but for what only a trace can tell.
    pub(super) members: Vec<S>,
}

/// A [`FunctionalModule`] that also returns the buffers after the forward pass.
#[derive(Debug, Clone)]
pub struct ReturningBuffers<S>(FunctionalModule<S>);

impl<S: Tree<TensorType>> FunctionalModule<S> {
    /// The code of one model.
    ///
    /// ```
    /// use choral_compiler::ensemble::FunctionalModule;
    /// use choral_compiler::nn::Linear;
    /// use choral_compiler::{Module, trace};
    /// use choral_ir::{DType, Key, Tensor, TensorType};
    /// let model = Linear::init(3, 2, Key::new(0));
    /// let args = (&model.named_parameters(), &model.named_buffers(), &Tensor::randn([3], Key::new(1)));
    /// let traced = trace(&FunctionalModule::new(&model), &args)?;
    /// assert_eq!(traced.output, TensorType::new([2], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    pub fn new<M: Tree<Tensor, With<TensorType> = S>>(model: &M) -> FunctionalModule<S> {
        FunctionalModule { members: vec![architecture(model)] }
    }
}

impl<S> FunctionalModule<S> {
    /// The same function returning `(output, buffers)`: what batch normalisation in training mode
    /// makes of its running statistics.
    pub fn returning_buffers(self) -> ReturningBuffers<S> {
        ReturningBuffers(self)
    }
}

/// Runs a model on an input with the given parameters and buffers instead of its own.
///
/// # Errors
/// If names are missing or unknown, or types differ; if the forward pass changed state (use
/// [`functional_call_returning_buffers`] for that).
#[track_caller]
pub fn functional_call<T: Typed, M: Tree<T>, X>(
    model: &M,
    state: (&State<Var>, &State<Var>),
    input: &X,
) -> Result<<M::With<Var> as Forward<X>>::Output, Error>
where
    M::With<Var>: Forward<X>,
{
    let (output, _, changed) = call(model, state, input)?;
    if changed.is_empty() { Ok(output) } else { Err(EnsembleError::Changed { names: changed }.into()) }
}

/// Runs a model on an input with the given parameters and buffers instead of its own, and returns its output
/// with the buffers after the forward pass.
///
/// # Errors
/// If names are missing or unknown, or types differ.
#[track_caller]
pub fn functional_call_returning_buffers<T: Typed, M: Tree<T>, X>(
    model: &M,
    state: (&State<Var>, &State<Var>),
    input: &X,
) -> Result<OutputAndBuffers<M::With<Var>, X>, Error>
where
    M::With<Var>: Forward<X>,
{
    let (output, buffers, _) = call(model, state, input)?;
    Ok((output, buffers))
}

/// What `M` makes of an input `X`, with the buffers after the forward pass.
pub type OutputAndBuffers<M, X> = (<M as Forward<X>>::Output, State<Var>);

/// Output, buffers after the pass, and the names of what changed in it.
type Called<O> = Result<(O, State<Var>, Vec<String>), Error>;

#[track_caller]
fn call<T: Typed, M: Tree<T>, X>(
    model: &M,
    (params, buffers): (&State<Var>, &State<Var>),
    input: &X,
) -> Called<<M::With<Var> as Forward<X>>::Output>
where
    M::With<Var>: Forward<X>,
{
    check_kind(model, Kind::Parameter, params)?;
    check_kind(model, Kind::Buffer, buffers)?;
    let mut module = model.map(&mut Walk::default(), &mut |path, _: &T| {
        let name = path.state_name();
        let state = if path.kind() == Kind::Buffer { buffers } else { params };
        // Checked above: the name is there.
        state[&name].clone()
    });
    let output = module.forward(input);
    let mut changed = Vec::new();
    let mut after = State::new();
    for (path, var) in leaves(&module) {
        let name = path.state_name();
        let before = params.get(&name).or_else(|| buffers.get(&name));
        if before.is_some_and(|before| !before.is(&var)) {
            changed.push(name.clone());
        }
        if path.kind() == Kind::Buffer {
            after.insert(name, var);
        }
    }
    Ok((output, after, changed))
}

fn check_kind<T: Typed>(model: &impl Tree<T>, kind: Kind, given: &State<Var>) -> Result<(), Error> {
    let of_kind = leaves(model).into_iter().filter(|(path, _)| path.kind() == kind);
    let wanted = of_kind.map(|(path, leaf)| (path.state_name(), leaf.tensor_type())).collect();
    let source =
        if kind == Kind::Buffer { "the state given as buffers" } else { "the state given as params" };
    Ok(check(source, &wanted, |name| given.get(name).map(|var| var.ty().clone()), given)?)
}

impl<S, X> Function<(State<Var>, State<Var>, X)> for FunctionalModule<S>
where
    S: Tree<TensorType>,
    S::With<Var>: Forward<X>,
    X: Tree<Var, With<Var> = X>,
{
    type Output = <S::With<Var> as Forward<X>>::Output;

    #[track_caller]
    fn apply(&self, args: (State<Var>, State<Var>, X)) -> Result<Self::Output, Error> {
        same_graphs(&self.members, &args, |member, (params, buffers, input)| {
            functional_call(member, (&params, &buffers), &input)
        })?;
        let (params, buffers, input) = args;
        let input = named(input);
        functional_call(&self.members[0], (&params, &buffers), &input)
    }
}

impl<S, X> Function<(State<Var>, State<Var>, X)> for ReturningBuffers<S>
where
    S: Tree<TensorType>,
    S::With<Var>: Forward<X>,
    X: Tree<Var, With<Var> = X>,
{
    type Output = OutputAndBuffers<S::With<Var>, X>;

    #[track_caller]
    fn apply(&self, args: (State<Var>, State<Var>, X)) -> Result<Self::Output, Error> {
        same_graphs(&self.0.members, &args, |member, (params, buffers, input)| {
            functional_call_returning_buffers(member, (&params, &buffers), &input)
        })?;
        let (params, buffers, input) = args;
        let input = named(input);
        functional_call_returning_buffers(&self.0.members[0], (&params, &buffers), &input)
    }
}

/// The input under the name that printed graphs give it.
fn named<X: Tree<Var, With<Var> = X>>(input: X) -> X {
    input.map(&mut Walk::default(), &mut |path, var: &Var| match path.state_name().as_str() {
        "" => var.clone().named("input"),
        part => var.clone().named(&format!("input.{part}")),
    })
}
