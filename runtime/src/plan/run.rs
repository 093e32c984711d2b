//! Running a plan: a session has its memory, and is taken from a pool.

use std::sync::{Arc, Mutex, PoisonError};

use choral_ir::memory::{self, OutOfMemory};
use choral_ir::{Identity, Tensor};
use choral_kernels::memory::Block;

use super::Plan;
use super::state::State;
use crate::error::Error;

/// What one run at a time works in.
#[derive(Debug)]
struct Session {
    /// The pointers in `state` lead into it.
    _arena: Block,
    /// One for each thread.
    frames: Vec<Block>,
    state: State,
}

/// Sessions that no run uses now, and operands that were packed for the last ones.
#[derive(Debug)]
pub(super) struct Sessions {
    free: Mutex<Vec<Session>>,
    packed: Vec<Mutex<Option<Arc<Packed>>>>,
}

/// A plan's copy makes its own.
impl Clone for Sessions {
    fn clone(&self) -> Sessions {
        Sessions::new(self.packed.len())
    }
}

/// An operand of a product as its loops read it.
#[derive(Debug)]
pub(super) struct Packed {
    /// The tensor that it is.
    of: Identity,
    block: Block,
}

impl Packed {
    pub(super) fn pointer(&self) -> *mut u8 {
        self.block.pointer()
    }
}

impl Sessions {
    pub(super) fn new(packs: usize) -> Sessions {
        Sessions { free: Mutex::default(), packed: (0..packs).map(|_| Mutex::default()).collect() }
    }

    /// The packed operand of this number, which `pack` writes if it is not this tensor already. What other runs read is
    /// left to them.
    ///
    /// # Errors
    /// If memory runs out.
    pub(super) fn packed(
        &self,
        at: usize,
        tensor: &Tensor,
        bytes: usize,
        pack: impl FnOnce(&Block),
    ) -> Result<Arc<Packed>, OutOfMemory> {
        let slot = || self.packed[at].lock().unwrap_or_else(PoisonError::into_inner);
        // No lock is held while it is packed: other threads may come by and do the same.
        let last = {
            let mut slot = slot();
            match &*slot {
                Some(packed) if packed.of.is(tensor) => return Ok(packed.clone()),
                Some(_) | None => slot.take(),
            }
        };
        let block = match last.and_then(Arc::into_inner) {
            Some(packed) => packed.block,
            None => block(bytes)?,
        };
        pack(&block);
        let packed = Arc::new(Packed { of: tensor.identity(), block });
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
        if inputs.len() != self.inputs.len() {
            let message = format!("{} inputs were given for {}", inputs.len(), self.inputs.len());
            return Err(Error::internal("inputs", message));
        }
        let mut session = self.session()?;
        let Session { state, frames, .. } = &mut session;
        let results = state.run(self, inputs, frames);
        state.forget();
        self.sessions.free.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        results
    }

    /// Whether a run would find its memory there.
    pub(crate) fn has_memory(&self) -> bool {
        !self.sessions.free.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn session(&self) -> Result<Session, Error> {
        let free = self.sessions.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.map_or_else(|| Session::new(self).map_err(|cause| self.refusal(cause)), Ok)
    }

    /// The error that memory ran out, which names the largest value that is made.
    pub(super) fn refusal(&self, cause: OutOfMemory) -> Error {
        let largest = self.steps.iter().max_by_key(|step| step.label.ty.bytes());
        let refusal = largest.map(|step| step.label.refusal(cause));
        refusal.unwrap_or_else(|| Error::internal("arena", cause.to_string()))
    }
}

impl Session {
    fn new(plan: &Plan) -> Result<Session, OutOfMemory> {
        let (bytes, threads) = plan.frame;
        let arena = block(plan.arena.0)?;
        let frames = (0..threads).map(|_| block(bytes)).collect::<Result<_, _>>()?;
        let state = State::new(plan, arena.pointer());
        Ok(Session { _arena: arena, frames, state })
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
