//! Results of several GPUs, one after another on the first of them.
//!
//! Must not live here: NCCL's functions (`nccl`).

use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::{DriverError, result};

use crate::error::Error;
use crate::gpu::Gpu;
use crate::line::Line;
use crate::memory::Memory;
use crate::nccl::{Communicator, Nccl};

/// GPUs that send their results to the first of them.
#[derive(Debug)]
pub struct Gather {
    nccl: &'static Nccl,
    /// NCCL's calls come from one thread at a time, in one order on all GPUs.
    ends: Mutex<Vec<End>>,
}

/// One of the GPUs.
#[derive(Debug)]
struct End {
    communicator: Communicator,
    line: Arc<Line>,
}

impl Gather {
    /// These GPUs, each of them once.
    ///
    /// # Errors
    /// If NCCL is not found, or if it fails.
    pub fn new(gpus: &[Arc<Gpu>]) -> Result<Gather, Error> {
        let nccl = Nccl::get()?;
        let ordinals: Vec<usize> = gpus.iter().map(|gpu| gpu.ordinal()).collect();
        let communicators = nccl.communicators(&ordinals)?;
        let end =
            |(communicator, gpu): (Communicator, &Arc<Gpu>)| Ok(End { communicator, line: Line::new(gpu)? });
        let ends = communicators.into_iter().zip(gpus).map(end).collect::<Result<_, Error>>()?;
        Ok(Gather { nccl, ends: Mutex::new(ends) })
    }

    /// Memory of the first GPU with the first bytes of each part, one after another. Each part is the memory of its GPU.
    ///
    /// # Errors
    /// If the first GPU has no memory for all of it; if NCCL or the driver fails.
    pub fn gather(&self, parts: &[(&Memory, usize)]) -> Result<Memory, Error> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let first = &ends[0].line;
        let all = first.memory(parts.iter().map(|part| part.1).sum(), "gathered results")?;
        let failed = || first.failed("gathering results");
        let start = all.begin_write(first).map_err(failed())?;
        let places = parts.iter().zip(&*ends).map(|(part, end)| part.0.begin_read(&end.line));
        let places = places.collect::<Result<Vec<_>, DriverError>>().map_err(failed())?;
        self.nccl.together(|| {
            let mut to = start;
            for (number, ((&(_, bytes), place), end)) in parts.iter().zip(&places).zip(&*ends).enumerate() {
                // SAFETY: the first bytes of a part go to their own place among all; each line is marked behind it, below.
                unsafe {
                    match number {
                        0 => result::memcpy_dtod_async(to, *place, bytes, first.stream().cu_stream())
                            .map_err(failed())?,
                        _ => {
                            end.communicator.send(*place, bytes, 0, end.line.stream().cu_stream())?;
                            ends[0].communicator.receive(to, bytes, number, first.stream().cu_stream())?;
                        }
                    }
                }
                to += bytes as u64;
            }
            Ok(())
        })?;
        for (part, end) in parts.iter().zip(&*ends) {
            part.0.end_read(&end.line, &end.line.mark().map_err(failed())?);
        }
        all.end_write(&first.mark().map_err(failed())?);
        Ok(all)
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        let ends = self.ends.get_mut().unwrap_or_else(PoisonError::into_inner);
        // What is begun is done before communicators go.
        ends.iter().for_each(|end| drop(end.line.wait()));
    }
}
