//! Functions that run: traced once for each signature, compiled, and kept.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use choral_compiler::trace::function::{OutputTypes, TracedOn};
use choral_compiler::transform::explain::Explanation;
use choral_compiler::transform::vmap::MemoryLimit;
use choral_compiler::tree::{Path, Segment, Typed, add_leaves, leaves, rebuild};
use choral_compiler::{Function, IntoDims, Leaf, Randomness, Tree, Var, Vmap, trace};
use choral_ir::{Tensor, TensorType};
use choral_runtime::{Device, Executable, Setting};

use crate::Error;
use crate::cache::{Cache, Key};
use crate::compile::{compile_with, peak_bytes};
use crate::inputs::with_list;
use crate::on_device::{OnDevice, put};

/// A function of tensors, compiled on its first call; made by [`jit`] and [`vmap`].
///
/// Threads may share a program. Arguments of a new structure, shape or element type make it compile
/// again; it keeps both, up to a [number of programs](Program::cache_size).
pub struct Program<F> {
    function: F,
    device: Device,
    /// All threads and the best instruction set unless a user says otherwise.
    setting: Option<Setting>,
    /// Positions of arguments that calls may write over.
    donated: Vec<usize>,
    compiled: Cache<Arc<dyn Any + Send + Sync>>,
}

/// An executable, and the structure of its results.
struct Compiled<O> {
    executable: Executable,
    output: O,
}

/// What a program of `F` keeps for arguments `A` as traced values.
type CompiledFor<F, A> = Arc<Compiled<OutputTypes<F, A>>>;

/// The results of `F` on arguments `A` as tensors.
type Results<F, A> = <OutputTypes<F, <A as Tree<Tensor>>::With<Var>> as Tree<TensorType>>::With<Tensor>;

/// The results of `F` on arguments `A`, on a device.
type ResultsOnDevice<F, A> =
    <OutputTypes<F, <A as Tree<OnDevice>>::With<Var>> as Tree<TensorType>>::With<OnDevice>;

/// Compiles `function` as it is.
///
/// ```
/// use choral::prelude::*;
/// let norm = jit(|x: Var| (&x * &x).sum(()).sqrt());
/// assert_eq!(norm.call(&Tensor::from([3.0f32, 4.0]))?.item::<f32>()?, 5.0);
/// # Ok::<(), choral::Error>(())
/// ```
pub fn jit<F>(function: F) -> Program<F> {
    Program {
        function,
        device: Device::default(),
        setting: None,
        donated: Vec::new(),
        compiled: Cache::default(),
    }
}

/// Maps `function` over a dimension of its arguments and compiles the result; see
/// [`choral_compiler::vmap()`] for what `in_dims` says.
///
/// ```
/// use choral::prelude::*;
/// let dot = vmap(|(x, y): (Var, Var)| (x * y).sum(-1), (0, None));
/// let (x, y) = (Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]), Tensor::from([10.0f32, 1.0]));
/// assert_eq!(dot.call((&x, &y))?.as_slice::<f32>()?, [12.0, 34.0]);
/// # Ok::<(), choral::Error>(())
/// ```
pub fn vmap<F>(function: F, in_dims: impl IntoDims) -> Program<Vmap<F>> {
    jit(choral_compiler::vmap(function, in_dims))
}

impl<F> Program<Vmap<F>> {
    /// Where the members lie in each result: an integer, `None` for a shared
    /// result, or a structure of these. The first dimension unless you say otherwise.
    #[must_use]
    pub fn out_dims(self, out_dims: impl IntoDims) -> Self {
        self.with(|function| function.out_dims(out_dims))
    }

    /// Number of members; needed only when no argument is mapped.
    #[must_use]
    pub fn axis_size(self, size: usize) -> Self {
        self.with(|function| function.axis_size(size))
    }

    /// The name of the member axis in printed graphs; `members` unless you say otherwise.
    #[must_use]
    pub fn axis_name(self, name: &str) -> Self {
        self.with(|function| function.axis_name(name))
    }
}

impl<F> Program<Vmap<F>> {
    /// Runs this many members at a time: the same results in bounded memory.
    ///
    /// ```
    /// use choral::prelude::*;
    /// let x = Tensor::randn([1000, 3], Key::new(0));
    /// let norm = |x: Var| (&x * &x).sum(-1);
    /// let in_chunks = vmap(norm, 0).chunk_size(64).call(&x)?;
    /// assert!(in_chunks.bit_eq(&vmap(norm, 0).call(&x)?));
    /// # Ok::<(), choral::Error>(())
    /// ```
    #[must_use]
    pub fn chunk_size(self, members: usize) -> Self {
        self.with(|function| function.chunk_size(members))
    }

    /// What mapping does to each op of the function on these arguments: a table that prints itself.
    ///
    /// # Errors
    /// As [`Program::trace`].
    #[track_caller]
    pub fn explain<T: Typed, A: Tree<T>>(&self, args: A) -> Result<Explanation, Error>
    where
        F: Function<A::With<Var>>,
    {
        Ok(self.function.explain(&args)?)
    }

    /// What members draw where a layer draws implicitly (dropout) from a shared key; an
    /// error unless you say otherwise.
    ///
    /// ```
    /// use choral::prelude::*;
    /// let forward = |(x, key): (Var, Var)| with_key(&key, || x.dropout(0.5));
    /// let (x, key) = (Tensor::randn([5, 8], Key::new(0)), Tensor::from(Key::new(1)));
    /// let masks = vmap(forward, (0, None)).randomness(Randomness::Different).call((&x, &key))?;
    /// assert_eq!(masks.shape(), [5, 8]);
    /// # Ok::<(), choral::Error>(())
    /// ```
    #[must_use]
    pub fn randomness(self, randomness: Randomness) -> Self {
        self.with(|function| function.randomness(randomness))
    }

    /// Runs as many members at a time as fit in this many bytes on the CPU: inputs, results, and all that
    /// a run takes in between.
    #[must_use]
    pub fn memory_limit(self, bytes: u64) -> Self {
        self.with(|function| function.memory_limit_of(on_processor(bytes)))
    }
}

impl<F> Program<F> {
    /// The same program on another device.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        Program { device, ..self.with(|function| function) }
    }

    /// The same program with these threads, this instruction set at most, and this precision.
    ///
    /// ```
    /// use choral::prelude::*;
    /// use choral::{Pool, Setting};
    /// let norm = jit(|x: Var| (&x * &x).sum(()).sqrt()).setting(&Setting::default().on(&Pool::new(1)));
    /// assert_eq!(norm.call(&Tensor::from([3.0f32, 4.0]))?.item::<f32>()?, 5.0);
    /// # Ok::<(), choral::Error>(())
    /// ```
    #[must_use]
    pub fn setting(self, setting: &Setting) -> Self {
        Program { setting: Some(setting.clone()), ..self.with(|function| function) }
    }

    /// Lets results be written where arguments at these positions lie, as `donate_argnums` of `jax.jit` does: the
    /// parameters that a training step makes new ones of, the state of a simulation, a cache that a step adds to. A call
    /// that is handed such tensors by value, with no clone of them left elsewhere, takes no memory for what replaces
    /// them; others are copied first.
    ///
    /// ```
    /// use choral::prelude::*;
    /// let step = jit(|(x, slope): (Var, Var)| x - slope * 0.5).donate([0]);
    /// let (mut x, slope) = (Tensor::from([1.0f32, 2.0]), Tensor::from([1.0f32, 1.0]));
    /// for _ in 0..2 {
    ///     x = step.call((x, &slope))?;
    /// }
    /// assert_eq!(x.as_slice::<f32>()?, [0.0, 1.0]);
    /// # Ok::<(), choral::Error>(())
    /// ```
    #[must_use]
    pub fn donate(self, positions: impl IntoIterator<Item = usize>) -> Self {
        Program { donated: positions.into_iter().collect(), ..self.with(|function| function) }
    }

    /// Arguments brought to the program's device, for [`Program::call_on_device`].
    ///
    /// # Errors
    /// If the device is not there, or has no memory for them.
    pub fn put<A: Tree<Tensor>>(&self, args: &A) -> Result<A::With<OnDevice>, Error> {
        put(self.device, args)
    }

    /// Keeps so many compiled programs at most: those that were called last. 128 unless you say otherwise; what is gone
    /// is compiled again when it is called again.
    ///
    /// ```
    /// use choral::prelude::*;
    /// let norm = jit(|x: Var| (&x * &x).sum(()).sqrt()).cache_size(16);
    /// for batch in 1..100 {
    ///     norm.call(&Tensor::zeros(TensorType::new([batch], DType::F32)))?;
    /// }
    /// # Ok::<(), choral::Error>(())
    /// ```
    #[must_use]
    pub fn cache_size(self, programs: usize) -> Self {
        Program { compiled: Cache::of(programs), ..self }
    }

    /// The same settings for another function, which nothing is compiled for yet.
    pub(crate) fn with<G>(self, change: impl FnOnce(F) -> G) -> Program<G> {
        let Program { function, device, setting, donated, compiled } = self;
        Program { function: change(function), device, setting, donated, compiled: compiled.emptied() }
    }

    /// The graph of the program for these arguments: tensors, or types alone.
    ///
    /// # Errors
    /// Everything in the function that does not fit, with its lines.
    #[track_caller]
    pub fn trace<T: Typed, A: Tree<T>>(&self, args: A) -> Result<TracedOn<F, T, A>, Error>
    where
        F: Function<A::With<Var>>,
    {
        Ok(trace(&self.function, &args)?)
    }

    /// Runs the program.
    ///
    /// # Errors
    /// As [`Program::trace`]; whatever the device cannot do.
    #[track_caller]
    pub fn call<A: Tree<Tensor>>(&self, args: A) -> Result<Results<F, A>, Error>
    where
        A::With<TensorType>: 'static,
        F: Function<A::With<Var>>,
        OutputTypes<F, A::With<Var>>: Send + Sync + 'static,
    {
        let compiled = self.compiled(&args)?;
        let results = with_list(|inputs| {
            add_leaves(&args, inputs);
            // What was handed over by value nobody else holds from here on.
            drop(args);
            compiled.executable.run_with(inputs.drain(..))
        })?;
        rebuild(&compiled.output, &results).ok_or_else(other_number)
    }

    /// As [`Program::call`], with results that stay on the device: on a GPU it returns before they are made, and they go
    /// into the next call without a trip. Arguments lie there, too: what was [put](Program::put) there, or results of such
    /// calls. The same on every device.
    ///
    /// ```
    /// use choral::prelude::*;
    /// let step = jit(|(x, slope): (Var, Var)| x - slope * 0.5).on(Device::best()).donate([0]);
    /// let (mut x, slope) = step.put(&(Tensor::from([1.0f32, 2.0]), Tensor::from([1.0f32, 1.0])))?;
    /// for _ in 0..4 {
    ///     x = step.call_on_device((x, &slope))?; // handed over, and written over
    /// }
    /// assert_eq!(x.to_tensor()?.as_slice::<f32>()?, [-1.0, 0.0]);
    /// # Ok::<(), choral::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Program::call`]; if an argument lies on another device.
    #[track_caller]
    pub fn call_on_device<A: Tree<OnDevice>>(&self, args: A) -> Result<ResultsOnDevice<F, A>, Error>
    where
        A::With<TensorType>: 'static,
        F: Function<A::With<Var>>,
        OutputTypes<F, A::With<Var>>: Send + Sync + 'static,
    {
        let compiled = self.compiled(&args)?;
        let mut inputs = Vec::new();
        add_leaves(&args, &mut inputs);
        drop(args);
        let results = compiled.executable.run_on_device(inputs)?;
        let results: Vec<OnDevice> = results.into_iter().map(OnDevice::from).collect();
        rebuild(&compiled.output, &results).ok_or_else(other_number)
    }

    /// The executable for these arguments, made on first use.
    #[track_caller]
    fn compiled<T: Typed, A: Tree<T>>(&self, args: &A) -> Result<CompiledFor<F, A::With<Var>>, Error>
    where
        A::With<TensorType>: 'static,
        F: Function<A::With<Var>>,
        OutputTypes<F, A::With<Var>>: Send + Sync + 'static,
    {
        let key = Key::of::<T, A, OutputTypes<F, A::With<Var>>>(args);
        if let Some(Ok(compiled)) = self.compiled.get(&key).map(Arc::downcast) {
            return Ok(compiled);
        }
        let traced = trace(&self.function, args)?;
        if !traced.captures.is_empty() {
            return Err(message(
                "the function captures values of an outer trace; inside a trace, use .apply(..) instead of .call(..)",
            ));
        }
        let setting = self.setting.clone().unwrap_or_default().donating(self.donated_inputs(args));
        let executable = compile_with(&traced.graph, self.device, &setting)?;
        let compiled = Arc::new(Compiled { executable, output: traced.output });
        self.compiled.insert(&key, Arc::clone(&compiled) as Arc<dyn Any + Send + Sync>);
        Ok(compiled)
    }
}

impl<F> Program<F> {
    /// The numbers of inputs that are leaves of donated arguments.
    fn donated_inputs<T: Leaf>(&self, args: &impl Tree<T>) -> Vec<usize> {
        let is_donated = |path: &Path| match path.segments().first() {
            Some(Segment::Index(position)) => self.donated.contains(position),
            Some(Segment::Field(_) | Segment::Key(_)) | None => self.donated.contains(&0),
        };
        let leaves = leaves(args).into_iter().enumerate();
        leaves.filter(|(_, (path, _))| is_donated(path)).map(|(input, _)| input).collect()
    }
}

/// A limit on what a run takes on the CPU.
pub(crate) fn on_processor(bytes: u64) -> MemoryLimit {
    MemoryLimit { bytes, needs: |graph| peak_bytes(graph, Device::Cpu) as u64 }
}

/// A limit on what a run takes on a device.
pub(crate) fn on(device: Device, bytes: u64) -> MemoryLimit {
    match device {
        Device::Reference | Device::Cpu => on_processor(bytes),
        Device::Cuda(_) => MemoryLimit { bytes, needs: |graph| peak_bytes(graph, Device::Cuda(0)) as u64 },
    }
}

fn other_number() -> Error {
    message("the number of results is not that of the function's output")
}

fn message(text: &str) -> Error {
    choral_compiler::Error::Message(text.to_owned()).into()
}

/// Inside a trace a program is the function that it was made from.
impl<A, F: Function<A>> Function<A> for Program<F> {
    type Output = F::Output;

    #[track_caller]
    fn apply(&self, args: A) -> Result<Self::Output, choral_compiler::Error> {
        self.function.apply(args)
    }
}

impl<F: fmt::Debug> fmt::Debug for Program<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("function", &self.function).field("device", &self.device).finish()
    }
}
