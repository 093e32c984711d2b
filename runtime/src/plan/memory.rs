//! How much memory a run of a plan needs, by adding up what it keeps at each step.
//!
//! Inputs and constants stay for the whole run: the caller and the plan hold them. Every other value
//! lives from the step that makes it to its last reader; a reshape is the same buffer under another
//! shape. Add to them the scratch of the op that runs ([`scratch`]). Must not live here: what
//! is kept, and when it goes ([`Plan`]).

use choral_ir::op::{ControlOp, Elementwise, ShapeOp, Unary};
use choral_ir::{Op, TensorType};

use super::{Plan, Source, Step};
use crate::memory::Peak;
use crate::memory::scratch::{self, total};

impl Plan {
    /// The fullest moment of a run on inputs of these types.
    pub(crate) fn peak(&self, inputs: &[TensorType]) -> Peak {
        let held = total(inputs.iter().map(TensorType::bytes)).saturating_add(self.constant_bytes());
        self.working().beside(held)
    }

    /// Bytes of all constants, in regions too; splats stay scalars.
    fn constant_bytes(&self) -> usize {
        let own = self.constants.iter().map(|(_, tensor)| tensor.ty().bytes());
        let inside = self.steps.iter().flat_map(|step| &step.bodies).map(Plan::constant_bytes);
        total(own.chain(inside))
    }

    /// As [`Plan::peak`], without inputs and constants.
    fn working(&self) -> Peak {
        let mut buffers = Buffers::of(self);
        let mut peak = Peak::none("");
        for step in &self.steps {
            peak.raise(buffers.live, step.needs(&buffers), &step.label);
            buffers.pass(step);
        }
        for (slot, label) in &self.outputs {
            if buffers.is_scalar[*slot] {
                peak.raise(buffers.live, label.ty.bytes(), label);
                buffers.live = buffers.live.saturating_add(label.ty.bytes());
            }
        }
        peak
    }
}

/// The buffers behind the slots at one moment of a run.
struct Buffers {
    /// The buffer of each slot.
    of_slot: Vec<usize>,
    /// Slots that hold each buffer; inputs and constants are held from outside as well.
    holders: Vec<usize>,
    /// Bytes of each buffer; of those held from outside none, as they are counted there.
    sizes: Vec<usize>,
    /// Slots of one element, which may stand for more.
    is_scalar: Vec<bool>,
    /// Bytes of all buffers that are held.
    live: usize,
}

impl Buffers {
    /// Before the first step.
    fn of(plan: &Plan) -> Buffers {
        let mut buffers = Buffers {
            of_slot: (0..plan.slots).collect(),
            holders: vec![0; plan.slots],
            sizes: vec![0; plan.slots],
            is_scalar: vec![false; plan.slots],
            live: 0,
        };
        let constants = plan.constants.iter().map(|(slot, tensor)| (*slot, tensor.ty()));
        let scalars = constants.clone().filter(|(_, ty)| ty.rank() == 0);
        scalars.for_each(|(slot, _)| buffers.is_scalar[slot] = true);
        let held = plan.inputs.iter().copied().chain(constants.map(|(slot, _)| slot));
        held.for_each(|slot| buffers.holders[slot] = 2);
        buffers
    }

    /// Whether an operand is read from less than all of its elements.
    fn is_partial(&self, source: &Source) -> bool {
        source.view.is_some() || (self.is_scalar[source.slot] && source.ty.rank() > 0)
    }

    /// Whether this is the last reader and only holder of an operand's buffer.
    fn is_given_away(&self, source: &Source) -> bool {
        source.last && !self.is_partial(source) && self.holders[self.of_slot[source.slot]] == 1
    }

    /// A step has run.
    fn pass(&mut self, step: &Step) {
        for ((&slot, ty), shared) in step.results.iter().zip(&step.types).zip(step.shared()) {
            self.is_scalar[slot] = ty.rank() == 0;
            match shared.map(|at| &step.sources[at]).filter(|source| !self.is_partial(source)) {
                Some(source) => self.of_slot[slot] = self.of_slot[source.slot],
                None => {
                    self.sizes[slot] = ty.bytes();
                    self.live = self.live.saturating_add(ty.bytes());
                }
            }
            self.holders[self.of_slot[slot]] += 1;
        }
        for source in step.sources.iter().filter(|source| source.last) {
            let buffer = self.of_slot[source.slot];
            self.holders[buffer] -= 1;
            if self.holders[buffer] == 0 {
                self.live = self.live.saturating_sub(self.sizes[buffer]);
            }
        }
    }
}

impl Step {
    /// The operand whose buffer each result is, where it is one's.
    fn shared(&self) -> Vec<Option<usize>> {
        match &self.op {
            Op::Shape(ShapeOp::Reshape(_)) => vec![Some(0)],
            Op::Control(ControlOp::OptimizationBarrier) => (0..self.types.len()).map(Some).collect(),
            Op::Control(ControlOp::While(_)) => {
                let body = &self.bodies[1];
                let carried = body.inputs.iter().zip(&body.outputs).enumerate();
                carried.map(|(at, (input, (output, _)))| (input == output).then_some(at)).collect()
            }
            _ => vec![None; self.types.len()],
        }
    }

    /// Bytes that are taken while it runs, besides what is alive before.
    fn needs(&self, buffers: &Buffers) -> usize {
        let made = |results: &[TensorType]| total(results.iter().map(TensorType::bytes));
        if self.is_loop_of_floats() {
            let over = self.sources.first().is_some_and(|source| buffers.is_given_away(source));
            return if over { 0 } else { made(&self.types) };
        }
        let partial = self.sources.iter().filter(|source| buffers.is_partial(source));
        let copies = total(partial.map(|source| source.ty.bytes()));
        let operands: Vec<&TensorType> = self.sources.iter().map(|source| &source.ty).collect();
        let scratch = scratch::of_kernel(&self.op, &operands, &self.types);
        let inside = self.bodies.iter().map(|body| body.working().bytes).max().unwrap_or(0);
        let own = match &self.op {
            // What is shared is the operand's, or the copy.
            Op::Shape(ShapeOp::Reshape(_)) | Op::Control(ControlOp::OptimizationBarrier) => 0,
            // The results are what the body made.
            Op::Control(ControlOp::If(_) | ControlOp::Case(_)) => inside,
            Op::Custom(_) if !self.bodies.is_empty() => inside,
            Op::Control(ControlOp::While(_)) => self.needs_in_rounds(buffers, inside),
            Op::Control(ControlOp::Scan(op)) => {
                let outputs = op.outputs();
                made(&self.types[outputs..]).saturating_add(inside.max(made(&self.types[..outputs])))
            }
            _ => made(&self.types).saturating_add(inside),
        };
        total([copies, scratch, own])
    }

    /// In a loop: from the second round on, the last round's results are carried instead of the operands.
    fn needs_in_rounds(&self, buffers: &Buffers, inside: usize) -> usize {
        let shared = self.shared();
        let changing = self.sources.iter().zip(&shared).filter(|(_, shared)| shared.is_none());
        let carried = total(changing.clone().map(|(source, _)| source.ty.bytes()));
        let given_away = changing.filter(|(source, _)| buffers.is_given_away(source));
        let gone = total(given_away.map(|(source, _)| source.ty.bytes()));
        inside.max(inside.saturating_add(carried).saturating_sub(gone))
    }

    /// Whether it runs in the loops of [`elementwise`](crate::cpu::elementwise), which read views and
    /// scalars in place and write over the first operand.
    fn is_loop_of_floats(&self) -> bool {
        let covered = match &self.op {
            Op::Elementwise(Elementwise::Unary(op)) => *op != Unary::IsFinite,
            Op::Elementwise(Elementwise::Binary(_)) => true,
            _ => false,
        };
        covered && self.sources.iter().all(|source| scratch::is_wide_float(&source.ty))
    }
}
