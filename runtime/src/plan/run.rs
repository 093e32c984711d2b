//! Running a plan: a workspace is its memory, and is taken from a pool.

use std::sync::{Arc, Mutex, PoisonError};

use choral_ir::memory::{self, OutOfMemory};
use choral_ir::{Identity, Tensor};
use choral_kernels::memory::Block;

use super::Plan;
use super::state::State;
use crate::error::Error;

/// What one run at a time works in.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The pointers in `state` lead into it.
    _arena: Block,
    /// One for each thread.
    frames: Vec<Block>,
    state: State,
    /// The inputs of the next run.
    pub(crate) inputs: Vec<Tensor>,
}

/// Workspaces that no run uses now, and operands that were packed for the last ones.
#[derive(Debug)]
pub(super) struct Workspaces {
    free: Mutex<Vec<Workspace>>,
    packed: Vec<Mutex<Option<Arc<Packed>>>>,
}

/// A plan's copy makes its own.
impl Clone for Workspaces {
    fn clone(&self) -> Workspaces {
        Workspaces::new(self.packed.len())
    }
}

/// An operand of a product as its loops read it.
#[derive(Debug)]
pub(super) struct Packed {
    /// The tensor that it is; of one that is written over since, none.
    of: Option<Identity>,
    block: Block,
}

impl Packed {
    fn is(&self, tensor: Option<&Tensor>) -> bool {
        self.of.as_ref().zip(tensor).is_some_and(|(of, tensor)| of.is(tensor))
    }

    pub(super) fn pointer(&self) -> *mut u8 {
        self.block.pointer()
    }
}

impl Workspaces {
    pub(super) fn new(packs: usize) -> Workspaces {
        Workspaces { free: Mutex::default(), packed: (0..packs).map(|_| Mutex::default()).collect() }
    }

    /// The packed operand of this number, which `pack` writes if it is not this tensor already; without one, it is not
    /// known again. What other runs read is left to them.
    ///
    /// # Errors
    /// If memory runs out.
    pub(super) fn packed(
        &self,
        at: usize,
        tensor: Option<&Tensor>,
        bytes: usize,
        pack: impl FnOnce(&Block),
    ) -> Result<Arc<Packed>, OutOfMemory> {
        let slot = || self.packed[at].lock().unwrap_or_else(PoisonError::into_inner);
        // No lock is held while it is packed: other threads may come by and do the same.
        let last = {
            let mut slot = slot();
            match &*slot {
                Some(packed) if packed.is(tensor) => return Ok(packed.clone()),
                Some(_) | None => slot.take(),
            }
        };
        let block = match last.and_then(Arc::into_inner) {
            Some(packed) => packed.block,
            None => block(bytes)?,
        };
        pack(&block);
        let packed = Arc::new(Packed { of: tensor.map(Tensor::identity), block });
        *slot() = Some(packed.clone());
        Ok(packed)
    }
}

fn block(bytes: usize) -> Result<Block, OutOfMemory> {
    Block::new(bytes).ok_or_else(|| OutOfMemory { needed: bytes, total: memory::total() })
}

impl Plan {
    /// The graph's outputs on inputs of its types.
    ///
    /// # Errors
    /// Those of user-defined ops; if memory runs out; the one of a tensor that does not hold what its type says.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let mut outputs = Vec::new();
        let mut workspace = self.workspace()?;
        workspace.inputs.extend_from_slice(inputs);
        let result = workspace.run(self, &mut outputs);
        self.give_back(workspace);
        result.map(|()| outputs)
    }

    /// Whether a run would find its memory there.
    pub(crate) fn has_memory(&self) -> bool {
        !self.workspaces.free.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// A workspace for a run, which [`Plan::give_back`] takes again.
    ///
    /// # Errors
    /// If memory runs out.
    pub(crate) fn workspace(&self) -> Result<Workspace, Error> {
        let free = self.workspaces.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.map_or_else(|| Workspace::new(self), Ok)
    }

    pub(crate) fn give_back(&self, workspace: Workspace) {
        self.workspaces.free.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
    }

    /// The error that memory ran out, which names the largest value that is made.
    pub(super) fn refusal(&self, cause: OutOfMemory) -> Error {
        let largest = self.steps.iter().max_by_key(|step| step.label.ty.bytes());
        let refusal = largest.map(|step| step.label.refusal(cause));
        refusal.unwrap_or_else(|| Error::internal("arena", cause.to_string()))
    }
}

impl Workspace {
    /// One of its own.
    ///
    /// # Errors
    /// If memory runs out.
    pub(crate) fn new(plan: &Plan) -> Result<Workspace, Error> {
        let (bytes, threads) = plan.frame;
        let of = |bytes| block(bytes).map_err(|cause| plan.refusal(cause));
        let arena = of(plan.arena.0)?;
        let frames = (0..threads).map(|_| of(bytes)).collect::<Result<_, _>>()?;
        let state = State::new(plan, arena.pointer());
        Ok(Workspace { _arena: arena, frames, state, inputs: Vec::new() })
    }

    /// Runs the plan that this is for on `inputs`, and empties these. Results take the places of what the list holds, if
    /// they can; after an error it is empty.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub(crate) fn run(&mut self, plan: &Plan, outputs: &mut Vec<Tensor>) -> Result<(), Error> {
        if self.inputs.len() != plan.inputs.len() {
            let message = format!("{} inputs were given for {}", self.inputs.len(), plan.inputs.len());
            self.inputs.clear();
            return Err(Error::internal("inputs", message));
        }
        let result = self.state.run(plan, &mut self.inputs, outputs, &self.frames);
        self.state.forget();
        if result.is_err() {
            outputs.clear();
        }
        result
    }

    /// Makes what runs read of an input once for all runs to come.
    ///
    /// # Errors
    /// If memory runs out.
    pub(crate) fn bind(&mut self, plan: &Plan, input: usize, tensor: &Tensor) -> Result<(), Error> {
        self.state.bind(plan, input, tensor, &self.frames)
    }
}

#[cfg(test)]
mod tests {
    use choral_ir::op::Unary;
    use choral_ir::{Builder, DType, TensorType};

    use super::*;
    use crate::setting::Setting;

    #[test]
    fn memory_that_runs_out_is_told_with_the_largest_value() {
        let mut builder = Builder::new("main");
        let x = builder.input("x", TensorType::new([8, 4], DType::F32));
        let result = builder.unary(Unary::Tanh, x).expect("a tensor");
        let plan = Plan::of(&builder.finish(&[result]), &Setting::default());
        let error = plan.refusal(OutOfMemory { needed: 1 << 40, total: 1 << 30 }).to_string();
        assert!(error.contains("%tanh : tensor<8x4xf32>: together with all other live values, this needs 1.1 TB of memory, but this machine has 1.1 GB"), "{error}");
    }
}
