//! Running a plan: a session has its memory, and is taken from a pool.

use std::sync::{Mutex, PoisonError};

use choral_ir::Tensor;
use choral_kernels::memory::Block;

use super::state::State;
use super::{Buffer, Output, Plan, Step};
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
        let Session { state, frames, .. } = &mut session;
        let results = state.run(self, inputs, frames);
        state.forget();
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
        let arena = block(plan.arena.0)?;
        let frames = (0..threads).map(|_| block(bytes)).collect::<Result<_, _>>()?;
        let state = State::new(plan, arena.pointer());
        Ok(Session { _arena: arena, frames, state })
    }
}
