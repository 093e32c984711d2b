//! An ensemble whose members run on several devices at the same time.
//!
//! Lives here: which rows each device runs, what it is given, and putting the results together. Must not live here: the
//! programs of the parts.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::{collections::HashMap, panic, thread};

use choral_compiler::transform::vmap::asks_for_numbers;
use choral_compiler::tree::{Typed, add_leaves};
use choral_compiler::{Function, Module, Tree};
use choral_ir::{Graph, Identity, Tensor, TensorType};
use choral_runtime::{Device, DeviceInput, DeviceTensor, Executable};

use super::compiled::{Results, Traced, key};
use super::{ArgumentsOf, Code, Ensemble, TypesOf};
use crate::error::{CompilerError, EnsembleError, Error};

/// The rows of the state that devices were given last, so that what lies there is known again.
#[derive(Default)]
pub(super) struct Slices(Mutex<HashMap<Place, (Identity, Tensor)>>);

/// The name of a tensor, and rows of it.
type Place = (String, Range<usize>);

/// What one of the devices runs.
struct Part {
    device: Device,
    rows: Range<usize>,
    executable: Arc<Executable>,
    inputs: Vec<DeviceInput>,
}

impl<M: Module<Tensor> + Clone> Ensemble<M> {
    /// Spreads the members over devices, each of which runs its own at the same time: as many on each, or one more. Results
    /// are the same bits as on one. Those of [`Ensemble::call_on_device`] are gathered on the first device, by NCCL where
    /// these are GPUs; an input of one of the devices goes to the others by way of the host.
    ///
    /// ```
    /// use choral::prelude::*;
    /// let models: Vec<_> = (0..5).map(|seed| Linear::init(4, 2, Key::new(seed))).collect();
    /// let all: Vec<Device> = (0..Device::gpus().unwrap_or(0)).map(Device::Cuda).collect();
    /// let devices = if all.is_empty() { vec![Device::Cpu] } else { all };
    /// let ensemble = Ensemble::new(&models)?.on_all(&devices)?;
    /// assert_eq!(ensemble.call(&Tensor::randn([10, 4], Key::new(9)))?.shape(), [5, 10, 2]);
    /// # Ok::<(), choral::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no device, or a GPU twice. Calls fail if members exchange values (`pmean`, ..) or ask for their numbers.
    pub fn on_all(self, devices: &[Device]) -> Result<Self, Error> {
        let twice = devices
            .iter()
            .enumerate()
            .find(|(at, device)| matches!(device, Device::Cuda(_)) && devices[..*at].contains(device));
        if let Some((_, device)) = twice {
            return Err(CompilerError::Message(format!("{device} is named twice")).into());
        }
        let Some((&device, others)) = devices.split_first() else {
            return Err(
                CompilerError::Message("an ensemble needs at least one device, got none".into()).into()
            );
        };
        Ok(Ensemble { others: others.to_vec(), ..self.on(device) })
    }

    /// The structure of one member's results, and the parts of each result of all, each on its device.
    #[track_caller]
    pub(super) fn results_of_parts<T, X>(
        &self,
        input: &X,
        as_input: impl Fn(T) -> DeviceInput,
    ) -> Results<TypesOf<M, X::With<TensorType>>, Vec<DeviceTensor>>
    where
        T: Typed,
        X: Tree<T>,
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<ArgumentsOf<X::With<TensorType>>>,
        TypesOf<M, X::With<TensorType>>: Send + Sync + 'static,
    {
        let Traced { graph, output, rows, is_for_rows } = self.traced(input, &key::<M, T, X>(input))?;
        if is_for_rows || asks_for_numbers(&graph, &self.axis(self.len()).name) {
            let devices = 1 + self.others.len();
            return Err(CompilerError::from(EnsembleError::Devices { devices }).into());
        }
        let mut leaves = Vec::new();
        add_leaves(input, &mut leaves);
        let leaves: Vec<DeviceInput> = leaves.into_iter().map(as_input).collect();
        let mut parts = Vec::new();
        for (device, rows) in self.shares(rows) {
            let executable = self.program(&graph, key::<M, T, X>(input), rows.len(), device);
            let executable = executable.map_err(|cause| self.too_many(cause, &graph, rows.len(), device))?;
            let mut inputs = self.state_of(&rows)?;
            for leaf in &leaves {
                inputs.push(brought(leaf, device)?);
            }
            parts.push(Part { device, rows, executable, inputs });
        }
        let results = self.at_the_same_time(parts, &graph)?;
        let of_output = |output: usize| results.iter().map(|part| part[output].clone()).collect();
        Ok((output, (0..graph.outputs().len()).map(of_output).collect()))
    }

    /// Runs each part on a thread of its own.
    fn at_the_same_time(&self, parts: Vec<Part>, graph: &Graph) -> Result<Vec<Vec<DeviceTensor>>, Error> {
        thread::scope(|scope| {
            let run = |Part { device, rows, executable, inputs }: Part| {
                let handle = scope.spawn(move || executable.run_on_device(inputs));
                (handle, device, rows)
            };
            let runs: Vec<_> = parts.into_iter().map(run).collect();
            let joined = runs.into_iter().map(|(handle, device, rows)| {
                let results = handle.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
                results.map_err(|cause| self.too_many(cause.into(), graph, rows.len(), device))
            });
            joined.collect()
        })
    }

    /// Which rows each device runs.
    fn shares(&self, rows: usize) -> Vec<(Device, Range<usize>)> {
        let devices: Vec<Device> = std::iter::once(self.device).chain(self.others.iter().copied()).collect();
        let start = |at: usize| at * (rows / devices.len()) + at.min(rows % devices.len());
        let share = |(at, &device): (usize, &Device)| (device, start(at)..start(at + 1));
        devices.iter().enumerate().map(share).filter(|(_, rows)| !rows.is_empty()).collect()
    }

    /// These rows of the state.
    fn state_of(&self, rows: &Range<usize>) -> Result<Vec<DeviceInput>, Error> {
        let mut slices = self.made.slices.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inputs = Vec::new();
        for (name, tensor) in self.state.params().iter().chain(self.state.buffers()) {
            if self.is_shared(name) {
                inputs.push(tensor.into());
                continue;
            }
            let place = (name.clone(), rows.clone());
            let known = slices.get(&place).filter(|(whole, _)| whole.is(tensor));
            let slice = match known {
                Some((_, slice)) => slice.clone(),
                None => {
                    let slice = tensor.take(&rows.clone().collect::<Vec<_>>())?;
                    slices.insert(place, (tensor.identity(), slice.clone()));
                    slice
                }
            };
            inputs.push(slice.into());
        }
        Ok(inputs)
    }
}

/// An input of one device for another.
fn brought(input: &DeviceInput, device: Device) -> Result<DeviceInput, Error> {
    match input {
        DeviceInput::Device(tensor) if tensor.device() != device => Ok(tensor.to_tensor()?.into()),
        DeviceInput::Device(_) | DeviceInput::Host(_) => Ok(input.clone()),
    }
}
