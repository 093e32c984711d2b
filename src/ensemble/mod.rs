//! Ensembles that run: members come and go, and only what must be is compiled again.

mod grouped;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use choral_compiler::ensemble::*;
pub use grouped::EnsembleGroups;

use choral_compiler::batch::{Axis, Chunks, asks_for_numbers, batch_graph_in_chunks, exchanges};
use choral_compiler::explain::{Explanation, explain};
use choral_compiler::rewrite::expand;
use choral_compiler::trace::function::OutputTypes;
use choral_compiler::tree::{Path, Walk, leaves, rebuild, settings};
use choral_compiler::vmap::trace_member;
use choral_compiler::{Function, Module, Randomness, State, Tree, Var};
use choral_ir::{Graph, Tensor, TensorType};
use choral_runtime::{Device, Executable};

use crate::error::{CompilerError, Error, Who};

/// The code of models `M` as a function of their state.
pub type Code<M> = FunctionalModule<<M as Tree<Tensor>>::With<TensorType>>;

/// What that function takes for an input `X`.
pub type Arguments<X> =
    (State<Var>, State<Var>, <<X as Tree<Tensor>>::With<TensorType> as Tree<TensorType>>::With<Var>);

/// The results of a model `M` on inputs `X`, with types in place of values.
pub type Types<M, X> = OutputTypes<Code<M>, Arguments<X>>;

/// The results of a model `M` on inputs `X`.
pub type Outputs<M, X> = <Types<M, X> as Tree<TensorType>>::With<Tensor>;

/// The structure of one member's results, and the results of all.
type Results<M, X> = Result<(Arc<Types<M, X>>, Vec<Tensor>), Error>;

/// One member, traced.
struct Traced<M: Tree<Tensor>, X: Tree<Tensor>>
where
    Code<M>: Function<Arguments<X>>,
{
    graph: Arc<Graph>,
    /// The structure of its results.
    output: Arc<Types<M, X>>,
    /// Number of members that the program over it computes.
    rows: usize,
}

/// What two inputs must share to use the same graph.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Signature {
    output: TypeId,
    leaves: Vec<(Path, TensorType)>,
    settings: Vec<(Path, String)>,
}

/// What a graph is mapped for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stack {
    signature: Signature,
    /// Number of members that the program computes.
    rows: usize,
    shared: Vec<String>,
}

/// What the member dimension is called: what ops between members name.
const AXIS: &str = "members";

/// The graph that a model leaves for one type of input.
type Trace<M> = Arc<dyn Fn(&Code<M>) -> Result<Graph, Error> + Send + Sync>;

/// One member, traced for one type of input.
struct Member<M: Tree<Tensor>> {
    graph: Arc<Graph>,
    /// The structure of its results.
    output: Arc<dyn Any + Send + Sync>,
    trace: Trace<M>,
    /// Number of members that it was traced for, if it exchanges values with them: then the program
    /// is for so many, and no more.
    among: Option<usize>,
}

/// What was made so far.
struct Made<M: Tree<Tensor>> {
    members: HashMap<Signature, Member<M>>,
    programs: HashMap<Stack, Arc<Executable>>,
}

impl<M: Tree<Tensor>> Default for Made<M> {
    fn default() -> Self {
        Made { members: HashMap::new(), programs: HashMap::new() }
    }
}

/// Models of one architecture, run as one program whose members come and go.
///
/// One member is traced, once for each type of input; the program over all of them is compiled for
/// the capacity. Members that are replaced, join or leave within it change numbers alone.
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
    randomness: Randomness,
    chunks: Chunks,
    made: Mutex<Made<M>>,
}

impl<M: Module<Tensor> + Clone> Ensemble<M> {
    /// The models, each a member. Tensors that are the same in all of them, bit for bit, are held
    /// once and not mapped: a frozen backbone runs once for all.
    ///
    /// # Errors
    /// If there is no model; if models differ in hyperparameters, training mode, or the names, shapes
    /// or element types of their state.
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
            randomness: Randomness::default(),
            chunks: Chunks::default(),
            made: Mutex::default(),
        })
    }

    /// The same ensemble on another device.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        Ensemble { device, made: Mutex::default(), ..self }
    }

    /// What members draw where a layer draws by itself (dropout) from a key that they share; an error
    /// unless said otherwise. A member draws by its number, which is another one's once a member before
    /// it has left.
    #[must_use]
    pub fn randomness(self, randomness: Randomness) -> Self {
        Ensemble { randomness, made: Mutex::default(), ..self }
    }

    /// So many members at a time: the same results in bounded memory.
    #[must_use]
    pub fn chunk_size(self, members: usize) -> Self {
        let chunks = Chunks { size: Some(members), ..self.chunks };
        Ensemble { chunks, made: Mutex::default(), ..self }
    }

    /// As many members at a time as fit into so many bytes, state and results included.
    #[must_use]
    pub fn memory_limit(self, bytes: u64) -> Self {
        let chunks = Chunks { memory_limit: Some(bytes), ..self.chunks };
        Ensemble { chunks, made: Mutex::default(), ..self }
    }

    /// The same ensemble with room for so many members: until there are more, nothing is compiled
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

    /// A member as a model of its own.
    ///
    /// # Errors
    /// If there is no such member.
    pub fn member(&self, index: usize) -> Result<M, Error> {
        Ok(self.state.unstack(index)?)
    }

    /// Puts another model in a member's place. If it does not share what all members shared so far,
    /// each gets its own, and the next call compiles again.
    ///
    /// # Errors
    /// If there is no such member; if the model differs from the members in settings, state or what
    /// it computes. The ensemble is then as it was.
    pub fn replace_member(&mut self, index: usize, model: &M) -> Result<(), Error> {
        self.computes_the_same(model)?;
        Ok(self.state.replace_member(index, model)?)
    }

    /// Adds a model behind the last member. Beyond the capacity, which then doubles, the next call
    /// compiles again.
    ///
    /// # Errors
    /// As [`Ensemble::replace_member`].
    pub fn push_member(&mut self, model: &M) -> Result<(), Error> {
        self.computes_the_same(model)?;
        Ok(self.state.push_member(model)?)
    }

    /// Takes a member out and returns it; those behind it move up.
    ///
    /// # Errors
    /// If there is no such member, or no other.
    pub fn remove_member(&mut self, index: usize) -> Result<M, Error> {
        Ok(self.state.remove_member(index)?)
    }

    /// How many programs were compiled so far.
    pub fn compilations(&self) -> usize {
        self.made().programs.len()
    }

    /// How many types of input there is a traced member for.
    pub fn traces(&self) -> usize {
        self.made().members.len()
    }

    /// Fails if a newcomer, traced alone, leaves another graph than the members.
    fn computes_the_same(&self, model: &M) -> Result<(), Error> {
        // What settings and state tell is told first, and better.
        self.state.check_model(model)?;
        let code = FunctionalModule::new(model);
        for member in self.made().members.values() {
            let graph = (member.trace)(&code)?;
            same_graph(&member.graph, &graph, Who::Newcomer).map_err(CompilerError::from)?;
        }
        Ok(())
    }

    /// What was made; a thread that panicked while holding it left it whole.
    fn made(&self) -> MutexGuard<'_, Made<M>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Module<Tensor> + Clone> Ensemble<M> {
    /// All members' results on an input that they share, the members first.
    ///
    /// # Errors
    /// Whatever the models do that does not fit, with the lines that did it; whatever the device
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
        let Traced { graph, output, rows } = self.traced(input, &signature::<M, X>(input))?;
        let results = leaves(&*output).len();
        let (out_dims, paths) = (vec![Some(0); results], vec![Path::default(); results]);
        let (in_dims, axis) = (self.in_dims(&graph), self.axis(rows));
        Ok(explain(&graph, &in_dims, &out_dims, &paths, &axis, self.chunks)?)
    }

    /// Whether a member's results depend on the others, or on its number among them.
    #[track_caller]
    fn members_meet<X: Tree<Tensor>>(&self, input: &X) -> Result<bool, Error>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<Arguments<X>>,
        Types<M, X>: Send + Sync + 'static,
    {
        let graph = self.traced(input, &signature::<M, X>(input))?.graph;
        let axis = self.axis(self.len()).name;
        Ok(exchanges(&graph, &axis) || asks_for_numbers(&graph, &axis))
    }

    /// The structure of one member's results, and the results of all.
    #[track_caller]
    fn results<X: Tree<Tensor>>(&self, input: &X) -> Results<M, X>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<Arguments<X>>,
        Types<M, X>: Send + Sync + 'static,
    {
        let signature = signature::<M, X>(input);
        let Traced { graph, output, rows } = self.traced(input, &signature)?;
        let executable = self.program(&graph, signature, leaves(&*output).len(), rows)?;
        let of_state = self.state.params().iter().chain(self.state.buffers());
        let mut inputs = of_state
            .map(|(name, tensor)| if self.is_shared(name) { Ok(tensor.clone()) } else { first(tensor, rows) })
            .collect::<Result<Vec<Tensor>, Error>>()?;
        inputs.extend(leaves(input).into_iter().map(|(_, tensor)| tensor));
        let results = executable.run(&inputs)?;
        let results = results.iter().map(|result| first(result, self.len())).collect::<Result<_, _>>()?;
        Ok((output, results))
    }

    /// The structure of one member's results, and its graph, traced on first use.
    #[track_caller]
    fn traced<X: Tree<Tensor>>(&self, input: &X, signature: &Signature) -> Result<Traced<M, X>, Error>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<Arguments<X>>,
        Types<M, X>: Send + Sync + 'static,
    {
        let rows = |among: Option<usize>| among.unwrap_or(self.state.capacity());
        let known = self.made().members.get(signature).and_then(|member| {
            let fits = member.among.is_none_or(|members| members == self.len());
            fits.then(|| (Arc::clone(&member.graph), Arc::clone(&member.output), member.among))
        });
        if let Some((graph, output, among)) = known
            && let Ok(output) = output.downcast()
        {
            return Ok(Traced { graph, output, rows: rows(among) });
        }
        let (params, buffers) = self.state.member_types();
        let types = input.map(&mut Walk::default(), &mut |_, leaf: &Tensor| leaf.ty().clone());
        let arguments = (params, buffers, types);
        let (axis, randomness) = (self.axis(self.len()), self.randomness);
        let traced = trace_member(self.state.function(), &arguments, &axis, randomness)?;
        let (graph, output) = (Arc::new(traced.graph), Arc::new(traced.output));
        let among = exchanges(&graph, &axis.name).then_some(self.len());
        let trace: Trace<M> =
            Arc::new(move |code| Ok(trace_member(code, &arguments, &axis, randomness)?.graph));
        let member = Member {
            graph: Arc::clone(&graph),
            output: Arc::clone(&output) as Arc<dyn Any + Send + Sync>,
            trace,
            among,
        };
        self.made().members.insert(signature.clone(), member);
        Ok(Traced { graph, output, rows: rows(among) })
    }

    /// The executable over the members of one graph, made on first use.
    fn program(
        &self,
        graph: &Graph,
        signature: Signature,
        results: usize,
        rows: usize,
    ) -> Result<Arc<Executable>, Error> {
        let shared: Vec<String> = self.state.shared().map(str::to_owned).collect();
        let stack = Stack { signature, rows, shared };
        if let Some(executable) = self.made().programs.get(&stack) {
            return Ok(Arc::clone(executable));
        }
        let (out_dims, paths) = (vec![Some(0); results], vec![Path::default(); results]);
        let (in_dims, axis) = (self.in_dims(graph), self.axis(rows));
        let mapped = batch_graph_in_chunks(graph, &in_dims, &out_dims, &paths, &axis, self.chunks)?;
        let mapped = expand(&mapped).map_err(CompilerError::from)?;
        let executable = Arc::new(Executable::compile(&mapped, self.device)?);
        self.made().programs.insert(stack, Arc::clone(&executable));
        Ok(executable)
    }

    /// Where the inputs of a member's graph have the members.
    fn in_dims(&self, graph: &Graph) -> Vec<Option<usize>> {
        let of_state = self.state.params().keys().chain(self.state.buffers().keys());
        let mut in_dims: Vec<Option<usize>> =
            of_state.map(|name| (!self.is_shared(name)).then_some(0)).collect();
        in_dims.resize(graph.inputs().len(), None);
        in_dims
    }

    fn is_shared(&self, name: &str) -> bool {
        self.state.shared().any(|shared| shared == name)
    }

    fn axis(&self, size: usize) -> Axis {
        Axis { name: AXIS.into(), size }
    }
}

/// What the programs for an input are known by.
fn signature<M: Tree<Tensor>, X: Tree<Tensor>>(input: &X) -> Signature
where
    Code<M>: Function<Arguments<X>>,
    Types<M, X>: 'static,
{
    let leaf = |(path, tensor): (Path, Tensor)| (path, tensor.ty().clone());
    Signature {
        output: TypeId::of::<Types<M, X>>(),
        leaves: leaves(input).into_iter().map(leaf).collect(),
        settings: settings(input),
    }
}

/// The first rows of a stacked tensor.
fn first(tensor: &Tensor, rows: usize) -> Result<Tensor, Error> {
    match tensor.shape().first() {
        Some(&all) if all > rows => Ok(tensor.take(&(0..rows).collect::<Vec<_>>())?),
        Some(_) | None => Ok(tensor.clone()),
    }
}

fn other_structure() -> Error {
    CompilerError::Message("the program has another number of results than its models".to_owned()).into()
}

impl<M: Tree<Tensor>> fmt::Debug for Ensemble<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ensemble").field("state", &self.state).field("device", &self.device).finish()
    }
}
