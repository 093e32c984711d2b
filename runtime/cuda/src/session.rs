//! Running a program: a stream, its memory, and the graph of its launches.
//!
//! Must not live here: which tensors inputs and results are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cudarc::driver::sys::{CUdeviceptr, CUevent_flags, CUgraphInstantiate_flags, CUstreamCaptureMode};
use cudarc::driver::{CudaGraph, CudaSlice, CudaStream, DevicePtr, LaunchConfig, PushKernelArg};

use crate::error::Error;
use crate::gpu::Gpu;
use crate::module::{Loaded, Module};
use crate::source::{Argument, THREADS};

/// Bytes on a GPU.
#[derive(Debug)]
pub struct Memory {
    slice: CudaSlice<u8>,
    bytes: usize,
}

/// What one run at a time of a program works with. Runs after the second with the same memory replay a graph of the
/// launches.
#[derive(Debug)]
pub struct Session {
    /// Before the memory that its launches use.
    graph: Option<Captured>,
    /// Where the last run's arguments lay.
    last: Vec<CUdeviceptr>,
    module: Arc<Module>,
    stream: Arc<CudaStream>,
    room: Memory,
    scratch: Memory,
    arrivals: Memory,
}

struct Captured {
    graph: CudaGraph,
    given: Vec<CUdeviceptr>,
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a graph of launches on {:?}", self.given)
    }
}

// SAFETY: the driver's calls on a graph may come from any thread, one at a time; a session is one owner's.
unsafe impl Send for Captured {}

impl Session {
    /// One of a program that works in a room of so many bytes.
    ///
    /// # Errors
    /// If the GPU has no memory for it.
    pub fn new(module: &Arc<Module>, room: usize) -> Result<Session, Error> {
        let gpu = module.gpu();
        let stream = gpu.context().new_stream().map_err(Error::driver("making a stream"))?;
        let room = Memory::new(gpu, &stream, room, "intermediate values")?;
        let scratch = Memory::new(gpu, &stream, module.scratch_bytes(), "what kernels work in")?;
        let mut arrivals = Memory::new(gpu, &stream, 16, "a counter")?;
        stream.memset_zeros(&mut arrivals.slice).map_err(Error::driver("clearing a counter"))?;
        Ok(Session { graph: None, last: Vec::new(), module: module.clone(), stream, room, scratch, arrivals })
    }

    /// Memory of so many bytes.
    ///
    /// # Errors
    /// If the GPU does not have it.
    pub fn memory(&self, bytes: usize, purpose: &'static str) -> Result<Memory, Error> {
        Memory::new(self.module.gpu(), &self.stream, bytes, purpose)
    }

    /// Copies bytes to the GPU. They may be changed when it returns.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn write(&self, memory: &mut Memory, bytes: &[u8]) -> Result<(), Error> {
        let copying = || Error::driver("copying to the GPU");
        if !bytes.is_empty() {
            self.stream.memcpy_htod(bytes, &mut memory.slice.slice_mut(..bytes.len())).map_err(copying())?;
        }
        Ok(())
    }

    /// Copies bytes from the GPU, when all that was begun is done.
    ///
    /// # Errors
    /// If the driver fails, or what it ran before.
    pub fn read(&self, memory: &Memory, bytes: &mut [u8]) -> Result<(), Error> {
        if !bytes.is_empty() {
            let whole = memory.slice.slice(..bytes.len());
            self.stream.memcpy_dtoh(&whole, bytes).map_err(Error::driver("copying from the GPU"))?;
        }
        self.wait()
    }

    /// Waits until all that was begun is done.
    ///
    /// # Errors
    /// If a launch failed.
    pub fn wait(&self) -> Result<(), Error> {
        self.stream.synchronize().map_err(Error::driver("running a program on the GPU"))
    }

    /// Begins a run on what launches are given: memory for each number of [`Argument::Given`].
    ///
    /// # Errors
    /// If the driver refuses a launch.
    pub fn run(&mut self, given: &[&Memory]) -> Result<(), Error> {
        let places: Vec<CUdeviceptr> = given.iter().map(|memory| memory.place(&self.stream)).collect();
        let replaying = || Error::driver("replaying a graph of launches");
        match &self.graph {
            Some(captured) if captured.given == places => {
                return captured.graph.launch().map_err(replaying());
            }
            Some(_) | None => {}
        }
        let is_known = self.last == places && self.module.launches().len() > 1;
        self.last.clone_from(&places);
        if !is_known {
            return self.launch_all(&places);
        }
        self.graph = None;
        let capturing = || Error::driver("capturing a graph of launches");
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        self.stream.begin_capture(mode).map_err(capturing())?;
        let launched = self.launch_all(&places);
        let graph = self.stream.end_capture(CUgraphInstantiate_flags(0)).map_err(capturing());
        launched?;
        match graph? {
            Some(graph) => {
                graph.launch().map_err(replaying())?;
                self.graph = Some(Captured { graph, given: places });
                Ok(())
            }
            None => self.launch_all(&places),
        }
    }

    /// How long so many runs, one right after the other, take by the GPU's own clock.
    ///
    /// # Errors
    /// As [`Session::run`], and if a launch failed.
    pub fn time(&mut self, given: &[&Memory], runs: usize) -> Result<Duration, Error> {
        let timing = || Error::driver("timing runs on the GPU");
        let now = |stream: &Arc<CudaStream>| stream.record_event(Some(CUevent_flags::CU_EVENT_DEFAULT));
        let start = now(&self.stream).map_err(timing())?;
        (0..runs).try_for_each(|_| self.run(given))?;
        let end = now(&self.stream).map_err(timing())?;
        self.wait()?;
        let milliseconds = start.elapsed_ms(&end).map_err(timing())?;
        Ok(Duration::from_secs_f64(f64::from(milliseconds.max(0.0)) / 1e3))
    }

    fn launch_all(&self, given: &[CUdeviceptr]) -> Result<(), Error> {
        self.module.launches().iter().try_for_each(|loaded| self.launch(loaded, given))
    }

    fn launch(&self, loaded: &Loaded, given: &[CUdeviceptr]) -> Result<(), Error> {
        let Loaded { launch, function, blocks } = loaded;
        let place = |argument: &Argument| match argument {
            Argument::Room => self.room.place(&self.stream),
            Argument::Scratch => self.scratch.place(&self.stream),
            Argument::Arrivals => self.arrivals.place(&self.stream),
            Argument::Given(number) => given[*number],
        };
        let arguments: Vec<CUdeviceptr> = launch.arguments.iter().map(place).collect();
        let mut builder = self.stream.launch_builder(function);
        arguments.iter().for_each(|argument| {
            builder.arg(argument);
        });
        let config = LaunchConfig {
            grid_dim: (*blocks, 1, 1),
            block_dim: (THREADS as u32, 1, 1),
            shared_mem_bytes: launch.shared_bytes as u32,
        };
        // SAFETY: the function takes as many pointers as the launch says, to memory of the sizes that the program was made
        // for; they live as long as the session, whose stream orders all that uses them.
        let launched = unsafe {
            match launch.is_cooperative {
                true => builder.launch_cooperative(config),
                false => builder.launch(config),
            }
        };
        launched.map(drop).map_err(Error::driver("launching a kernel"))
    }
}

impl Memory {
    fn new(
        gpu: &Gpu,
        stream: &Arc<CudaStream>,
        bytes: usize,
        purpose: &'static str,
    ) -> Result<Memory, Error> {
        Ok(Memory { slice: gpu.allocate(stream, bytes, purpose)?, bytes })
    }

    /// Its size.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn place(&self, stream: &Arc<CudaStream>) -> CUdeviceptr {
        self.slice.device_ptr(stream).0
    }
}
