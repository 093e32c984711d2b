//! Memory of a GPU, and who uses it: what the next one waits for.
//!
//! Whoever reads it on another line waits, on the GPU, for the line that wrote it; whoever writes it waits for all who read
//! it. It is given back behind the last use. Must not live here: what is in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::sys::{self, CUdeviceptr};
use cudarc::driver::{CudaEvent, CudaSlice, DevicePtr, DriverError, result};

use crate::error::Error;
use crate::line::Line;

/// Bytes on a GPU.
#[derive(Debug)]
pub struct Memory {
    slice: CudaSlice<u8>,
    bytes: usize,
    /// Where it was made, and is given back.
    line: Arc<Line>,
    uses: Mutex<Uses>,
}

/// The lines that used memory last.
#[derive(Debug)]
struct Uses {
    writer: Use,
    /// Since it was written.
    readers: Vec<Use>,
}

/// What a line did with memory.
#[derive(Debug)]
struct Use {
    line: Arc<Line>,
    /// What is recorded behind it; not known yet while it is begun.
    mark: Option<Arc<CudaEvent>>,
}

impl Use {
    /// Lets a line wait for it.
    fn before(&self, line: &Arc<Line>) -> Result<(), DriverError> {
        match &self.mark {
            _ if Arc::ptr_eq(&self.line, line) => Ok(()),
            Some(mark) => line.stream().wait(mark),
            None => line.stream().join(self.line.stream()),
        }
    }
}

impl Memory {
    pub(crate) fn new(line: &Arc<Line>, bytes: usize, purpose: &'static str) -> Result<Memory, Error> {
        // SAFETY: nothing is read that was not written before, and what is done here is done in the order of lines.
        let slice = unsafe { line.stream().alloc::<u8>(bytes.max(1)) };
        let slice = slice.map_err(|cause| match cause {
            DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY) => {
                let (free, total) = result::mem_get_info().unwrap_or_default();
                Error::Memory { name: line.name().to_owned(), bytes, purpose, free, total }
            }
            cause => line.failed("allocating memory on the GPU")(cause),
        })?;
        let writer = Use { line: line.clone(), mark: None };
        let uses = Mutex::new(Uses { writer, readers: Vec::new() });
        Ok(Memory { slice, bytes, line: line.clone(), uses })
    }

    /// Its size.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the GPU that it is on.
    pub fn ordinal(&self) -> usize {
        self.slice.ordinal()
    }

    /// Where it lies, for what a line reads from here on.
    pub(crate) fn begin_read(&self, line: &Arc<Line>) -> Result<CUdeviceptr, DriverError> {
        let mut uses = self.uses();
        uses.writer.before(line)?;
        if !Arc::ptr_eq(&uses.writer.line, line) {
            uses.readers.retain(|reader| !Arc::ptr_eq(&reader.line, line));
            uses.readers.push(Use { line: line.clone(), mark: None });
        }
        Ok(self.place())
    }

    /// Lets others wait for the mark behind what a line read.
    pub(crate) fn end_read(&self, line: &Arc<Line>, mark: &Arc<CudaEvent>) {
        let mut uses = self.uses();
        let reader = uses.readers.iter_mut().find(|reader| Arc::ptr_eq(&reader.line, line));
        reader.into_iter().for_each(|reader| reader.mark = Some(mark.clone()));
    }

    /// Where it lies, for what a line writes from here on.
    pub(crate) fn begin_write(&self, line: &Arc<Line>) -> Result<CUdeviceptr, DriverError> {
        let mut uses = self.uses();
        uses.writer.before(line)?;
        uses.readers.iter().try_for_each(|reader| reader.before(line))?;
        uses.readers.clear();
        uses.writer = Use { line: line.clone(), mark: None };
        Ok(self.place())
    }

    /// Lets others wait for the mark behind what a line wrote.
    pub(crate) fn end_write(&self, mark: &Arc<CudaEvent>) {
        self.uses().writer.mark = Some(mark.clone());
    }

    /// Where it lies, for the line that alone uses it.
    pub(crate) fn place(&self) -> CUdeviceptr {
        self.slice.device_ptr(self.line.stream()).0
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let line = self.line.clone();
        // A GPU that fails has nothing more to wait for. It is given back when this returns.
        let _ = self.begin_write(&line);
        let _ = line.context().bind_to_thread();
    }
}
