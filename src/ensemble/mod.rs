//! Ensembles that run: members come and go, and programs are compiled again only when needed.

mod compiled;
mod grouped;
mod spread;

use std::fmt;

pub use choral_compiler::ensemble::*;
pub use grouped::EnsembleGroups;

use choral_compiler::trace::function::OutputTypes;
use choral_compiler::transform::explain::{Explanation, explain};
use choral_compiler::transform::vmap::{Chunks, asks_for_numbers};
use choral_compiler::tree::rebuild;
use choral_compiler::{Function, Module, Randomness, State, Tree, Var};
use choral_ir::{Tensor, TensorType};
use choral_runtime::{Device, Setting};

use compiled::{Made, Traced, key};

use crate::error::{CompilerError, Error};
use crate::on_device::{OnDevice, put};
use crate::program::on_processor;

/// The code of models `M` as a function of their state.
pub type Code<M> = FunctionalModule<<M as Tree<Tensor>>::With<TensorType>>;

/// What that function takes for an input with the types `I`.
pub type ArgumentsOf<I> = (State<Var>, State<Var>, <I as Tree<TensorType>>::With<Var>);

/// What that function takes for an input `X`.
pub type Arguments<X> = ArgumentsOf<<X as Tree<Tensor>>::With<TensorType>>;

/// The results of a model `M` on inputs with the types `I`, with types instead of values.
pub type TypesOf<M, I> = OutputTypes<Code<M>, ArgumentsOf<I>>;

/// The results of a model `M` on inputs `X`, with types instead of values.
pub type Types<M, X> = TypesOf<M, <X as Tree<Tensor>>::With<TensorType>>;

/// The results of a model `M` on inputs `X`.
pub type Outputs<M, X> = <Types<M, X> as Tree<TensorType>>::With<Tensor>;

/// The results of a model `M` on inputs `X`, on a device.
pub type OutputsOnDevice<M, X> =
    <TypesOf<M, <X as Tree<OnDevice>>::With<TensorType>> as Tree<TensorType>>::With<OnDevice>;

/// Models of one architecture, run as one program whose members come and go.
///
/// One member is traced, once for each type of input; the program over all of them is compiled for
/// the capacity. Replacing, adding or removing members within it changes only numbers.
///
/// ```
/// use choral::ensemble::Ensemble;
/// use choral::prelude::*;
/// let models: Vec<_> = (0..3).map(|seed| Linear::init(4, 2, Key::new(seed))).collect();
/// let mut ensemble = Ensemble::new(&models)?.with_capacity(8)?;
/// let x = Tensor::randn([10, 4], Key::new(9));
/// assert_eq!(ensemble.call(&x)?.shape(), [3, 10, 2]);
///
/// ensemble.push_member(&Linear::init(4, 2, Key::new(3)))?;
/// ensemble.remove_member(0)?;
/// assert_eq!(ensemble.call(&x)?.shape(), [3, 10, 2]);
/// assert_eq!(ensemble.compilations(), 1);
/// # Ok::<(), choral::Error>(())
/// ```
pub struct Ensemble<M: Tree<Tensor>> {
    state: StackedState<M>,
    device: Device,
    /// Devices that run a part of the members each, beside the first one.
    others: Vec<Device>,
    setting: Option<Setting>,
    randomness: Randomness,
    chunks: Chunks,
    made: Made<M>,
}

impl<M: Module<Tensor> + Clone> Ensemble<M> {
    /// The models, each a member. Tensors that are the same in all of them, bit for bit, are held
    /// once and not mapped: a frozen backbone runs once for all.
    ///
    /// # Errors
    /// If there is no model; if models differ in hyperparameters, training mode, or the names, shapes
    /// or element types of their state.
    #[track_caller]
    pub fn new(models: &[M]) -> Result<Self, Error> {
        Ensemble::of(StackedState::new(models)?)
    }

    /// The members of a stacked state.
    ///
    /// # Errors
    /// Only if a tensor does not hold what its type says.
    pub fn of(mut state: StackedState<M>) -> Result<Self, Error> {
        state.share_equal()?;
        Ok(Ensemble {
            state,
            device: Device::default(),
            others: Vec::new(),
            setting: None,
            randomness: Randomness::default(),
            chunks: Chunks::default(),
            made: Made::default(),
        })
    }

    /// The same ensemble on another device.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        Ensemble { device, others: Vec::new(), made: self.made.emptied(), ..self }
    }

    /// The same ensemble with these threads, this instruction set at most and this precision, instead of all threads, the best
    /// and [`Precision::Exact`](choral_runtime::Precision::Exact).
    #[must_use]
    pub fn setting(self, setting: &Setting) -> Self {
        Ensemble { setting: Some(setting.clone()), made: self.made.emptied(), ..self }
    }

    /// What members draw where a layer draws implicitly (dropout) from a shared key; an error
    /// unless you say otherwise. A member draws by its number, which changes when a member before
    /// it leaves.
    #[must_use]
    pub fn randomness(self, randomness: Randomness) -> Self {
        Ensemble { randomness, made: self.made.emptied(), ..self }
    }

    /// Runs this many members at a time: the same results in bounded memory.
    #[must_use]
    pub fn chunk_size(self, members: usize) -> Self {
        let chunks = Chunks { size: Some(members), ..self.chunks };
        Ensemble { chunks, made: self.made.emptied(), ..self }
    }

    /// Runs as many members at a time as fit in this many bytes, state and results included.
    #[must_use]
    pub fn memory_limit(self, bytes: u64) -> Self {
        let chunks = Chunks { memory_limit: Some(on_processor(bytes)), ..self.chunks };
        Ensemble { chunks, made: self.made.emptied(), ..self }
    }

    /// Keeps programs, and traced members, for so many types of input at most: those that were called last. 128 unless
    /// you say otherwise; what is gone is made again when it is called again.
    #[must_use]
    pub fn cache_size(self, programs: usize) -> Self {
        Ensemble { made: Made::of(programs), ..self }
    }

    /// The same ensemble with room for this many members: until there are more, nothing is compiled
    /// again. The program computes all rows, also those that no member has yet; only where members
    /// exchange values (`pmean`, ..) it is for as many as there are.
    ///
    /// # Errors
    /// Only if a tensor does not hold what its type says.
    pub fn with_capacity(mut self, members: usize) -> Result<Self, Error> {
        self.state.reserve(members)?;
        Ok(self)
    }

    /// The stacked state.
    pub fn state(&self) -> &StackedState<M> {
        &self.state
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.state.len()
    }

    /// Whether there are no members; there always is one.
    pub fn is_empty(&self) -> bool {
        self.state.is_empty()
    }

    /// A member as a separate model.
    ///
    /// # Errors
    /// If there is no such member.
    #[track_caller]
    pub fn member(&self, index: usize) -> Result<M, Error> {
        Ok(self.state.unstack(index)?)
    }

    /// Puts another model in a member's place. If it differs in a shared tensor,
    /// that tensor becomes per-member, and the next call compiles again.
    ///
    /// # Errors
    /// If there is no such member; if the model differs from the members in settings, state or what
    /// it computes. The ensemble is then as it was.
    #[track_caller]
    pub fn replace_member(&mut self, index: usize, model: &M) -> Result<(), Error> {
        self.computes_the_same(model)?;
        Ok(self.state.replace_member(index, model)?)
    }

    /// Adds a model after the last member. Beyond the capacity, which then doubles, the next call
    /// compiles again.
    ///
    /// # Errors
    /// As [`Ensemble::replace_member`].
    #[track_caller]
    pub fn push_member(&mut self, model: &M) -> Result<(), Error> {
        self.computes_the_same(model)?;
        Ok(self.state.push_member(model)?)
    }

    /// Takes a member out and returns it; those after it move up.
    ///
    /// # Errors
    /// If there is no such member, or no other.
    #[track_caller]
    pub fn remove_member(&mut self, index: usize) -> Result<M, Error> {
        Ok(self.state.remove_member(index)?)
    }

    /// How many programs were compiled so far.
    pub fn compilations(&self) -> usize {
        self.made.programs.made()
    }

    /// How many types of input a traced member is kept for.
    pub fn traces(&self) -> usize {
        self.made.members.len()
    }
}

impl<M: Module<Tensor> + Clone> Ensemble<M> {
    /// All members' results on a shared input, the members first.
    ///
    /// # Errors
    /// Everything in the models that does not fit, with its lines; whatever the device
    /// cannot do.
    #[track_caller]
    pub fn call<X: Tree<Tensor>>(&self, input: &X) -> Result<Outputs<M, X>, Error>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<Arguments<X>>,
        Types<M, X>: Send + Sync + 'static,
    {
        let (output, results) = self.results(input)?;
        rebuild(&*output, &results).ok_or_else(other_structure)
    }

    /// An input brought to the ensemble's device, for [`Ensemble::call_on_device`].
    ///
    /// # Errors
    /// If the device is not there, or has no memory for it.
    pub fn put<X: Tree<Tensor>>(&self, input: &X) -> Result<X::With<OnDevice>, Error> {
        put(self.device, input)
    }

    /// As [`Ensemble::call`], with results that stay on the device, and an input that lies there; see
    /// [`Program::call_on_device`](crate::Program::call_on_device).
    ///
    /// ```
    /// use choral::prelude::*;
    /// let models: Vec<_> = (0..3).map(|seed| Linear::init(4, 4, Key::new(seed))).collect();
    /// let device = Device::best();
    /// let ensemble = Ensemble::new(&models)?.on(device);
    /// let x = Tensor::randn([10, 4], Key::new(9));
    /// let y = ensemble.call_on_device(&ensemble.put(&x)?)?;
    /// assert_eq!((y.shape(), y.device()), (&[3, 10, 4][..], device));
    /// assert!(y.to_tensor()?.bit_eq(&ensemble.call(&x)?));
    /// # Ok::<(), choral::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Ensemble::call`]; if an input lies on another device.
    #[track_caller]
    pub fn call_on_device<X: Tree<OnDevice>>(&self, input: &X) -> Result<OutputsOnDevice<M, X>, Error>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<ArgumentsOf<X::With<TensorType>>>,
        TypesOf<M, X::With<TensorType>>: Send + Sync + 'static,
    {
        let (output, results) = self.results_on_device(input)?;
        rebuild(&*output, &results).ok_or_else(other_structure)
    }

    /// What mapping does to each op of a member on this input: a table that prints itself.
    ///
    /// # Errors
    /// As [`Ensemble::call`].
    #[track_caller]
    pub fn explain<X: Tree<Tensor>>(&self, input: &X) -> Result<Explanation, Error>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<Arguments<X>>,
        Types<M, X>: Send + Sync + 'static,
    {
        let Traced { graph, output: _, rows, is_for_rows: _ } =
            self.traced(input, &key::<M, Tensor, X>(input))?;
        Ok(explain(&graph, &self.options(&graph, rows))?)
    }

    /// Whether a member's results depend on the others, or on its number among them.
    #[track_caller]
    fn members_meet<X: Tree<Tensor>>(&self, input: &X) -> Result<bool, Error>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<Arguments<X>>,
        Types<M, X>: Send + Sync + 'static,
    {
        let Traced { graph, output: _, rows: _, is_for_rows } =
            self.traced(input, &key::<M, Tensor, X>(input))?;
        Ok(is_for_rows || asks_for_numbers(&graph, &self.axis(self.len()).name))
    }
}

fn other_structure() -> Error {
    CompilerError::Message("the number of results is not that of the models' output".to_owned()).into()
}

impl<M: Tree<Tensor>> fmt::Debug for Ensemble<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ensemble").field("state", &self.state).field("device", &self.device).finish()
    }
}
