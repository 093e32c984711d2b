//! Parts of a result on several devices, one after another on the first of them.
//!
//! Must not live here: which part is where.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use choral_cuda::{Gather, Memory};
use choral_ir::{Tensor, TensorError};

use crate::device_tensor::DeviceTensor;
use crate::error::Error;
use crate::gpu::gpu;

/// What GPUs gather with, by their numbers: it takes long to make.
static OPEN: Mutex<Option<HashMap<Vec<usize>, Arc<Gather>>>> = Mutex::new(None);

impl DeviceTensor {
    /// The parts one after another along dimension 0, on the device of the first one. Those of several GPUs, one each, are
    /// sent there by NCCL.
    ///
    /// ```
    /// use choral_ir::Tensor;
    /// use choral_runtime::{Device, DeviceTensor};
    /// let part = Device::Cpu.put(&Tensor::from([[1, 2]]))?;
    /// let both = DeviceTensor::joined(&[part.clone(), part])?;
    /// assert_eq!(both.to_tensor()?, Tensor::from([[1, 2], [1, 2]]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there are none, or their types differ in more than the first size; if NCCL is not found where it is needed; if
    /// memory runs out.
    pub fn joined(parts: &[DeviceTensor]) -> Result<DeviceTensor, Error> {
        let first = parts.first().ok_or(TensorError::StackOfNone)?;
        let memories: Option<Vec<&Arc<Memory>>> = parts.iter().map(DeviceTensor::memory).collect();
        let ordinals: Vec<usize> = memories.iter().flatten().map(|memory| memory.ordinal()).collect();
        match memories {
            _ if parts.len() == 1 => Ok(first.clone()),
            Some(memories) if is_each_once(&ordinals) => {
                let ty = Tensor::joined_type(parts.iter().map(DeviceTensor::ty))?;
                let bytes = parts.iter().map(|part| part.ty().bytes());
                let parts: Vec<(&Memory, usize)> =
                    memories.into_iter().map(|memory| &**memory).zip(bytes).collect();
                let whole = gather(ordinals)?.gather(&parts)?;
                Ok(DeviceTensor::of_gpu(ty, Arc::new(whole)))
            }
            Some(_) | None => {
                let tensors = parts.iter().map(DeviceTensor::to_tensor).collect::<Result<Vec<_>, _>>()?;
                first.device().put(&Tensor::joined(&tensors)?)
            }
        }
    }
}

/// Forgets what gathers with a GPU that failed, so that nothing of it is left.
pub(crate) fn forget(ordinal: usize) {
    locked().get_or_insert_default().retain(|ordinals, _| !ordinals.contains(&ordinal));
}

fn gather(ordinals: Vec<usize>) -> Result<Arc<Gather>, Error> {
    let gpus = ordinals.iter().map(|&ordinal| gpu(ordinal)).collect::<Result<Vec<_>, _>>()?;
    let mut open = locked();
    let open = open.get_or_insert_default();
    if let Some(gather) = open.get(&ordinals) {
        return Ok(gather.clone());
    }
    let gather = Arc::new(Gather::new(&gpus)?);
    open.insert(ordinals, gather.clone());
    Ok(gather)
}

fn locked() -> MutexGuard<'static, Option<HashMap<Vec<usize>, Arc<Gather>>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_each_once(ordinals: &[usize]) -> bool {
    ordinals.iter().enumerate().all(|(at, ordinal)| !ordinals[..at].contains(ordinal))
}
