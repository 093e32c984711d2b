//! A plan for a device of its own, without anything of this processor's: what source is made of.
//!
//! Must not live here: source (`choral_cuda::source`), and memory on the device.

use choral_cuda::program::{
    Branch as DeviceBranch, Buffer as DeviceBuffer, Carried as DeviceCarried, Condition as DeviceCondition,
    Home as DeviceHome, Loop as DeviceLoop, Port as DevicePort, Program, Rounds, Step as DeviceStep,
    Task as DeviceTask,
};
use choral_ir::Tensor;

use super::control::{Branch, Carried, Condition, Loop, Port};
use super::{Home, Plan, Step, Task};
use crate::error::Error;

/// A plan for a device, and what its launches are given: inputs first, then constants, then results.
#[derive(Debug)]
pub(crate) struct DevicePlan {
    pub(crate) program: Program,
    /// How many inputs there are.
    pub(crate) inputs: usize,
    pub(crate) constants: Vec<Tensor>,
    /// Of each result, the number of what launches are given where it lies: an input, a constant, or a result.
    pub(crate) outputs: Vec<usize>,
    /// Bytes of each result that kernels write, in the order of what launches are given.
    pub(crate) result_bytes: Vec<usize>,
    /// Of each of these, the donated input whose place it may take.
    pub(crate) donors: Vec<Option<usize>>,
}

impl Plan {
    /// The plan for a device, if it was [made for one](crate::setting::Setting::for_another_device).
    ///
    /// # Errors
    /// If an op has no kernel: a user-defined one, or one that no kernel runs on its types.
    pub(crate) fn for_device(&self) -> Result<DevicePlan, Error> {
        let inputs = self.inputs.len();
        let mut constants = Constants { first: inputs, tensors: Vec::new() };
        let mut results = Vec::new();
        let mut homes = Vec::with_capacity(self.buffers.len());
        let mut donors = Vec::new();
        for (number, buffer) in self.buffers.iter().enumerate() {
            homes.push(match buffer.home {
                Home::Input(number) => DeviceHome::Given(number),
                Home::Constant(number) => constants.given(&self.constants[number]),
                Home::Arena(offset) => DeviceHome::Room(offset),
                // Numbered when all constants are known.
                Home::Output => {
                    results.push(buffer.ty.bytes());
                    let donor = self.donors.iter().find(|(result, _)| *result == number);
                    donors.push(donor.map(|&(_, input)| input));
                    DeviceHome::Given(usize::MAX - (results.len() - 1))
                }
                Home::Held | Home::Packed(_) => DeviceHome::Port,
            });
        }
        let steps = steps(&self.steps, &mut constants)?;
        let last = inputs + constants.tensors.len();
        for home in &mut homes {
            if let DeviceHome::Given(number) = home
                && usize::MAX - *number < results.len()
            {
                *number = last + (usize::MAX - *number);
            }
        }
        let given = |buffer: usize| match homes[buffer] {
            DeviceHome::Given(number) => Ok(number),
            DeviceHome::Room(_) | DeviceHome::Port | DeviceHome::Part(_) | DeviceHome::Shared(_) => {
                Err(Error::internal(&self.buffers[buffer].name, "a result that no launch is given"))
            }
        };
        let outputs = self.outputs.iter().map(|output| given(output.buffer)).collect::<Result<_, _>>()?;
        let sizes = self.buffers.iter().map(|buffer| buffer.ty.bytes());
        let buffers =
            homes.into_iter().zip(sizes).map(|(home, bytes)| DeviceBuffer { home, bytes }).collect();
        Ok(DevicePlan {
            program: Program { buffers, room: self.arena.0, steps },
            inputs,
            constants: constants.tensors,
            outputs,
            result_bytes: results,
            donors,
        })
    }
}

/// Constants of a plan and of its bodies, which launches are given.
struct Constants {
    /// The number of the first one.
    first: usize,
    tensors: Vec<Tensor>,
}

impl Constants {
    fn given(&mut self, tensor: &Tensor) -> DeviceHome {
        let known = self.tensors.iter().position(|other| other.identity().is(tensor));
        let place = known.unwrap_or(self.tensors.len());
        if known.is_none() {
            self.tensors.push(tensor.clone());
        }
        DeviceHome::Given(self.first + place)
    }
}

fn steps(steps: &[Step], constants: &mut Constants) -> Result<Vec<DeviceStep>, Error> {
    steps.iter().map(|step| device_step(step, constants)).collect()
}

fn device_step(step: &Step, constants: &mut Constants) -> Result<DeviceStep, Error> {
    let location = step.label.location.as_ref().map(|location| format!("  {location}")).unwrap_or_default();
    let comment = format!("%{} : {}{location}", step.label.name, step.label.ty);
    let task = match &step.task {
        Task::Kernel(runnable) => DeviceTask::Kernel(Box::new(runnable.kernel.clone())),
        Task::Loop(looped) => DeviceTask::Loop(Box::new(device_loop(looped, constants)?)),
        Task::Branch(branch) => DeviceTask::Branch(Box::new(device_branch(branch, constants)?)),
        Task::Host(host) => {
            return Err(Error::NoKernel {
                what: host.op.name().to_owned(),
                name: step.label.name.clone(),
                location: step.label.location.clone(),
            });
        }
    };
    Ok(DeviceStep { comment, note: String::new(), task })
}

/// A body, whose inputs and results lie where whoever runs it says.
fn body(plan: &Plan, constants: &mut Constants) -> Result<Program, Error> {
    let home = |home: &Home, constants: &mut Constants| match *home {
        Home::Constant(number) => constants.given(&plan.constants[number]),
        Home::Arena(offset) => DeviceHome::Room(offset),
        Home::Input(_) | Home::Output | Home::Held | Home::Packed(_) => DeviceHome::Port,
    };
    let buffers = plan
        .buffers
        .iter()
        .map(|buffer| DeviceBuffer { home: home(&buffer.home, constants), bytes: buffer.ty.bytes() });
    Ok(Program { buffers: buffers.collect(), room: plan.arena.0, steps: steps(&plan.steps, constants)? })
}

fn device_loop(looped: &Loop, constants: &mut Constants) -> Result<DeviceLoop, Error> {
    let Loop { cond, body: inside, length, is_reverse, inputs, outputs, carried, room } = looped;
    let port = |port: &Port| match *port {
        Port::Slice { buffer, bytes } => DevicePort::Slice { buffer, bytes },
        Port::Carried(carried) => DevicePort::Carried(carried),
        Port::Constant(buffer) => DevicePort::Constant(buffer),
    };
    let rounds = match cond {
        None => Rounds::Counted(*length),
        Some(Condition { plan, holds }) => Rounds::While(DeviceCondition {
            program: body(plan, constants)?,
            inputs: plan.inputs.clone(),
            output: plan.outputs[0].buffer,
            holds: *holds,
        }),
    };
    let written = inside.outputs.iter().map(|output| output.buffer);
    let carried = carried.iter().map(|&Carried { initial, result, spare, bytes, .. }| DeviceCarried {
        initial,
        buffers: [result, spare],
        bytes,
    });
    Ok(DeviceLoop {
        rounds,
        body: body(inside, constants)?,
        is_reverse: *is_reverse,
        inputs: inside.inputs.iter().copied().zip(inputs.iter().map(port)).collect(),
        outputs: written.zip(outputs.iter().map(port)).collect(),
        carried: carried.collect(),
        room: *room,
    })
}

fn device_branch(branch: &Branch, constants: &mut Constants) -> Result<DeviceBranch, Error> {
    let Branch { index, is_truth, plans, operands, results, room } = branch;
    let program = |plan: &Plan| {
        let written = plan.outputs.iter().map(|output| output.buffer).collect();
        Ok((body(plan, constants)?, plan.inputs.clone(), written))
    };
    Ok(DeviceBranch {
        index: *index,
        is_truth: *is_truth,
        programs: plans.iter().map(program).collect::<Result<_, Error>>()?,
        operands: operands.clone(),
        results: results.clone(),
        room: *room,
    })
}
