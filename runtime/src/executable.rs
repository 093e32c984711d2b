//! Compiled graphs.

use std::sync::Arc;
use std::time::Duration;

use choral_ir::{Graph, NodeKind, Op, Tensor};

use crate::device::Device;
use crate::device_tensor::{DeviceInput, DeviceTensor};
use crate::error::Error;
use crate::gpu::{self, GpuProgram};
use crate::memory::{self, Peak};
use crate::ops;
use crate::plan::Plan;
use crate::reference::{check_input_types, check_inputs, interpret};
use crate::session::Session;
use crate::setting::Setting;

/// A graph compiled for a device. Threads may share it and run it at the same time.
///
/// ```
/// use choral_ir::{Builder, DType, Tensor, TensorType, op::Binary};
/// use choral_runtime::{Device, Executable};
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([2], DType::F32));
/// let sum = builder.binary(Binary::Add, x, x)?;
/// let executable = Executable::compile(&builder.finish(&[sum]), Device::Cpu)?;
/// let results = executable.run(&[Tensor::from([1.0f32, 2.0])])?;
/// assert_eq!(results[0].as_slice::<f32>()?, [2.0, 4.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Executable {
    pub(crate) graph: Arc<Graph>,
    /// `None` on the reference device, which walks the graph itself.
    pub(crate) plan: Option<Arc<Plan>>,
    /// What runs it on a GPU.
    gpu: Option<Arc<GpuProgram>>,
    pub(crate) peak: Peak,
}

impl Executable {
    /// Prepares a verified graph.
    ///
    /// # Errors
    /// If a collective is left, whose axis no `vmap` bound; if a run takes more memory than the
    /// machine has.
    pub fn compile(graph: &Graph, device: Device) -> Result<Executable, Error> {
        Executable::compile_with(graph, device, &Setting::default())
    }

    /// As [`Executable::compile`], for these threads and this instruction set instead of all threads and the best.
    ///
    /// ```
    /// use choral_ir::{Builder, DType, TensorType, op::Binary};
    /// use choral_runtime::{Device, Executable, Pool, Setting};
    /// let mut builder = Builder::new("main");
    /// let x = builder.input("x", TensorType::new([2], DType::F32));
    /// let sum = builder.binary(Binary::Add, x, x)?;
    /// let graph = builder.finish(&[sum]);
    /// let one_thread = Setting::default().on(&Pool::new(1));
    /// let executable = Executable::compile_with(&graph, Device::Cpu, &one_thread)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Executable::compile`].
    pub fn compile_with(graph: &Graph, device: Device, setting: &Setting) -> Result<Executable, Error> {
        check_axes(graph)?;
        let plan = match device {
            Device::Reference | Device::Cuda(_) => None,
            Device::Cpu => Some(Arc::new(Plan::of(graph, setting))),
        };
        let gpu = match device {
            Device::Cuda(ordinal) => Some(Arc::new(GpuProgram::compile(graph, ordinal, setting)?)),
            Device::Reference | Device::Cpu => None,
        };
        // A GPU's memory is not the machine's: it is asked when a run begins.
        let peak = match &gpu {
            Some(gpu) => gpu.peak().clone(),
            None => {
                let peak = peak(graph, plan.as_deref());
                peak.check()?;
                peak
            }
        };
        Ok(Executable { graph: Arc::new(graph.clone()), plan, gpu, peak })
    }

    /// The graph that it runs.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The kernels that run it; `None` on the reference device, which walks the graph itself.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// Bytes that a run takes at its fullest moment: inputs, constants, intermediate values, and what
    /// kernels need for themselves. Of a user-defined op, its operands and results.
    pub fn peak_bytes(&self) -> usize {
        self.peak.bytes
    }

    /// The graph's outputs on these inputs.
    ///
    /// # Errors
    /// If the inputs are not of the graph's number and types, or if memory runs out.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        self.run_with(inputs.iter().cloned())
    }

    /// As [`Executable::run`], on inputs that are given: a result may be written where a
    /// [donated](Setting::donating) one lies that nobody else holds. A clone lends an input.
    ///
    /// # Errors
    /// As [`Executable::run`].
    pub fn run_with(&self, inputs: impl IntoIterator<Item = Tensor>) -> Result<Vec<Tensor>, Error> {
        let Some(plan) = &self.plan else {
            let inputs: Vec<Tensor> = inputs.into_iter().collect();
            check_inputs(&self.graph, &inputs)?;
            return self.run_elsewhere(&inputs);
        };
        if !plan.has_memory() {
            self.peak.ask(&self.graph.input_types())?;
        }
        let (mut workspace, mut outputs) = (plan.workspace()?, Vec::new());
        workspace.inputs.extend(inputs);
        let result = check_inputs(&self.graph, &workspace.inputs);
        let result = result.and_then(|()| workspace.run(plan, &mut outputs));
        workspace.inputs.clear();
        plan.give_back(workspace);
        result.map(|()| outputs)
    }

    /// As [`Executable::run`], with results that stay on the device, and inputs of the host or of the device. On a GPU it
    /// returns before they are made: what is run on them next waits for them there, and
    /// [`DeviceTensor::to_tensor`] here. A [donated](Setting::donating) input of the device that is handed over, with no
    /// clone of it left, is written over.
    ///
    /// ```
    /// use choral_ir::{Builder, DType, Tensor, TensorType, op::Binary};
    /// use choral_runtime::{Device, DeviceInput, Executable};
    /// let mut builder = Builder::new("main");
    /// let state = builder.input("state", TensorType::new([2], DType::F32));
    /// let x = builder.input("x", TensorType::new([2], DType::F32));
    /// let next = builder.binary(Binary::Add, state, x)?;
    /// let executable = Executable::compile(&builder.finish(&[next]), Device::best())?;
    /// let (x, mut state) = (Tensor::from([1.0f32, 2.0]), DeviceInput::from(Tensor::from([0.0f32, 0.0])));
    /// for _ in 0..3 {
    ///     let results = executable.run_on_device([state, DeviceInput::from(&x)])?;
    ///     state = (&results[0]).into();
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Executable::run`]; if an input lies on another device.
    pub fn run_on_device<I>(&self, inputs: I) -> Result<Vec<DeviceTensor>, Error>
    where
        I: IntoIterator<Item: Into<DeviceInput>>,
    {
        let inputs: Vec<DeviceInput> = inputs.into_iter().map(Into::into).collect();
        self.check_device_inputs(&inputs)?;
        if let Some(gpu) = &self.gpu {
            return gpu.run_on_device(inputs);
        }
        let of_host = |input| match input {
            DeviceInput::Host(tensor) => Some(tensor),
            DeviceInput::Device(tensor) => tensor.into_host(),
        };
        let results = self.run_with(inputs.into_iter().filter_map(of_host))?;
        Ok(results.into_iter().map(|result| DeviceTensor::of_host(self.device(), result)).collect())
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        match (&self.gpu, &self.plan) {
            (Some(gpu), _) => Device::Cuda(gpu.ordinal()),
            (None, Some(_)) => Device::Cpu,
            (None, None) => Device::Reference,
        }
    }

    fn check_device_inputs(&self, inputs: &[DeviceInput]) -> Result<(), Error> {
        check_input_types(&self.graph, inputs.iter().map(DeviceInput::ty))?;
        for (position, input) in inputs.iter().enumerate() {
            if let DeviceInput::Device(tensor) = input
                && tensor.device() != self.device()
            {
                let name = self.graph.node(self.graph.inputs()[position].value.node()).name.clone();
                let (expected, got) = (self.device(), tensor.device());
                return Err(Error::InputDevice { position, name, expected, got });
            }
        }
        Ok(())
    }

    /// How long so many runs in a row take by the clock of the device, with inputs that are there before and results that
    /// stay there; `None` on a device that has no clock of its own, which GPUs alone have.
    ///
    /// ```
    /// use choral_ir::{Builder, DType, Tensor, TensorType, op::Binary};
    /// use choral_runtime::{Device, Executable};
    /// let mut builder = Builder::new("main");
    /// let x = builder.input("x", TensorType::new([2], DType::F32));
    /// let sum = builder.binary(Binary::Add, x, x)?;
    /// let executable = Executable::compile(&builder.finish(&[sum]), Device::Cpu)?;
    /// assert_eq!(executable.device_time(&[Tensor::from([1.0f32, 2.0])], 10)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Executable::run`].
    pub fn device_time(&self, inputs: &[Tensor], runs: usize) -> Result<Option<Duration>, Error> {
        check_inputs(&self.graph, inputs)?;
        self.gpu.as_ref().map(|gpu| gpu.time(inputs, runs)).transpose()
    }

    /// Asks for what a run takes of the machine's memory.
    pub(crate) fn ask(&self) -> Result<(), Error> {
        if self.gpu.is_some() { Ok(()) } else { self.peak.ask(&self.graph.input_types()) }
    }

    /// A run on another device than this processor, on inputs of the graph's types.
    pub(crate) fn run_elsewhere(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        if let Some(gpu) = &self.gpu {
            return gpu.run(inputs);
        }
        self.ask()?;
        interpret(&self.graph, inputs)
    }

    /// A run at a time of this executable, with memory of its own and inputs that stay.
    ///
    /// # Errors
    /// If memory runs out.
    pub fn session(&self) -> Result<Session, Error> {
        Session::new(self.clone())
    }
}

/// Bytes that a run of a graph takes on a device at its fullest moment, as [`Executable::peak_bytes`], whether
/// the machine has them or not.
pub fn peak_bytes(graph: &Graph, device: Device) -> usize {
    match device {
        Device::Reference => peak(graph, None).bytes,
        Device::Cpu => peak(graph, Some(&Plan::of(graph, &Setting::default()))).bytes,
        Device::Cuda(_) => gpu::peak_bytes(graph),
    }
}

fn peak(graph: &Graph, plan: Option<&Plan>) -> Peak {
    let peak = plan.map_or_else(|| memory::of_interpreter(graph), |plan| plan.peak(&graph.input_types()));
    peak.with_what_the_allocator_keeps()
}

/// Fails if a collective is left.
fn check_axes(graph: &Graph) -> Result<(), Error> {
    for (_, node) in graph.nodes() {
        let NodeKind::Op(op) = &node.kind else { continue };
        if let Op::Collective(op) = op {
            return ops::collective::evaluate(op);
        }
        op.regions().into_iter().try_for_each(check_axes)?;
    }
    Ok(())
}
