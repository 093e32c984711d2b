//! Many models of one architecture as one function of stacked state, as in `torch.func`.
//!
//! `torch.func` compares the models' types and state names only, and runs the first model's code
//! with everyone's numbers. Here whatever could make a member compute something else is an error:
//! hyperparameters, training mode, names, shapes, element types, and the traced graph.

use std::collections::BTreeMap;

use choral_ir::{Graph, NodeId, Tensor, TensorType};

use crate::error::{EnsembleError, Error};
use crate::nn::Forward;
use crate::state::{Module, ModuleState, State, check};
use crate::trace::function::{self, Function, Typed};
use crate::trace::random::implicit::rehearsed;
use crate::trace::var::Var;
use crate::tree::{Kind, Leaf, Tree, Walk, leaves, settings};

/// A model's architecture as a function of its state: `(params, buffers, input) -> output`.
///
/// Made by [`combine_state_for_ensemble`]; give it to [`vmap`](crate::vmap()).
#[derive(Debug, Clone)]
pub struct FunctionalModule<S> {
    /// The architecture of each member; all are equal but for what only a trace can tell.
    members: Vec<S>,
}

/// A [`FunctionalModule`] that also returns the buffers after the forward pass.
#[derive(Debug, Clone)]
pub struct ReturningBuffers<S>(FunctionalModule<S>);

impl<S> FunctionalModule<S> {
    /// The same function returning `(output, buffers)`: what batch normalisation in training mode
    /// makes of its running statistics.
    pub fn returning_buffers(self) -> ReturningBuffers<S> {
        ReturningBuffers(self)
    }
}

/// The parameters and the buffers of models, each stacked along a new first dimension.
///
/// ```
/// use choral_compiler::ensemble::stack_module_state;
/// use choral_compiler::nn::Linear;
/// use choral_ir::Key;
/// let models: Vec<_> = (0..5).map(|seed| Linear::init(3, 2, Key::new(seed))).collect();
/// let (params, buffers) = stack_module_state(&models)?;
/// assert_eq!(params["weight"].shape(), [5, 2, 3]);
/// assert!(buffers.is_empty());
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// # Errors
/// If there is no model; if models differ in hyperparameters, training mode, or the names, shapes
/// or element types of their state.
pub fn stack_module_state<M: Module<Tensor>>(models: &[M]) -> Result<(State<Tensor>, State<Tensor>), Error> {
    let first = models.first().ok_or(EnsembleError::Empty)?;
    same_settings(models)?;
    same_state(models)?;
    let states: Vec<State<Tensor>> = models.iter().map(Module::state_dict).collect();
    let stack = |name: String| -> Result<(String, Tensor), Error> {
        let members: Vec<Tensor> = states.iter().map(|state| state[&name].clone()).collect();
        let stacked = Tensor::stack(&members).map_err(|error| Error::Message(format!("{name}: {error}")))?;
        Ok((name, stacked))
    };
    let params = first.named_parameters().into_keys().map(stack).collect::<Result<_, _>>()?;
    let buffers = first.named_buffers().into_keys().map(stack).collect::<Result<_, _>>()?;
    Ok((params, buffers))
}

/// What [`combine_state_for_ensemble`] makes of models `M`: the function of one member's state,
/// the stacked parameters and the stacked buffers.
pub type Combined<M> =
    (FunctionalModule<<M as Tree<Tensor>>::With<TensorType>>, State<Tensor>, State<Tensor>);

/// The models as one function of state, with their parameters and buffers stacked: give the
/// function to [`vmap`](crate::vmap()), with dimension 0 mapped in both states.
///
/// # Errors
/// As [`stack_module_state`].
pub fn combine_state_for_ensemble<M: Module<Tensor>>(models: &[M]) -> Result<Combined<M>, Error> {
    let (params, buffers) = stack_module_state(models)?;
    let types = |model: &M| model.map(&mut Walk::default(), &mut |_, leaf: &Tensor| leaf.ty().clone());
    let members = models.iter().map(types).collect();
    Ok((FunctionalModule { members }, params, buffers))
}

/// One member's slice of a stacked state.
///
/// # Errors
/// If there is no such member.
pub fn member_state(stacked: &State<Tensor>, member: usize) -> Result<State<Tensor>, Error> {
    let slice = |(name, tensor): (&String, &Tensor)| {
        let slice = tensor.index(member).map_err(|error| Error::Message(format!("{name}: {error}")))?;
        Ok((name.clone(), slice))
    };
    stacked.iter().map(slice).collect()
}

/// One member as a model of its own: `architecture` with that member's slice of the stacked state.
///
/// # Errors
/// If there is no such member, or the state is not the architecture's.
pub fn unstack_module_state<M: Module<Tensor> + Clone>(
    architecture: &M,
    (params, buffers): (&State<Tensor>, &State<Tensor>),
    member: usize,
) -> Result<M, Error> {
    let mut state = member_state(params, member)?;
    state.extend(member_state(buffers, member)?);
    let mut model = architecture.clone();
    model.load_from("the stacked state", &state)?;
    Ok(model)
}

/// Runs a model on an input with other parameters and buffers than its own.
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

/// Runs a model on an input with other parameters and buffers than its own, and returns its output
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

/// Fails unless every member leaves the graph of the first.
fn same_graphs<S, A, O>(
    members: &[S],
    args: &A,
    call: impl Fn(&S, A) -> Result<O, Error>,
) -> Result<(), Error>
where
    A: Tree<Var, With<Var> = A>,
    O: Tree<Var>,
{
    let graph = |member: &S| {
        let traced = rehearsed(|| function::trace(&|args: A| call(member, args), args))?;
        Ok::<_, Error>(traced.graph)
    };
    let Some((first, others)) = members.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Ok(());
    };
    let expected = graph(first)?;
    for (position, other) in others.iter().enumerate() {
        let other = graph(other)?;
        if let Some(node) = expected.difference(&other) {
            let difference = difference(&expected, &other, node);
            return Err(EnsembleError::Graph { member: position + 1, difference }.into());
        }
    }
    Ok(())
}

/// The node at which two graphs part, as each of them has it.
fn difference(expected: &Graph, other: &Graph, node: Option<NodeId>) -> String {
    let Some(id) = node else { return "the inputs or results differ".to_owned() };
    let described = |graph: &Graph| match graph.nodes().find(|(at, _)| *at == id) {
        Some((_, node)) => {
            let location =
                node.location.as_ref().map(|location| format!(" at {location}")).unwrap_or_default();
            format!("%{} : {}{location}", node.name, node.types[0])
        }
        None => "nothing more".to_owned(),
    };
    format!("there {}, here {}", described(expected), described(other))
}

/// Fails unless every setting has one value in all models.
fn same_settings<T: Leaf, M: Tree<T>>(models: &[M]) -> Result<(), EnsembleError> {
    let all: Vec<BTreeMap<String, String>> = models
        .iter()
        .map(|model| settings(model).into_iter().map(|(path, value)| (path.state_name(), value)).collect())
        .collect();
    let fields = all.iter().flat_map(BTreeMap::keys);
    for field in fields {
        let mut values: Vec<(String, Vec<usize>)> = Vec::new();
        for (member, settings) in all.iter().enumerate() {
            let value = settings.get(field).map_or("present", String::as_str);
            match values.iter_mut().find(|(known, _)| known == value) {
                Some((_, members)) => members.push(member),
                None => values.push((value.to_owned(), vec![member])),
            }
        }
        if values.len() > 1 {
            return Err(EnsembleError::Setting { field: field.clone(), values });
        }
    }
    Ok(())
}

/// Fails unless every model has the first one's state names, shapes and element types.
fn same_state<M: Module<Tensor>>(models: &[M]) -> Result<(), EnsembleError> {
    let expected = models[0].state_dict();
    for (member, model) in models.iter().enumerate() {
        let got = model.state_dict();
        let missing: Vec<String> = expected.keys().filter(|name| !got.contains_key(*name)).cloned().collect();
        let unexpected: Vec<String> =
            got.keys().filter(|name| !expected.contains_key(*name)).cloned().collect();
        if !missing.is_empty() || !unexpected.is_empty() {
            return Err(EnsembleError::Names { member, missing, unexpected });
        }
        let differs = expected.iter().find(|(name, tensor)| got[*name].ty() != tensor.ty());
        if let Some((name, tensor)) = differs {
            let (expected, got) = (tensor.ty().clone(), got[name].ty().clone());
            return Err(EnsembleError::Type { name: name.clone(), member, expected, got });
        }
    }
    Ok(())
}
