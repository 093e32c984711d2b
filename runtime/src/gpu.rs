//! Graphs on a GPU: which tensors inputs, constants and results are, and what stays there between runs.
//!
//! An input that a run is given again (by identity: the weights of an ensemble) is on the GPU already; any other is written
//! over the one before it, so that runs replay the same launches. Must not live here: the driver (`choral_cuda`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use choral_cuda::library_product::WORTH;
use choral_cuda::parts::{Limits, divide};
use choral_cuda::program::Task;
use choral_cuda::{Gpu, Line, Memory, Module, Session, Unit};
use choral_ir::{Graph, Identity, Tensor, TensorType, with_storage};

use crate::device_tensor::{DeviceInput, DeviceTensor};
use crate::error::Error;
use crate::gather;
use crate::memory::Peak;
use crate::memory::scratch::total;
use crate::plan::{DevicePlan, Plan};
use crate::setting::Setting;

/// A graph compiled for a GPU. Threads may share it; each run has a session of its own.
#[derive(Debug)]
pub(crate) struct GpuProgram {
    ordinal: usize,
    plan: DevicePlan,
    types: Vec<TensorType>,
    peak: Peak,
    module: Arc<Module>,
    constants: OnceLock<Vec<Arc<Memory>>>,
    /// Of each input, the last tensor that two runs in a row were given.
    known: Mutex<Vec<Option<Held>>>,
    free: Mutex<Vec<Run>>,
}

/// A tensor of the host that lies on the GPU, too.
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
    /// Where the results of the last runs lie, written over once nobody else holds them.
    results: Vec<Vec<Arc<Memory>>>,
}

/// How many results are kept for the runs after the next: those that go round as inputs are written in turns.
const KEPT: usize = 4;

/// The GPU of this number, which the whole process shares.
///
/// # Errors
/// If there is none, or no compiler for it.
pub(crate) fn gpu(ordinal: usize) -> Result<Arc<Gpu>, Error> {
    static OPEN: Mutex<Option<HashMap<usize, Arc<Gpu>>>> = Mutex::new(None);
    let mut open = locked(&OPEN);
    let open = open.get_or_insert_default();
    if let Some(gpu) = open.get(&ordinal).filter(|gpu| !gpu.is_lost()) {
        return Ok(gpu.clone());
    }
    // One that failed is there again once all that was on it is dropped.
    if open.remove(&ordinal).is_some() {
        gather::forget(ordinal);
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
/// assert!(source.contains(" step_0("));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If an op has no kernel.
pub fn cuda_source(graph: &Graph) -> Result<String, Error> {
    cuda_source_with(graph, &Setting::default())
}

/// As [`cuda_source`], of a precision: products of [`Precision::Fast`](crate::Precision::Fast) that cuBLASLt does, if it has
/// algorithms for them, are comments in the source.
///
/// # Errors
/// As [`cuda_source`].
pub fn cuda_source_with(graph: &Graph, setting: &Setting) -> Result<String, Error> {
    let plan = device_plan(graph, setting, Limits::default())?;
    let unit =
        Unit::with_library(&plan.program, |call| setting.is_fast() && call.matmul.multiply_adds() >= WORTH);
    Ok(unit.map_err(choral_cuda::Error::from)?.source)
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
    let limits = Limits { has_library: setting.is_fast(), ..limits };
    divide(&mut plan.program, if setting.is_in_pieces() { limits.in_pieces() } else { limits });
    // A block that takes its part through several steps would write over what another one has not read yet.
    if plan.program.steps.iter().any(|step| matches!(step.task, Task::Parts(_))) {
        plan.donors.fill(None);
    }
    Ok(plan)
}

/// Bytes that a run of a graph takes on a GPU, inputs included, whether there is one or not.
pub(crate) fn peak_bytes(graph: &Graph) -> usize {
    let inputs = total(graph.input_types().iter().map(TensorType::bytes));
    let plan = device_plan(graph, &Setting::default(), Limits::default());
    // What has no kernel runs on no GPU, with any memory.
    plan.map_or(0, |plan| plan.peak(graph.name()).beside(inputs).bytes)
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
    /// If an op has no kernel; if there is no such GPU, or no compiler for it, or no library of a fast precision.
    pub(crate) fn compile(graph: &Graph, ordinal: usize, setting: &Setting) -> Result<GpuProgram, Error> {
        let gpu = gpu(ordinal)?;
        let plan = device_plan(graph, setting, gpu.limits())?;
        let module = Arc::new(match setting.is_fast() {
            true => Module::with_library(&gpu, &plan.program, WORTH)?,
            false => Module::new(&gpu, &plan.program)?,
        });
        let inputs = total(graph.input_types().iter().map(TensorType::bytes));
        let known = Mutex::new(vec![None; plan.inputs]);
        let types = graph.output_types();
        let (constants, free) = (OnceLock::new(), Mutex::default());
        let peak = plan.peak(graph.name()).beside(inputs);
        Ok(GpuProgram { ordinal, plan, types, peak, module, constants, known, free })
    }

    /// What a run takes on the GPU.
    pub(crate) fn peak(&self) -> &Peak {
        &self.peak
    }

    /// The number of the GPU.
    pub(crate) fn ordinal(&self) -> usize {
        self.ordinal
    }

    /// The graph's outputs on inputs of its types.
    ///
    /// # Errors
    /// If the GPU has no memory for it, or if a launch fails.
    pub(crate) fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let given = inputs.iter().map(DeviceInput::from).collect();
        self.with_run(|run| {
            let outputs = self.begin(run, given)?;
            let output = |((memory, &number), ty): ((&Arc<Memory>, &usize), &TensorType)| {
                let constant =
                    number.checked_sub(self.plan.inputs).and_then(|at| self.plan.constants.get(at));
                match inputs.get(number).or(constant) {
                    Some(tensor) => Ok(tensor.reshape(ty.shape.as_slice())?),
                    None => {
                        let mut tensor = Tensor::try_zeros(ty.clone())?;
                        if let Some(bytes) = bytes_mut(&mut tensor) {
                            run.session.line().read(memory, bytes)?;
                        }
                        Ok(tensor)
                    }
                }
            };
            let outputs = outputs.iter().zip(&self.plan.outputs).zip(&self.types).map(output);
            let outputs = outputs.collect::<Result<Vec<_>, Error>>()?;
            run.session.line().wait()?;
            Ok(outputs)
        })
    }

    /// As [`GpuProgram::run`], with results that stay on the GPU, where they may not be made yet.
    ///
    /// # Errors
    /// As [`GpuProgram::run`]; a launch that fails later is an error of whoever reads a result.
    pub(crate) fn run_on_device(&self, inputs: Vec<DeviceInput>) -> Result<Vec<DeviceTensor>, Error> {
        let outputs = self.with_run(|run| self.begin(run, inputs))?;
        let outputs = outputs.into_iter().zip(&self.types);
        Ok(outputs.map(|(memory, ty)| DeviceTensor::of_gpu(ty.clone(), memory)).collect())
    }

    /// What a run works with, which is free again afterwards; what failed is not used again.
    fn with_run<R>(&self, work: impl FnOnce(&mut Run) -> Result<R, Error>) -> Result<R, Error> {
        let free = locked(&self.free).pop();
        let mut run = free.map_or_else(|| self.new_run(), Ok)?;
        let result = work(&mut run)?;
        locked(&self.free).push(run);
        Ok(result)
    }

    /// How long so many runs in a row take by the GPU's own clock. Inputs are there before, and results stay there.
    ///
    /// # Errors
    /// As [`GpuProgram::run`].
    pub(crate) fn time(&self, inputs: &[Tensor], runs: usize) -> Result<Duration, Error> {
        self.with_run(|run| {
            let begin = |run: &mut Run| self.begin(run, inputs.iter().map(DeviceInput::from).collect());
            begin(run)?;
            let line = run.session.line().clone();
            let start = line.moment()?;
            (0..runs).try_for_each(|_| begin(run).map(drop))?;
            let end = line.moment()?;
            Ok(line.between(&start, &end)?)
        })
    }

    fn new_run(&self) -> Result<Run, Error> {
        let session = Session::new(&self.module, self.plan.program.room)?;
        let results = self.plan.result_bytes.iter().map(|_| Vec::new()).collect();
        Ok(Run { session, inputs: vec![None; self.plan.inputs], results })
    }

    /// Begins a run: where its outputs will lie.
    fn begin(&self, run: &mut Run, inputs: Vec<DeviceInput>) -> Result<Vec<Arc<Memory>>, Error> {
        let line = run.session.line().clone();
        let constants = self.constants(&line)?;
        let is_given: Vec<bool> =
            inputs.iter().map(|input| matches!(input, DeviceInput::Device(_))).collect();
        let mut read = Vec::with_capacity(inputs.len() + constants.len());
        for (number, (held, input)) in run.inputs.iter_mut().zip(inputs).enumerate() {
            read.push(match input {
                DeviceInput::Host(tensor) => self.hold(&line, number, held, &tensor)?,
                DeviceInput::Device(tensor) => tensor.into_memory().ok_or_else(|| elsewhere(number))?,
            });
        }
        let results = (0..self.plan.result_bytes.len()).map(|result| {
            let donor = self.plan.donors[result].filter(|&input| is_given[input]);
            run.result(result, donor.map(|input| &read[input]), self.plan.result_bytes[result])
        });
        let results = results.collect::<Result<Vec<_>, Error>>()?;
        read.extend_from_slice(constants);
        run.session.run(&places(&read), &places(&results))?;
        let output = |&number: &usize| match number.checked_sub(read.len()) {
            Some(result) => results[result].clone(),
            None => read[number].clone(),
        };
        Ok(self.plan.outputs.iter().map(output).collect())
    }

    /// Constants on the GPU; they are written once.
    fn constants(&self, line: &Arc<Line>) -> Result<&[Arc<Memory>], Error> {
        if let Some(constants) = self.constants.get() {
            return Ok(constants);
        }
        let upload = |tensor| Ok(Arc::new(upload(line, tensor, "a constant")?));
        let constants = self.plan.constants.iter().map(upload).collect::<Result<Vec<_>, Error>>()?;
        Ok(self.constants.get_or_init(|| constants))
    }

    /// Puts an input on the GPU, if it is not there.
    fn hold(
        &self,
        line: &Arc<Line>,
        number: usize,
        held: &mut Option<Held>,
        tensor: &Tensor,
    ) -> Result<Arc<Memory>, Error> {
        let is_it = |held: &&Held| held.identity.is(tensor);
        if let Some(held) = held.as_ref().filter(is_it) {
            locked(&self.known)[number] = Some(held.clone());
            return Ok(held.memory.clone());
        }
        let known = locked(&self.known)[number].clone();
        if let Some(known) = known.filter(|known| is_it(&known)) {
            return Ok(held.insert(known).memory.clone());
        }
        let own = held.take().and_then(|held| Arc::into_inner(held.memory));
        let memory = match own {
            Some(mut memory) => {
                line.write(&mut memory, bytes(tensor))?;
                memory
            }
            None => upload(line, tensor, "an input")?,
        };
        let memory = Arc::new(memory);
        Ok(held.insert(Held { identity: tensor.identity(), memory }).memory.clone())
    }
}

impl Run {
    /// Where a result goes: over the donated input whose place it may take, if nobody else holds that; over what nobody
    /// holds of the last results; anew.
    fn result(
        &mut self,
        result: usize,
        donor: Option<&Arc<Memory>>,
        bytes: usize,
    ) -> Result<Arc<Memory>, Error> {
        if let Some(donor) = donor {
            let kept = self.results.iter().flatten().filter(|kept| Arc::ptr_eq(kept, donor)).count();
            if Arc::strong_count(donor) == 1 + kept {
                self.results.iter_mut().for_each(|results| results.retain(|kept| !Arc::ptr_eq(kept, donor)));
                return Ok(self.keep(result, donor.clone()));
            }
        }
        let free = self.results[result].iter().find(|kept| Arc::strong_count(kept) == 1);
        match free {
            Some(free) => Ok(free.clone()),
            None => {
                let memory = self.session.line().memory(bytes, "a result")?;
                Ok(self.keep(result, Arc::new(memory)))
            }
        }
    }

    fn keep(&mut self, result: usize, memory: Arc<Memory>) -> Arc<Memory> {
        let results = &mut self.results[result];
        if results.len() == KEPT {
            results.remove(0);
        }
        results.push(memory.clone());
        memory
    }
}

impl DevicePlan {
    /// What a run takes on a device besides its inputs.
    pub(crate) fn peak(&self, name: &str) -> Peak {
        let constants = self.constants.iter().map(|tensor| tensor.ty().bytes());
        let all =
            self.result_bytes.iter().copied().chain(constants).fold(self.program.room, usize::saturating_add);
        Peak::none(name).beside(all)
    }
}

/// Brings a tensor to a GPU.
///
/// # Errors
/// If there is no such GPU, or if it has no memory for it.
pub(crate) fn put(ordinal: usize, tensor: &Tensor) -> Result<Arc<Memory>, Error> {
    Ok(Arc::new(upload(&gpu(ordinal)?.upward()?, tensor, "a tensor")?))
}

/// Reads a tensor that nobody else holds from the memory of a GPU.
///
/// # Errors
/// If what was to write it failed.
pub(crate) fn read(memory: &Memory, tensor: &mut Tensor) -> Result<(), Error> {
    let line = gpu(memory.ordinal())?.downward()?;
    bytes_mut(tensor).map_or(Ok(()), |bytes| Ok(line.read(memory, bytes)?))
}

fn upload(line: &Arc<Line>, tensor: &Tensor, purpose: &'static str) -> Result<Memory, Error> {
    let mut memory = line.memory(tensor.ty().bytes(), purpose)?;
    line.write(&mut memory, bytes(tensor))?;
    Ok(memory)
}

fn places(memories: &[Arc<Memory>]) -> Vec<&Memory> {
    memories.iter().map(|memory| &**memory).collect()
}

fn elsewhere(input: usize) -> Error {
    Error::internal(&input.to_string(), "an input of a GPU's program lies elsewhere")
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
