//! How much memory a run of a plan needs: inputs, constants, arena, frames, results, and what ops without a kernel
//! take for themselves.

use choral_ir::TensorType;

use super::{Home, Plan, Task};
use crate::memory::Peak;
use crate::memory::scratch::{self, total};

impl Plan {
    /// The fullest moment of a run on inputs of these types.
    pub(crate) fn peak(&self, inputs: &[TensorType]) -> Peak {
        let held = total(inputs.iter().map(TensorType::bytes)).saturating_add(self.constant_bytes());
        self.working().beside(held)
    }

    /// Bytes of all constants, in bodies too.
    fn constant_bytes(&self) -> usize {
        let plans = self.steps.iter().flat_map(|step| step.task.plans()).map(Plan::constant_bytes);
        let own = self.constants.iter().map(|tensor| tensor.ty().bytes()).chain(plans);
        let inside = self.hosts().flat_map(|host| &host.bodies).map(Plan::constant_bytes);
        total(own.chain(inside))
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = &super::Host> {
        self.steps.iter().filter_map(|step| match &step.task {
            Task::Host(host) => Some(&**host),
            Task::Kernel(_) | Task::Branch(_) | Task::Loop(_) => None,
        })
    }

    /// As [`Plan::peak`], without inputs and constants.
    fn working(&self) -> Peak {
        let (frame, threads) = self.frame;
        let results = |buffer: &&super::Buffer| matches!(buffer.home, Home::Output);
        let results = total(self.buffers.iter().filter(results).map(|buffer| buffer.ty.bytes()));
        let packed = total(self.packs.iter().map(|pack| pack.bytes));
        let always = total([self.arena.0, frame.saturating_mul(threads), results, packed]);
        let first = self.steps.first().or(self.steps.last());
        let mut peak = Peak::none(first.map_or("", |step| step.label.name.as_str()));
        for output in &self.outputs {
            peak.raise(0, output.label.ty.bytes(), &output.label);
        }
        peak.bytes = always;
        self.held(always, &mut peak);
        peak
    }

    /// Raises a peak to what steps hold besides so many bytes.
    fn held(&self, always: usize, peak: &mut Peak) {
        let mut alive: usize = always;
        for (at, step) in self.steps.iter().enumerate() {
            peak.raise(0, step.label.ty.bytes(), &step.label);
            step.task.plans().into_iter().for_each(|plan| plan.held(alive, peak));
            let Task::Host(host) = &step.task else { continue };
            let made = total(host.types.iter().map(TensorType::bytes));
            let copies = host.operands.iter().filter(|operand| operand.is_copied(&self.buffers));
            let copies = total(copies.map(|operand| operand.ty.bytes()));
            let operands: Vec<&TensorType> = host.operands.iter().map(|operand| &operand.ty).collect();
            let own = scratch::of_definition(&host.op, &operands, &host.types);
            let inside = host.bodies.iter().map(|body| body.working().bytes).max().unwrap_or(0);
            // The results of a user-defined op's body are the op's.
            let result = if host.hands_on() { 0 } else { made };
            peak.raise(alive, total([result, copies, own, inside]), &step.label);
            alive = alive.saturating_add(made);
            let over = |buffer: usize| {
                self.buffers[buffer].home == Home::Held
                    && self.last_reads[buffer] == at
                    && self.outputs.iter().all(|output| output.buffer != buffer)
            };
            let gone = (0..self.buffers.len()).filter(|&buffer| over(buffer));
            alive = alive.saturating_sub(total(gone.map(|buffer| self.buffers[buffer].ty.bytes())));
        }
    }
}
