//! Graphs on a GPU: which tensors inputs, constants and results are, and what stays there between runs.
//!
//! An input that a run is given again (by identity: the weights of an ensemble) is on the GPU already; any other is written
//! over the one before it, so that runs replay the same launches. Must not live here: the driver (`choral_cuda`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use choral_cuda::parts::{Limits, divide};
use choral_cuda::{Gpu, Memory, Module, Session, Unit};
use choral_ir::{Graph, Identity, Tensor, TensorType, with_storage};

use crate::error::Error;
use crate::memory::Peak;
use crate::plan::{DevicePlan, Plan};
use crate::setting::Setting;

/// A graph compiled for a GPU. Threads may share it; each run has a session of its own.
#[derive(Debug)]
pub(crate) struct GpuProgram {
    plan: DevicePlan,
    types: Vec<TensorType>,
    module: Arc<Module>,
    constants: OnceLock<Vec<Memory>>,
    /// Of each input, the last tensor that two runs in a row were given.
    known: Mutex<Vec<Option<Held>>>,
    free: Mutex<Vec<Run>>,
}

/// A tensor that lies on the GPU.
#[derive(Debug, Clone)]
struct Held {
    identity: Identity,
    memory: Arc<Memory>,
}

/// What one run at a time works with.
#[derive(Debug)]
struct Run {
    session: Session,
    inputs: Vec<Option<Held>>,
    results: Vec<Memory>,
}

/// The GPU of this number, which the whole process shares.
///
/// # Errors
/// If there is none, or no compiler for it.
pub(crate) fn gpu(ordinal: usize) -> Result<Arc<Gpu>, Error> {
    static OPEN: Mutex<Option<HashMap<usize, Arc<Gpu>>>> = Mutex::new(None);
    let mut open = locked(&OPEN);
    let open = open.get_or_insert_default();
    if let Some(gpu) = open.get(&ordinal) {
        return Ok(gpu.clone());
    }
    let gpu = Gpu::open(ordinal)?;
    choral_cuda::compile::find()?;
    open.insert(ordinal, gpu.clone());
    Ok(gpu)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The CUDA C++ that a GPU runs a verified graph with, which any machine can write.
///
/// ```
/// use choral_ir::{Builder, DType, TensorType, op::Unary};
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([3], DType::F32));
/// let y = builder.unary(Unary::Exponential, x)?;
/// let source = choral_runtime::cuda_source(&builder.finish(&[y]))?;
/// assert!(source.contains("__global__ void step_0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If an op has no kernel.
pub fn cuda_source(graph: &Graph) -> Result<String, Error> {
    let plan = device_plan(graph, &Setting::default(), Limits::default())?;
    Ok(Unit::of(&plan.program).map_err(choral_cuda::Error::from)?.source)
}

/// How a GPU runs a verified graph: kernels, and the parts that blocks take through several of them, each with why. GPUs
/// differ; this is for one like an H100, which needs not be there.
///
/// ```
/// use choral_ir::{Builder, DType, TensorType, op::Unary};
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([3], DType::F32));
/// let y = builder.unary(Unary::Exponential, x)?;
/// let plan = choral_runtime::cuda_plan(&builder.finish(&[y]))?;
/// assert!(plan.contains("rows 3"), "{plan}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If an op has no kernel.
pub fn cuda_plan(graph: &Graph) -> Result<String, Error> {
    Ok(device_plan(graph, &Setting::default(), Limits::default())?.program.to_string())
}

/// The plan for a GPU that has so much.
fn device_plan(graph: &Graph, setting: &Setting, limits: Limits) -> Result<DevicePlan, Error> {
    let mut plan = Plan::of(graph, &setting.for_another_device()).for_device()?;
    divide(&mut plan.program, if setting.is_in_pieces() { limits.in_pieces() } else { limits });
    Ok(plan)
}

/// The PTX of [`cuda_source`], which NVIDIA's compiler makes without a GPU.
///
/// # Errors
/// If an op has no kernel; if there is no compiler.
pub fn ptx(graph: &Graph) -> Result<String, Error> {
    Ok(choral_cuda::compile::ptx(&cuda_source(graph)?)?)
}

impl GpuProgram {
    /// Compiles a graph for a GPU.
    ///
    /// # Errors
    /// If an op has no kernel; if there is no such GPU, or no compiler for it.
    pub(crate) fn compile(graph: &Graph, ordinal: usize, setting: &Setting) -> Result<GpuProgram, Error> {
        let gpu = gpu(ordinal)?;
        let plan = device_plan(graph, setting, gpu.limits())?;
        let unit = Unit::of(&plan.program).map_err(choral_cuda::Error::from)?;
        let module = Arc::new(Module::new(&gpu, &unit)?);
        let known = Mutex::new(vec![None; plan.inputs]);
        let types = graph.output_types();
        Ok(GpuProgram { plan, types, module, constants: OnceLock::new(), known, free: Mutex::default() })
    }

    /// What a run takes on the GPU.
    pub(crate) fn peak(&self, name: &str) -> Peak {
        let DevicePlan { program, result_bytes, constants, .. } = &self.plan;
        let constants = constants.iter().map(|tensor| tensor.ty().bytes());
        let all = result_bytes.iter().copied().chain(constants).fold(program.room, usize::saturating_add);
        Peak::none(name).beside(all)
    }

    /// The graph's outputs on inputs of its types.
    ///
    /// # Errors
    /// If the GPU has no memory for it, or if a launch fails.
    pub(crate) fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let free = locked(&self.free).pop();
        let mut run = free.map_or_else(|| self.new_run(), Ok)?;
        // What failed is not used again.
        let results = self.run_on(&mut run, inputs)?;
        locked(&self.free).push(run);
        Ok(results)
    }

    /// How long so many runs in a row take by the GPU's own clock. Inputs are there before, and results stay there.
    ///
    /// # Errors
    /// As [`GpuProgram::run`].
    pub(crate) fn time(&self, inputs: &[Tensor], runs: usize) -> Result<Duration, Error> {
        let free = locked(&self.free).pop();
        let mut run = free.map_or_else(|| self.new_run(), Ok)?;
        let Run { session, inputs: held, results } = &mut run;
        let constants = self.constants(session)?;
        for (number, (held, tensor)) in held.iter_mut().zip(inputs).enumerate() {
            self.hold(session, number, held, tensor)?;
        }
        let given: Vec<&Memory> =
            held.iter().flatten().map(|held| &*held.memory).chain(constants).chain(&*results).collect();
        let time = session.time(&given, runs)?;
        locked(&self.free).push(run);
        Ok(time)
    }

    fn new_run(&self) -> Result<Run, Error> {
        let session = Session::new(&self.module, self.plan.program.room)?;
        let result = |&bytes: &usize| session.memory(bytes, "a result");
        let results = self.plan.result_bytes.iter().map(result).collect::<Result<_, _>>()?;
        Ok(Run { session, inputs: vec![None; self.plan.inputs], results })
    }

    fn run_on(&self, run: &mut Run, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let Run { session, inputs: held, results } = run;
        let constants = self.constants(session)?;
        for (number, (held, tensor)) in held.iter_mut().zip(inputs).enumerate() {
            self.hold(session, number, held, tensor)?;
        }
        let given = held.iter().flatten().map(|held| &*held.memory).chain(constants).chain(&*results);
        session.run(&given.collect::<Vec<_>>())?;
        let output = |(&given, ty): (&usize, &TensorType)| {
            let first_result = self.plan.inputs + self.plan.constants.len();
            let whole = if given < self.plan.inputs {
                inputs[given].clone()
            } else if given < first_result {
                self.plan.constants[given - self.plan.inputs].clone()
            } else {
                let mut tensor = Tensor::try_zeros(ty.clone())?;
                if let Some(bytes) = bytes_mut(&mut tensor) {
                    session.read(&results[given - first_result], bytes)?;
                }
                tensor
            };
            Ok(whole.reshape(ty.shape.as_slice())?)
        };
        let outputs =
            self.plan.outputs.iter().zip(&self.types).map(output).collect::<Result<Vec<_>, Error>>();
        session.wait()?;
        outputs
    }

    /// Constants on the GPU; they are written once.
    fn constants(&self, session: &Session) -> Result<&[Memory], Error> {
        if let Some(constants) = self.constants.get() {
            return Ok(constants);
        }
        let upload = |tensor: &Tensor| {
            let mut memory = session.memory(tensor.ty().bytes(), "a constant")?;
            session.write(&mut memory, bytes(tensor))?;
            Ok(memory)
        };
        let constants = self.plan.constants.iter().map(upload).collect::<Result<Vec<_>, Error>>()?;
        // Another session may use them at once.
        session.wait()?;
        Ok(self.constants.get_or_init(|| constants))
    }

    /// Puts an input on the GPU, if it is not there.
    fn hold(
        &self,
        session: &Session,
        number: usize,
        held: &mut Option<Held>,
        tensor: &Tensor,
    ) -> Result<(), Error> {
        let is_it = |held: &Option<Held>| held.as_ref().is_some_and(|held| held.identity.is(tensor));
        if is_it(held) {
            locked(&self.known)[number].clone_from(held);
            return Ok(());
        }
        let known = locked(&self.known)[number].clone();
        if is_it(&known) {
            *held = known;
            return Ok(());
        }
        let own = held.take().and_then(|held| Arc::into_inner(held.memory));
        let mut memory = match own {
            Some(memory) => memory,
            None => session.memory(tensor.ty().bytes(), "an input")?,
        };
        session.write(&mut memory, bytes(tensor))?;
        *held = Some(Held { identity: tensor.identity(), memory: Arc::new(memory) });
        Ok(())
    }
}

/// The elements of a tensor as they lie in memory.
fn bytes(tensor: &Tensor) -> &[u8] {
    let start: *const u8 = with_storage!(tensor.storage(), values => values.as_ptr().cast());
    // SAFETY: elements are numbers without padding, as many as the type says.
    unsafe { std::slice::from_raw_parts(start, tensor.ty().bytes()) }
}

/// As [`bytes`], of a tensor that nobody else holds.
fn bytes_mut(tensor: &mut Tensor) -> Option<&mut [u8]> {
    let length = tensor.ty().bytes();
    let storage = tensor.storage_mut()?;
    let start: *mut u8 = with_storage!(storage, values => values.as_mut_ptr().cast());
    // SAFETY: as above; kernels write elements of the type, and truth values are 0 or 1.
    Some(unsafe { std::slice::from_raw_parts_mut(start, length) })
}
