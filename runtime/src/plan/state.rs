//! The state of a plan that runs: where its buffers lie, and its steps one after another.

use std::sync::{Arc, Mutex, PoisonError};

use choral_ir::{Tensor, with_storage};
use choral_kernels::cpu::parallel;
use choral_kernels::cpu::pool::Pool;
use choral_kernels::memory::{Block, Pointers};

use super::control::Branch;
use super::host::Host;
use super::results::Room;
use super::run::Packed;
use super::{Home, KeptPack, Output, Plan, Runnable, Step, Task};
use crate::error::Error;
use crate::memory::Label;

/// Where a plan's buffers lie, and those of the plans that it runs.
#[derive(Debug)]
pub(super) struct State {
    pub(super) pointers: Pointers,
    /// The tensors behind buffers: inputs, and what ops made.
    held: Vec<Option<Tensor>>,
    /// The packed operands that this run reads.
    packed: Vec<Arc<Packed>>,
    /// Operands that were packed once for all runs.
    bound: Vec<Option<Arc<Packed>>>,
    results: Vec<Room>,
    /// States of the plans that each step runs; of a loop in strips, one for each seat.
    pub(super) inside: Vec<Vec<Mutex<State>>>,
}

impl State {
    /// The state of a plan whose arena begins here.
    pub(super) fn new(plan: &Plan, arena: *mut u8) -> State {
        let mut state = State {
            pointers: Pointers::new(plan.buffers.len()),
            held: vec![None; plan.buffers.len()],
            packed: Vec::new(),
            bound: vec![None; plan.packs.len()],
            results: Room::of(plan),
            inside: Vec::with_capacity(plan.steps.len()),
        };
        for (at, buffer) in plan.buffers.iter().enumerate() {
            match buffer.home {
                Home::Constant(constant) => state.pointers.set(at, pointer(&plan.constants[constant])),
                Home::Arena(offset) => state.pointers.set(at, arena.wrapping_add(offset)),
                Home::Output | Home::Input(_) | Home::Held | Home::Packed(_) => {}
            }
        }
        for step in &plan.steps {
            let (room, seats) = match &step.task {
                Task::Branch(branch) => (state.pointer(branch.room), 1),
                Task::Loop(looped) => (state.pointer(looped.room), looped.seats(plan.pool.threads())),
                Task::Kernel(_) | Task::Host(_) => (arena, 1),
            };
            let seat = |seat: usize| {
                let plans = step.task.plans().into_iter();
                plans.map(move |inner| Mutex::new(State::new(inner, room.wrapping_add(seat * inner.arena.0))))
            };
            state.inside.push((0..seats).flat_map(seat).collect());
        }
        state
    }

    /// Runs a plan on tensors, which it takes out of their list; results take the places of what the other list holds.
    ///
    /// # Errors
    /// Those of user-defined ops; if memory runs out.
    pub(super) fn run(
        &mut self,
        plan: &Plan,
        inputs: &mut Vec<Tensor>,
        outputs: &mut Vec<Tensor>,
        frames: &[Block],
    ) -> Result<(), Error> {
        for (tensor, &buffer) in inputs.drain(..).zip(&plan.inputs) {
            self.pointers.set(buffer, pointer(&tensor));
            self.held[buffer] = Some(tensor);
        }
        for (at, buffer) in plan.buffers.iter().enumerate() {
            if let Home::Constant(constant) = buffer.home {
                self.held[at] = Some(plan.constants[constant].clone());
            }
        }
        self.make_room(plan, outputs)?;
        self.pack(plan, frames)?;
        self.steps(plan, frames)?;
        outputs.clear();
        plan.outputs.iter().try_for_each(|output| {
            outputs.push(self.output(output)?);
            Ok(())
        })
    }

    /// Finds a place for every result.
    fn make_room(&mut self, plan: &Plan, back: &mut [Tensor]) -> Result<(), Error> {
        let State { pointers, held, results, .. } = self;
        for room in results {
            let (buffer, donor) = (room.buffer, room.donor.map(|input| plan.inputs[input]));
            let given = donor.and_then(|donor| Some((donor, held[donor].take()?)));
            let Some((donor, mut tensor)) = given else {
                let (pointer, result) = room.take(&plan.buffers[buffer].ty, back)?;
                pointers.set(buffer, pointer);
                held[buffer] = Some(result);
                continue;
            };
            let own = room.own(&mut tensor);
            room.is_given = own.is_some();
            let (place, result) = match own {
                Some(own) => (own, tensor.clone()),
                None => room.take(&plan.buffers[buffer].ty, back)?,
            };
            if own.is_none() {
                // SAFETY: both have as many bytes, and nobody else holds the result.
                unsafe {
                    std::ptr::copy_nonoverlapping(pointer(&tensor), place, plan.buffers[donor].ty.bytes())
                };
            }
            pointers.set(donor, place);
            pointers.set(buffer, place);
            held[buffer] = Some(result);
            held[donor] = Some(tensor);
        }
        Ok(())
    }

    /// Packs the operands that are not those of the last run.
    fn pack(&mut self, plan: &Plan, frames: &[Block]) -> Result<(), Error> {
        for (at, pack) in plan.packs.iter().enumerate() {
            let packed = match &self.bound[at] {
                Some(bound) => bound.clone(),
                None => self.packed(plan, (at, pack), frames)?,
            };
            self.pointers.set(pack.buffer, packed.pointer());
            self.packed.push(packed);
        }
        Ok(())
    }

    /// An operand as it is packed.
    fn packed(
        &mut self,
        plan: &Plan,
        (at, pack): (usize, &KeptPack),
        frames: &[Block],
    ) -> Result<Arc<Packed>, Error> {
        let (tensor, is_given) = match pack.home {
            Home::Input(input) => {
                let is_given = self.results.iter().any(|room| room.donor == Some(input) && room.is_given);
                (self.held[plan.inputs[input]].clone(), is_given)
            }
            Home::Constant(constant) => (Some(plan.constants[constant].clone()), false),
            Home::Arena(_) | Home::Output | Home::Held | Home::Packed(_) => (None, false),
        };
        // What is written over is no tensor to know again.
        let known = tensor.filter(|_| !is_given);
        let packed = plan.workspaces.packed(at, known.as_ref(), pack.bytes, |block| {
            self.pointers.set(pack.buffer, block.pointer());
            // SAFETY: the operand is a tensor of the type that the plan was made for, the block has room for what is
            // packed, and nobody else has it yet.
            unsafe { pack.runnable.run(&plan.pool, &self.pointers, frames) };
        });
        packed.map_err(|cause| plan.refusal(cause))
    }

    /// Packs what products read of an input, for all runs to come.
    ///
    /// # Errors
    /// If memory runs out.
    pub(super) fn bind(
        &mut self,
        plan: &Plan,
        input: usize,
        tensor: &Tensor,
        frames: &[Block],
    ) -> Result<(), Error> {
        let buffer = plan.inputs[input];
        for (at, pack) in plan.packs.iter().enumerate() {
            if pack.home == Home::Input(input) {
                self.pointers.set(buffer, pointer(tensor));
                self.held[buffer] = Some(tensor.clone());
                self.bound[at] = Some(self.packed(plan, (at, pack), frames)?);
            }
        }
        self.held[buffer] = None;
        Ok(())
    }

    /// Lets go of all tensors.
    pub(super) fn forget(&mut self) {
        self.packed.clear();
        self.held.iter_mut().for_each(|held| *held = None);
    }

    /// Runs every step, on pointers that are set.
    pub(super) fn steps(&mut self, plan: &Plan, frames: &[Block]) -> Result<(), Error> {
        plan.steps.iter().enumerate().try_for_each(|(at, step)| self.step(plan, at, step, frames))
    }

    pub(super) fn pointer(&self, buffer: usize) -> *mut u8 {
        self.pointers.as_slice()[buffer]
    }

    fn step(&mut self, plan: &Plan, at: usize, step: &Step, frames: &[Block]) -> Result<(), Error> {
        match &step.task {
            Task::Kernel(runnable) => {
                // SAFETY: a plan's kernels read what inputs, constants and earlier kernels hold, and write what no other
                // value shares; strips of a loop that run at the same time keep to their parts (`strips`). Accesses lie
                // inside of their buffers, which a verified graph's types say; frames have the bytes of the largest
                // kernel. The pointers are those of this run.
                unsafe { runnable.run(&plan.pool, &self.pointers, frames) };
                Ok(())
            }
            Task::Branch(branch) => self.branch(at, branch, frames),
            Task::Loop(looped) => self.looped(at, looped, &plan.pool, frames),
            Task::Host(host) => self.host(plan, at, &step.label, host),
        }
    }

    fn branch(&mut self, at: usize, branch: &Branch, frames: &[Block]) -> Result<(), Error> {
        let index = self.pointer(branch.index);
        let last = branch.plans.len() - 1;
        let chosen = if branch.is_truth {
            // SAFETY: the buffer holds one truth value.
            usize::from(unsafe { index.read() } == 0)
        } else {
            // SAFETY: the buffer holds one index.
            let index = unsafe { index.cast::<i32>().read() };
            usize::try_from(index).map_or(last, |index| index.min(last))
        };
        let plan = &branch.plans[chosen];
        let inner = own(&mut self.inside[at][chosen]);
        for (input, &operand) in branch.operands.iter().enumerate() {
            inner.pointers.set(plan.inputs[input], self.pointers.as_slice()[operand]);
        }
        for (output, &result) in plan.outputs.iter().zip(&branch.results) {
            inner.pointers.set(output.buffer, self.pointers.as_slice()[result]);
        }
        inner.steps(plan, frames)
    }

    fn host(&mut self, plan: &Plan, at: usize, label: &Label, host: &Host) -> Result<(), Error> {
        let State { pointers, held, .. } = self;
        let mut taken = |buffer: usize| {
            let is_last = plan.last_reads[buffer] == at && plan.buffers[buffer].home == Home::Held;
            let is_output = plan.outputs.iter().any(|output| output.buffer == buffer);
            let reads = host.operands.iter().filter(|operand| operand.reads(buffer)).count();
            if is_last && !is_output && reads == 1 { held[buffer].take() } else { held[buffer].clone() }
        };
        let operands: Vec<Tensor> = host
            .operands
            .iter()
            .map(|operand| operand.tensor(&mut taken, pointers))
            .collect::<Result<_, _>>()?;
        let results = host.run(operands)?;
        check(label, host.op.name(), results.len(), host.results.len())?;
        for (&buffer, result) in host.results.iter().zip(results) {
            self.pointers.set(buffer, pointer(&result));
            self.held[buffer] = Some(result);
        }
        for (buffer, held) in self.held.iter_mut().enumerate() {
            let is_over = plan.buffers[buffer].home == Home::Held && plan.last_reads[buffer] <= at;
            if is_over && plan.outputs.iter().all(|output| output.buffer != buffer) {
                *held = None;
            }
        }
        Ok(())
    }

    fn output(&self, Output { label, buffer }: &Output) -> Result<Tensor, Error> {
        match &self.held[*buffer] {
            Some(tensor) if *tensor.ty() == label.ty => Ok(tensor.clone()),
            Some(tensor) => Ok(tensor.reshape(label.ty.shape.as_slice())?),
            None => Err(Error::internal(&label.name, "a result was not made, or is gone")),
        }
    }
}

impl Runnable {
    /// Runs the kernel, if it is one of this processor.
    ///
    /// # Safety
    /// That of [`parallel::run`].
    unsafe fn run(&self, pool: &Pool, pointers: &Pointers, frames: &[Block]) {
        if let Some(program) = &self.program {
            // SAFETY: as the caller vouches.
            unsafe { parallel::run(pool, program, pointers, frames) };
        }
    }
}

/// A state that nobody else has.
pub(super) fn own(state: &mut Mutex<State>) -> &mut State {
    state.get_mut().unwrap_or_else(PoisonError::into_inner)
}

/// Where a tensor's elements lie. Kernels write no input and no constant.
fn pointer(tensor: &Tensor) -> *mut u8 {
    with_storage!(tensor.storage(), values => values.as_ptr().cast_mut().cast())
}

fn check(label: &Label, op: &str, got: usize, expected: usize) -> Result<(), Error> {
    if got == expected {
        return Ok(());
    }
    Err(Error::internal(&label.name, format!("{op} made {got} results of {expected}")))
}
