//! Stacked state that members join and leave.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::Location as Caller;

use choral_ir::{Tensor, TensorType, memory};

use super::checks::same_architecture;
use super::functional::FunctionalModule;
use super::{architecture, combine_state_for_ensemble};
use crate::front::dims::{Dims, IntoDims};
use crate::front::error::{EnsembleError, Error, Who};
use crate::front::state::{Module, ModuleState, State};
use crate::front::tree::{Tree, leaves, rebuild};
use crate::front::vmap;

/// The parameters and buffers of members, stacked with room for more of them.
///
/// Every tensor has a row for each place of the capacity; rows after the members repeat the last
/// one. Tensors equal in all members are held once after [`StackedState::share_equal`].
///
/// ```
/// use choral_compiler::ensemble::StackedState;
/// use choral_compiler::nn::Linear;
/// use choral_ir::Key;
/// let models: Vec<_> = (0..3).map(|seed| Linear::init(4, 2, Key::new(seed))).collect();
/// let mut stacked = StackedState::new(&models)?;
/// stacked.reserve(8)?;
/// stacked.push_member(&Linear::init(4, 2, Key::new(3)))?;
/// stacked.remove_member(0)?;
/// assert_eq!((stacked.len(), stacked.capacity()), (3, 8));
/// assert_eq!(stacked.params()["weight"].shape(), [8, 2, 4]);
/// assert_eq!(stacked.unstack(0)?.weight, models[1].weight);
/// # Ok::<(), choral_compiler::Error>(())
/// ```
pub struct StackedState<M: Tree<Tensor>> {
    /// What newcomers are compared with, and what members come back as: one that was a member.
    model: M,
    function: FunctionalModule<M::With<TensorType>>,
    params: State<Tensor>,
    buffers: State<Tensor>,
    shared: BTreeSet<String>,
    members: usize,
    capacity: usize,
}

impl<M: Module<Tensor> + Tree<Tensor, With<Tensor> = M> + Clone> StackedState<M> {
    /// The members of a model whose every tensor is stacked along dimension 0, as an initialiser that
    /// was mapped over keys gives it.
    ///
    /// ```
    /// use choral_compiler::ensemble::StackedState;
    /// use choral_compiler::nn::Linear;
    /// use choral_ir::{Key, Tensor};
    /// let stacked = Linear { weight: Tensor::randn([5, 2, 3], Key::new(0)), bias: None };
    /// let members = StackedState::from_stacked(&stacked)?;
    /// assert_eq!(members.len(), 5);
    /// assert_eq!(members.unstack(4)?.weight, stacked.weight.index(4)?);
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    ///
    /// # Errors
    /// If tensors disagree about the number of members, or there is none.
    #[track_caller]
    pub fn from_stacked(stacked: &M) -> Result<Self, Error> {
        let at = Caller::caller();
        let (_, members) = vmap::members(&Dims::All(Some(0)), None, stacked)
            .map_err(|error| Error::from(error).at(at.into()))?;
        if members == 0 {
            return Err(here(EnsembleError::Empty));
        }
        let first = leaves(stacked).into_iter().map(|(_, tensor)| tensor.index(0));
        let first = first.collect::<Result<Vec<Tensor>, _>>()?;
        let model: M = rebuild(stacked, &first).ok_or(EnsembleError::Empty)?;
        let function = FunctionalModule { members: (0..members).map(|_| architecture(&model)).collect() };
        let (params, buffers) = (stacked.named_parameters(), stacked.named_buffers());
        let shared = BTreeSet::new();
        Ok(StackedState { model, function, params, buffers, shared, members, capacity: members })
    }
}

impl<M: Module<Tensor> + Clone> StackedState<M> {
    /// The models' state, with room for no more.
    ///
    /// # Errors
    /// As [`super::stack_module_state`].
    #[track_caller]
    pub fn new(models: &[M]) -> Result<Self, Error> {
        let (function, params, buffers) = combine_state_for_ensemble(models)?;
        let (model, members) = (models[0].clone(), models.len());
        let shared = BTreeSet::new();
        Ok(StackedState { model, function, params, buffers, shared, members, capacity: members })
    }

    /// The members' code as a function of one member's state: what [`vmap`](crate::front::vmap::vmap) takes,
    /// with [`StackedState::in_dims`].
    pub fn function(&self) -> &FunctionalModule<<M as Tree<Tensor>>::With<TensorType>> {
        &self.function
    }

    /// Holds every tensor that is the same in all members, bit for bit, once: a frozen backbone, an
    /// embedding. A single member shares nothing with others.
    ///
    /// # Errors
    /// Only if a tensor does not hold what its type says.
    pub fn share_equal(&mut self) -> Result<(), Error> {
        let (members, shared) = (self.members, &mut self.shared);
        for (name, tensor) in self.params.iter_mut().chain(&mut self.buffers) {
            if members > 1 && !shared.contains(name) && rows_are_equal(tensor, members)? {
                *tensor = tensor.index(0)?;
                shared.insert(name.clone());
            }
        }
        Ok(())
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.members
    }

    /// Whether there are no members; there always is one.
    pub fn is_empty(&self) -> bool {
        self.members == 0
    }

    /// Number of members that there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The parameters; those that are not shared have the capacity as dimension 0.
    pub fn params(&self) -> &State<Tensor> {
        &self.params
    }

    /// The buffers, as the parameters.
    pub fn buffers(&self) -> &State<Tensor> {
        &self.buffers
    }

    /// The types of one member's parameters and buffers.
    pub fn member_types(&self) -> (State<TensorType>, State<TensorType>) {
        let types = |state: State<Tensor>| -> State<TensorType> {
            state.into_iter().map(|(name, tensor)| (name, tensor.ty().clone())).collect()
        };
        (types(self.model.named_parameters()), types(self.model.named_buffers()))
    }

    /// Names of the shared tensors.
    pub fn shared(&self) -> impl Iterator<Item = &str> {
        self.shared.iter().map(String::as_str)
    }

    /// Where parameters and buffers have the members: `in_dims` of [`vmap`](crate::front::vmap::vmap) for both.
    pub fn in_dims(&self) -> (Dims, Dims) {
        let of = |state: &State<Tensor>| -> Dims {
            let dim = |name: &String| (!self.shared.contains(name)).then_some(0);
            state.keys().map(|name| (name.clone(), dim(name))).collect::<State<Option<i64>>>().into_dims()
        };
        (of(&self.params), of(&self.buffers))
    }

    /// Makes room for at least this many members in all.
    ///
    /// # Errors
    /// Only if a tensor does not hold what its type says.
    pub fn reserve(&mut self, capacity: usize) -> Result<(), Error> {
        if capacity <= self.capacity {
            return Ok(());
        }
        let own = self.params.iter().chain(&self.buffers).filter(|(name, _)| !self.shared.contains(*name));
        let rows = own.map(|(_, tensor)| tensor.ty().dtype.bytes() * tensor.ty().len() / self.capacity);
        // Besides the tensors there is a list of their rows.
        let most = rows.max().unwrap_or_default().max(size_of::<usize>());
        if most.saturating_mul(capacity) > isize::MAX as usize {
            return Err(Error::Message(format!(
                "room for {capacity} members is more than memory can address"
            )));
        }
        self.capacity = capacity;
        self.rearrange(&(0..self.members).collect::<Vec<_>>())
    }

    /// A member as a separate model.
    ///
    /// # Errors
    /// If there is no such member.
    #[track_caller]
    pub fn unstack(&self, index: usize) -> Result<M, Error> {
        self.check(index)?;
        let mut state = State::new();
        for (name, tensor) in self.params.iter().chain(&self.buffers) {
            let own = if self.shared.contains(name) { tensor.clone() } else { tensor.index(index)? };
            state.insert(name.clone(), own);
        }
        let mut model = self.model.clone();
        model.load_from("the stacked state", &state)?;
        Ok(model)
    }

    /// Puts another model in a member's place.
    ///
    /// # Errors
    /// If there is no such member; if the model differs from the members in settings, or in names,
    /// shapes or element types of its state. The state is then as it was.
    #[track_caller]
    pub fn replace_member(&mut self, index: usize, model: &M) -> Result<(), Error> {
        self.check(index)?;
        self.write(index, model)?;
        self.function.members[index] = architecture(model);
        Ok(())
    }

    /// Adds a model after the last member; without room, the capacity doubles.
    ///
    /// # Errors
    /// As [`StackedState::replace_member`].
    #[track_caller]
    pub fn push_member(&mut self, model: &M) -> Result<(), Error> {
        self.check_model(model)?;
        if self.members == self.capacity {
            self.reserve(2 * self.capacity)?;
        }
        self.write(self.members, model)?;
        self.function.members.push(architecture(model));
        self.members += 1;
        Ok(())
    }

    /// Takes a member out and returns it; those after it move up. The capacity stays.
    ///
    /// # Errors
    /// If there is no such member, or no other.
    #[track_caller]
    pub fn remove_member(&mut self, index: usize) -> Result<M, Error> {
        let model = self.unstack(index)?;
        if self.members == 1 {
            return Err(here(EnsembleError::Last));
        }
        let rest: Vec<usize> = (0..self.members).filter(|&member| member != index).collect();
        self.members -= 1;
        self.function.members.remove(index);
        self.rearrange(&rest)?;
        Ok(model)
    }

    #[track_caller]
    fn check(&self, index: usize) -> Result<(), Error> {
        let members = self.members;
        if index < members { Ok(()) } else { Err(here(EnsembleError::Member { index, members })) }
    }

    /// Whether a model may become a member, as far as settings and state tell.
    ///
    /// # Errors
    /// As [`StackedState::replace_member`], but for an index.
    #[track_caller]
    pub fn check_model(&self, model: &M) -> Result<(), Error> {
        let at = Caller::caller();
        let both = [(Who::Member(0), &self.model), (Who::Newcomer, model)];
        same_architecture(both).map_err(|error| Error::from(error).at(at.into()))
    }

    /// Writes a model's state into a row; tensors that it no longer shares become stacked.
    #[track_caller]
    fn write(&mut self, index: usize, model: &M) -> Result<(), Error> {
        self.check_model(model)?;
        let state = model.state_dict();
        let (capacity, shared) = (self.capacity, &mut self.shared);
        for (name, tensor) in self.params.iter_mut().chain(&mut self.buffers) {
            let new = &state[name];
            if shared.contains(name) {
                if tensor.bit_eq(new) {
                    continue;
                }
                shared.remove(name);
                *tensor = Tensor::stack(&vec![tensor.clone(); capacity])?;
            }
            tensor.set_index(index, new)?;
        }
        Ok(())
    }

    /// Sets the rows of every stacked tensor, repeating the last one up to the capacity.
    fn rearrange(&mut self, rows: &[usize]) -> Result<(), Error> {
        let last = rows.last().copied().unwrap_or_default();
        let room = memory::vector(self.capacity);
        let mut all: Vec<usize> = room.map_err(|error| {
            Error::Message(format!("a list of the rows of {} members: {error}", self.capacity))
        })?;
        all.extend((0..self.capacity).map(|at| rows.get(at).copied().unwrap_or(last)));
        for (name, tensor) in self.params.iter_mut().chain(&mut self.buffers) {
            if !self.shared.contains(name) {
                *tensor = tensor.take(&all)?;
            }
        }
        Ok(())
    }
}

/// The error, at the user's line.
#[track_caller]
fn here(error: EnsembleError) -> Error {
    Error::from(error).at(Caller::caller().into())
}

/// Whether this many first rows of a tensor are equal bit for bit.
fn rows_are_equal(tensor: &Tensor, rows: usize) -> Result<bool, Error> {
    let first = tensor.index(0)?;
    for row in 1..rows {
        if !tensor.index(row)?.bit_eq(&first) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl<M: Tree<Tensor>> fmt::Debug for StackedState<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StackedState { model: _, function: _, params, buffers, shared, members, capacity } = self;
        let mut written = f.debug_struct("StackedState");
        written.field("members", members).field("capacity", capacity).field("shared", shared);
        written.field("params", params).field("buffers", buffers).finish()
    }
}
