//! Many models of one architecture as one function of stacked state, as in `torch.func`.
//!
//! `torch.func` compares the models' types and state names only, and runs the first model's code
//! with every member's numbers. Here every difference that could change what a member computes is an error:
//! hyperparameters, training mode, names, shapes, element types, and the traced graph.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | models to stacked state and back |
//! | [`functional`] | a model's code as a function of state |
//! | [`stacked`] | stacked state that members join and leave |
//! | [`groups`] | models grouped by structure |
//! | `checks.rs` | what members must have in common |

mod checks;
pub mod functional;
pub mod groups;
pub mod stacked;

use std::panic::Location as Caller;

use choral_ir::{Tensor, TensorType};

use crate::front::error::{EnsembleError, Error, Who};
use crate::front::state::{Module, ModuleState, State};
use crate::front::tree::{Path, Tree, Walk, leaves};

pub use checks::same_graph;
pub use functional::{
    FunctionalModule, ReturningBuffers, functional_call, functional_call_returning_buffers,
};
pub use groups::{Group, group_by_structure};
pub use stacked::StackedState;

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
#[track_caller]
pub fn stack_module_state<M: Module<Tensor>>(models: &[M]) -> Result<(State<Tensor>, State<Tensor>), Error> {
    let at = Caller::caller();
    let located = |error: EnsembleError| Error::from(error).at(at.into());
    let first = models.first().ok_or(EnsembleError::Empty).map_err(located)?;
    let members = models.iter().enumerate().map(|(at, model)| (Who::Member(at), model));
    checks::same_architecture(members).map_err(located)?;
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

/// Trees of one structure as one, each leaf stacked along a new first dimension: runs of training, with model,
/// optimiser state and key, or optimisers with hyperparameters of each member's own.
///
/// ```
/// use choral_compiler::ensemble::{member, stack_members};
/// use choral_compiler::train::optim::Sgd;
/// let members = stack_members(&[0.1, 0.2, 0.3].map(Sgd::new))?;
/// assert_eq!(members.lr.shape(), [3]);
/// assert_eq!(member(&members, 1)?.lr, Sgd::new(0.2).lr);
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// # Errors
/// As [`stack_module_state`].
#[track_caller]
pub fn stack_members<M: Module<Tensor>>(members: &[M]) -> Result<M, Error> {
    let at = Caller::caller();
    let located = |error: EnsembleError| Error::from(error).at(at.into());
    let first = members.first().ok_or(EnsembleError::Empty).map_err(located)?;
    let who = members.iter().enumerate().map(|(at, member)| (Who::Member(at), member));
    checks::same_architecture(who).map_err(located)?;
    let all: Vec<Vec<(Path, Tensor)>> = members.iter().map(leaves).collect();
    let stack = |leaf: usize| {
        let parts: Vec<Tensor> = all.iter().map(|leaves| leaves[leaf].1.clone()).collect();
        Tensor::stack(&parts).map_err(|error| Error::Message(format!("{}: {error}", all[0][leaf].0)))
    };
    let stacked = (0..all[0].len()).map(stack).collect::<Result<Vec<Tensor>, Error>>()?;
    Ok(filled(first, stacked))
}

/// One member's slice of a stacked tree; see [`stack_members`].
///
/// # Errors
/// If there is no such member.
pub fn member<M: Module<Tensor>>(stacked: &M, member: usize) -> Result<M, Error> {
    let slice = |(path, tensor): (Path, Tensor)| {
        tensor.index(member).map_err(|error| Error::Message(format!("{path}: {error}")))
    };
    let slices = leaves(stacked).into_iter().map(slice).collect::<Result<Vec<Tensor>, Error>>()?;
    Ok(filled(stacked, slices))
}

/// The tree with other leaves, one for each.
fn filled<M: Module<Tensor>>(tree: &M, leaves: Vec<Tensor>) -> M {
    let mut leaves = leaves.into_iter();
    tree.map(&mut Walk::default(), &mut |_, own: &Tensor| leaves.next().unwrap_or_else(|| own.clone()))
}

/// What [`combine_state_for_ensemble`] makes of models `M`: the function of one member's state,
/// the stacked parameters and the stacked buffers.
pub type Combined<M> =
    (FunctionalModule<<M as Tree<Tensor>>::With<TensorType>>, State<Tensor>, State<Tensor>);

/// The models as one function of state, with their parameters and buffers stacked: give the
/// function to [`vmap`](crate::front::vmap::vmap), with dimension 0 mapped in both states.
///
/// # Errors
/// As [`stack_module_state`].
#[track_caller]
pub fn combine_state_for_ensemble<M: Module<Tensor>>(models: &[M]) -> Result<Combined<M>, Error> {
    let (params, buffers) = stack_module_state(models)?;
    Ok((FunctionalModule { members: models.iter().map(architecture).collect() }, params, buffers))
}

/// A model with types instead of numbers.
pub(crate) fn architecture<M: Tree<Tensor>>(model: &M) -> M::With<TensorType> {
    model.map(&mut Walk::default(), &mut |_, leaf: &Tensor| leaf.ty().clone())
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

/// One member as a separate model: `architecture` with that member's slice of the stacked state.
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
