//! Where results go: over donated inputs, over tensors that the caller hands back, over the last results; anew where
//! somebody still holds all of these.
//!
//! Must not live here: what is written.

use choral_ir::{Tensor, TensorType, with_storage};

use super::{Home, Plan};
use crate::error::Error;

/// Results of a buffer that are kept: those of a program that is handed its last results are written in turns.
const KEPT: usize = 2;

/// Where the results of a buffer go.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) buffer: usize,
    /// The first output that it is.
    output: Option<usize>,
    /// The number of the input whose place it takes.
    pub(super) donor: Option<usize>,
    /// Whether it does in this run.
    pub(super) is_given: bool,
    /// The last runs' results, written over once nobody else holds them.
    kept: [Option<Tensor>; KEPT],
}

impl Room {
    /// Those of all results that kernels write.
    pub(super) fn of(plan: &Plan) -> Vec<Room> {
        let results = plan.buffers.iter().enumerate().filter(|(_, buffer)| buffer.home == Home::Output);
        let room = |(buffer, _)| Room {
            buffer,
            output: plan.outputs.iter().position(|output| output.buffer == buffer),
            donor: plan.donors.iter().find(|(result, _)| *result == buffer).map(|&(_, input)| input),
            is_given: false,
            kept: Default::default(),
        };
        results.map(room).collect()
    }

    /// A tensor that nobody else holds, and where its elements lie: one of those that are handed back if it can be.
    ///
    /// # Errors
    /// If memory runs out.
    pub(super) fn take(&mut self, ty: &TensorType, back: &mut [Tensor]) -> Result<(*mut u8, Tensor), Error> {
        let back = self.output.and_then(|output| back.get_mut(output)).filter(|back| back.ty() == ty);
        if let Some(back) = back
            && let Some(pointer) = self.own(back)
        {
            return Ok((pointer, back.clone()));
        }
        for place in &mut self.kept {
            let mut tensor = match place.take() {
                Some(tensor) => tensor,
                None => Tensor::try_zeros(ty.clone())?,
            };
            let free = elements(&mut tensor);
            *place = Some(tensor.clone());
            if let Some(pointer) = free {
                return Ok((pointer, tensor));
            }
        }
        self.kept.rotate_left(1);
        self.kept[KEPT - 1] = None;
        self.take(ty, &mut [])
    }

    /// Where the elements of a tensor lie that nobody holds but the caller of this and, as one of the last results, this;
    /// it is none of these any more then.
    pub(super) fn own(&mut self, tensor: &mut Tensor) -> Option<*mut u8> {
        let is_same =
            |kept: &&mut Option<Tensor>| kept.as_ref().is_some_and(|kept| kept.identity().is(tensor));
        let kept = self.kept.iter_mut().filter(is_same).count();
        if tensor.holders() > 1 + kept {
            return None;
        }
        self.kept.iter_mut().filter(is_same).for_each(|kept| *kept = None);
        elements(tensor)
    }
}

/// Where the elements of a tensor lie, if nobody else holds them.
pub(super) fn elements(tensor: &mut Tensor) -> Option<*mut u8> {
    tensor.storage_mut().map(|data| with_storage!(data, values => values.as_mut_ptr().cast()))
}
