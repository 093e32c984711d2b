//! Running a plan: a session has its memory, and is taken from a pool.

use std::sync::{Mutex, PoisonError};

use choral_ir::{Storage, Tensor, with_storage};
use choral_kernels::cpu::parallel;
use choral_kernels::memory::{Block, Pointers};

use super::control::{Branch, Loop};
use super::{Buffer, Home, Output, Plan, Step, Task};
use crate::error::Error;
use crate::memory::Label;

/// What one run at a time works in.
#[derive(Debug)]
struct Session {
    arena: Block,
    /// One for each thread.
    frames: Vec<Block>,
    pointers: Pointers,
    /// The tensors behind buffers: inputs, and what ops made.
    held: Vec<Option<Tensor>>,
    /// Sessions of the plans that each step runs.
    inside: Vec<Vec<Session>>,
}

/// Sessions that no run uses now.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Vec<Session>>);

/// A plan's copy makes its own.
impl Clone for Sessions {
    fn clone(&self) -> Sessions {
        Sessions::default()
    }
}

impl Plan {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn new(
        steps: Vec<Step>,
        buffers: Vec<Buffer>,
        constants: Vec<Tensor>,
        outputs: Vec<Output>,
        inputs: usize,
        arena: (usize, usize),
        frame: (usize, usize),
        last_reads: Vec<usize>,
    ) -> Plan {
        let sessions = Sessions::default();
        Plan { steps, buffers, constants, outputs, inputs, arena, frame, last_reads, sessions }
    }

    /// The graph's outputs on inputs of its types.
    ///
    /// # Errors
    /// Those of user-defined ops; if memory runs out; the one of a tensor that does not hold what its type says.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        if inputs.len() != self.inputs {
            let message = format!("{} inputs were given for {}", inputs.len(), self.inputs);
            return Err(Error::internal("inputs", message));
        }
        let mut session = self.session()?;
        let results = session.run(self, inputs);
        session.held.iter_mut().for_each(|held| *held = None);
        self.sessions.0.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        results
    }

    fn session(&self) -> Result<Session, Error> {
        let free = self.sessions.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.map_or_else(|| Session::new(self), Ok)
    }
}

impl Session {
    fn new(plan: &Plan) -> Result<Session, Error> {
        let block = |bytes: usize| {
            Block::new(bytes)
                .ok_or_else(|| Error::internal("arena", format!("{bytes} bytes of memory ran out")))
        };
        let (bytes, threads) = plan.frame;
        let mut session = Session {
            arena: block(plan.arena.0)?,
            frames: (0..threads).map(|_| block(bytes)).collect::<Result<_, _>>()?,
            pointers: Pointers::new(plan.buffers.len()),
            held: vec![None; plan.buffers.len()],
            inside: Vec::with_capacity(plan.steps.len()),
        };
        for step in &plan.steps {
            let plans = step.task.plans().into_iter();
            session.inside.push(plans.map(Session::new).collect::<Result<_, _>>()?);
        }
        for (at, buffer) in plan.buffers.iter().enumerate() {
            match buffer.home {
                Home::Constant(constant) => session.pointers.set(at, pointer(&plan.constants[constant])),
                Home::Arena(offset) => {
                    session.pointers.set(at, session.arena.pointer().wrapping_add(offset));
                }
                Home::Input(_) | Home::Output(_) | Home::Held => {}
            }
        }
        Ok(session)
    }

    fn run(&mut self, plan: &Plan, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let mut made: Vec<(usize, Storage)> = Vec::new();
        for (at, buffer) in plan.buffers.iter().enumerate() {
            match buffer.home {
                Home::Input(input) => {
                    self.pointers.set(at, pointer(&inputs[input]));
                    self.held[at] = Some(inputs[input].clone());
                }
                Home::Constant(constant) => self.held[at] = Some(plan.constants[constant].clone()),
                Home::Output(_) => {
                    let mut data = Tensor::try_zeros(buffer.ty.clone())?.into_storage();
                    self.pointers.set(at, with_storage!(&mut data, values => values.as_mut_ptr().cast()));
                    made.push((at, data));
                }
                Home::Arena(_) | Home::Held => {}
            }
        }
        self.steps(plan)?;
        for (buffer, data) in made {
            self.held[buffer] = Some(Tensor::from_storage(plan.buffers[buffer].ty.shape.as_slice(), data)?);
        }
        plan.outputs.iter().map(|output| self.output(output)).collect()
    }

    /// Runs every step, on pointers that are set.
    fn steps(&mut self, plan: &Plan) -> Result<(), Error> {
        plan.steps.iter().enumerate().try_for_each(|(at, step)| self.step(plan, at, step))
    }

    fn pointer(&self, buffer: usize) -> *mut u8 {
        self.pointers.as_slice()[buffer]
    }

    fn branch(&mut self, at: usize, branch: &Branch) -> Result<(), Error> {
        let index = self.pointer(branch.index);
        let last = branch.plans.len() - 1;
        // SAFETY: the buffer holds one truth value, or one index.
        let chosen = if branch.is_truth {
            usize::from(unsafe { index.read() } == 0)
        } else {
            let index = unsafe { index.cast::<i32>().read() };
            usize::try_from(index).map_or(last, |index| index.min(last))
        };
        let plan = &branch.plans[chosen];
        let inner = &mut self.inside[at][chosen];
        for (input, &operand) in branch.operands.iter().enumerate() {
            inner.pointers.set(input, self.pointers.as_slice()[operand]);
        }
        for (output, &result) in plan.outputs.iter().zip(&branch.results) {
            inner.pointers.set(output.buffer, self.pointers.as_slice()[result]);
        }
        inner.steps(plan)
    }

    fn looped(&mut self, at: usize, looped: &Loop) -> Result<(), Error> {
        let Session { pointers, inside, .. } = self;
        let around = |buffer: usize| pointers.as_slice()[buffer];
        let (inner, rest) = inside[at].split_at_mut(1);
        let (body, inner) = (&looped.body, &mut inner[0]);
        let (slices, first) = (looped.inputs.len(), looped.outputs.len());
        for (at, carried) in looped.carried.iter().enumerate() {
            inner.pointers.set(slices + at, around(carried.result));
            if let Some(spare) = carried.spare {
                inner.pointers.set(body.outputs[first + at].buffer, around(spare));
            }
        }
        for (at, &constant) in looped.constants.iter().enumerate() {
            inner.pointers.set(slices + looped.carried.len() + at, around(constant));
        }
        let mut round = 0;
        loop {
            match &looped.cond {
                Some(cond) => {
                    let test = &mut rest[0];
                    for at in 0..looped.carried.len() {
                        test.pointers.set(at, inner.pointer(at));
                    }
                    let holds = around(cond.holds);
                    test.pointers.set(cond.plan.outputs[0].buffer, holds);
                    test.steps(&cond.plan)?;
                    // SAFETY: the plan has written one truth value.
                    if unsafe { holds.read() } == 0 {
                        break;
                    }
                }
                None if round == looped.length => break,
                None => {
                    let place = if looped.is_reverse { looped.length - 1 - round } else { round } as isize;
                    for (at, slice) in looped.inputs.iter().enumerate() {
                        inner.pointers.set(at, around(slice.buffer).wrapping_offset(place * slice.bytes));
                    }
                    for (output, slice) in body.outputs.iter().zip(&looped.outputs) {
                        let out = around(slice.buffer).wrapping_offset(place * slice.bytes);
                        inner.pointers.set(output.buffer, out);
                    }
                }
            }
            inner.steps(body)?;
            for (at, _) in looped.carried.iter().enumerate().filter(|(_, carried)| carried.spare.is_some()) {
                let (input, output) = (slices + at, body.outputs[first + at].buffer);
                let (before, after) = (inner.pointer(input), inner.pointer(output));
                inner.pointers.set(input, after);
                inner.pointers.set(output, before);
            }
            round += 1;
        }
        for (at, carried) in looped.carried.iter().enumerate() {
            let (last, result) = (inner.pointer(slices + at), around(carried.result));
            if last != result {
                // SAFETY: both are places of the carried value, apart from each other.
                unsafe { std::ptr::copy_nonoverlapping(last, result, carried.bytes) };
            }
        }
        Ok(())
    }

    fn step(&mut self, plan: &Plan, at: usize, step: &Step) -> Result<(), Error> {
        match &step.task {
            Task::Kernel(runnable) => {
                // SAFETY: a plan's kernels read what inputs, constants and earlier kernels hold, and write what no other
                // value shares; accesses lie inside of their buffers, which a verified graph's types say; frames have
                // the bytes of the largest kernel. The pointers are those of this run.
                unsafe { parallel::run(&runnable.program, &self.pointers, &self.frames) };
                Ok(())
            }
            Task::Branch(branch) => self.branch(at, branch),
            Task::Loop(looped) => self.looped(at, looped),
            Task::Host(host) => {
                let Session { pointers, held, .. } = self;
                let mut taken = |buffer: usize| {
                    let is_last = plan.last_reads[buffer] == at && plan.buffers[buffer].home == Home::Held;
                    let is_output = plan.outputs.iter().any(|output| output.buffer == buffer);
                    let reads = host.operands.iter().filter(|operand| operand.reads(buffer)).count();
                    if is_last && !is_output && reads == 1 {
                        held[buffer].take()
                    } else {
                        held[buffer].clone()
                    }
                };
                let operands: Vec<Tensor> = host
                    .operands
                    .iter()
                    .map(|operand| operand.tensor(&mut taken, pointers))
                    .collect::<Result<_, _>>()?;
                let results = host.run(operands)?;
                check(&step.label, host.op.name(), results.len(), host.results.len())?;
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
        }
    }

    fn output(&self, Output { label, buffer }: &Output) -> Result<Tensor, Error> {
        match &self.held[*buffer] {
            Some(tensor) => Ok(tensor.reshape(label.ty.shape.as_slice())?),
            None => Err(Error::internal(&label.name, "a result was not made, or is gone")),
        }
    }
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
