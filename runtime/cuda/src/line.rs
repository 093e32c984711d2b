//! Work in order: a stream, a mark behind the last of it, and copies from and to the host.
//!
//! Each session has a line of its own. Memory knows which lines use it ([`crate::memory`]), so that what one line writes
//! the next one reads without the host waiting in between. Must not live here: launches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cudarc::driver::sys::CUevent_flags;
use cudarc::driver::{CudaContext, CudaEvent, CudaStream, DriverError};

use crate::error::Error;
use crate::gpu::Gpu;
use crate::memory::Memory;
use crate::staging::Staging;

/// A moment of a line's work.
#[derive(Debug)]
pub struct Moment(CudaEvent);

/// Work in order on a GPU.
#[derive(Debug)]
pub struct Line {
    stream: Arc<CudaStream>,
    /// What was recorded behind work that others may wait for; recorded again when nobody does any more.
    marks: Mutex<Vec<Arc<CudaEvent>>>,
    staging: Mutex<Staging>,
    /// What the GPU is called.
    name: Arc<str>,
}

impl Line {
    /// One on a GPU, without work.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn new(gpu: &Gpu) -> Result<Arc<Line>, Error> {
        let stream = gpu.context().new_stream().map_err(Error::on(gpu.name(), "making a stream"))?;
        Ok(Arc::new(Line {
            stream,
            marks: Mutex::default(),
            staging: Mutex::default(),
            name: gpu.name().into(),
        }))
    }

    /// Memory of so many bytes, which nothing is known of.
    ///
    /// # Errors
    /// If the GPU does not have it.
    pub fn memory(self: &Arc<Line>, bytes: usize, purpose: &'static str) -> Result<Memory, Error> {
        Memory::new(self, bytes, purpose)
    }

    /// Copies bytes to the GPU. They may be changed when it returns.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn write(self: &Arc<Line>, memory: &mut Memory, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let copy = || {
            let place = memory.begin_write(self)?;
            locked(&self.staging).write(&self.stream, place, bytes)?;
            memory.end_write(&self.mark()?);
            Ok(())
        };
        copy().map_err(self.failed("copying to the GPU"))
    }

    /// Copies bytes from the GPU, when all that was begun on them is done.
    ///
    /// # Errors
    /// If the driver fails, or what it ran before.
    pub fn read(self: &Arc<Line>, memory: &Memory, bytes: &mut [u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return self.wait();
        }
        let mut copy = || {
            let place = memory.begin_read(self)?;
            locked(&self.staging).read(&self.stream, place, bytes)?;
            memory.end_read(self, &self.mark()?);
            Ok(())
        };
        copy().map_err(self.failed("running a program on the GPU"))
    }

    /// Waits until all that was begun is done.
    ///
    /// # Errors
    /// If a launch failed.
    pub fn wait(&self) -> Result<(), Error> {
        self.stream.synchronize().map_err(self.failed("running a program on the GPU"))
    }

    /// A moment behind all that was begun, by the GPU's own clock.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn moment(&self) -> Result<Moment, Error> {
        let event = self.stream.record_event(Some(CUevent_flags::CU_EVENT_DEFAULT));
        event.map(Moment).map_err(self.failed("timing runs on the GPU"))
    }

    /// How long it is from a moment to a later one, when that has come.
    ///
    /// # Errors
    /// If the driver fails, or what it ran in between.
    pub fn between(&self, start: &Moment, end: &Moment) -> Result<Duration, Error> {
        self.wait()?;
        let milliseconds = start.0.elapsed_ms(&end.0).map_err(self.failed("timing runs on the GPU"))?;
        Ok(Duration::from_secs_f64(f64::from(milliseconds.max(0.0)) / 1e3))
    }

    /// What others wait for who need all that was begun up to here.
    pub(crate) fn mark(&self) -> Result<Arc<CudaEvent>, DriverError> {
        let mut marks = locked(&self.marks);
        let free = marks.iter().find(|mark| Arc::strong_count(mark) == 1).cloned();
        let mark = match free {
            Some(mark) => mark,
            None => {
                let mark = Arc::new(self.context().new_event(None)?);
                marks.push(mark.clone());
                mark
            }
        };
        mark.record(&self.stream)?;
        Ok(mark)
    }

    pub(crate) fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    pub(crate) fn context(&self) -> &Arc<CudaContext> {
        self.stream.context()
    }

    /// What the GPU is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The driver's error on doing something here.
    pub(crate) fn failed(&self, doing: &'static str) -> impl FnOnce(DriverError) -> Error {
        Error::on(&self.name, doing)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
