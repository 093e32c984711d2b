//! Running a program: its launches on a line of its own, and graphs of them that are replayed.
//!
//! Must not live here: which tensors inputs and results are.

use std::fmt;
use std::sync::Arc;

use cudarc::driver::sys::{CUdeviceptr, CUgraphInstantiate_flags, CUstreamCaptureMode};
use cudarc::driver::{CudaFunction, CudaGraph, DriverError, LaunchConfig, PushKernelArg};

use crate::cublaslt::{Algorithm, Description, Library, Places};
use crate::error::Error;
use crate::library_product::{Call, Place};
use crate::line::Line;
use crate::memory::Memory;
use crate::module::{Loaded, Module};
use crate::source::{Argument, Launch, THREADS};

/// What one run at a time of a program works with. Runs after the second with the same memory replay a graph of the
/// launches.
#[derive(Debug)]
pub struct Session {
    /// Before the memory that their launches use; those that were launched last come last.
    graphs: Vec<Captured>,
    /// Where the arguments of the last runs lay that no graph was captured of.
    seen: Vec<Vec<CUdeviceptr>>,
    module: Arc<Module>,
    line: Arc<Line>,
    room: Memory,
    scratch: Memory,
    arrivals: Memory,
    /// Of a program with products of the library.
    products: Option<Products>,
}

/// What the library's products of one run at a time work with.
#[derive(Debug)]
struct Products {
    /// One for each product of the module.
    descriptions: Vec<Description>,
    library: Library,
    workspace: Memory,
}

/// Bytes of the counter that blocks wait by.
const ARRIVALS: usize = 16;

/// How many graphs are kept: results that go round as inputs lie in two places in turns, and inputs may come from several.
const KEPT: usize = 8;

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
        let line = Line::new(module.gpu())?;
        let room = line.memory(room, "intermediate values")?;
        let scratch = line.memory(module.scratch_bytes(), "what kernels work in")?;
        let mut arrivals = line.memory(ARRIVALS, "a counter")?;
        line.write(&mut arrivals, &[0; ARRIVALS])?;
        let products = match module.products() {
            [] => None,
            _ => Some(Products::new(module, &line)?),
        };
        let (graphs, seen, module) = (Vec::new(), Vec::new(), module.clone());
        Ok(Session { graphs, seen, module, line, room, scratch, arrivals, products })
    }

    /// The order of its work.
    pub fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// Begins a run on what launches are given: memory for each number of [`Argument::Given`], first what they read alone,
    /// then what they write.
    ///
    /// # Errors
    /// If the driver refuses a launch.
    pub fn run(&mut self, read: &[&Memory], written: &[&Memory]) -> Result<(), Error> {
        let places = self.places(read, written).map_err(self.line.failed("waiting for memory"))?;
        self.launch_known(places)?;
        let mark = self.line.mark().map_err(self.line.failed("launching a kernel"))?;
        read.iter().for_each(|memory| memory.end_read(&self.line, &mark));
        written.iter().for_each(|memory| memory.end_write(&mark));
        Ok(())
    }

    fn places(&self, read: &[&Memory], written: &[&Memory]) -> Result<Vec<CUdeviceptr>, DriverError> {
        let read = read.iter().map(|memory| memory.begin_read(&self.line));
        read.chain(written.iter().map(|memory| memory.begin_write(&self.line))).collect()
    }

    /// All launches: replayed, if arguments lie where they lay before.
    fn launch_known(&mut self, places: Vec<CUdeviceptr>) -> Result<(), Error> {
        let replaying = self.line.failed("replaying a graph of launches");
        if let Some(at) = self.graphs.iter().position(|captured| captured.given == places) {
            self.graphs[at..].rotate_left(1);
            return self.graphs[self.graphs.len() - 1].graph.launch().map_err(replaying);
        }
        let Some(at) = self.seen.iter().position(|seen| *seen == places) else {
            self.launch_all(&places)?;
            if self.module.work().len() > 1 {
                keep(&mut self.seen, places);
            }
            return Ok(());
        };
        self.seen.remove(at);
        let capturing = || self.line.failed("capturing a graph of launches");
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        self.line.stream().begin_capture(mode).map_err(capturing())?;
        let launched = self.launch_all(&places);
        let graph = self.line.stream().end_capture(CUgraphInstantiate_flags(0)).map_err(capturing());
        launched?;
        match graph? {
            Some(graph) => {
                graph.launch().map_err(replaying)?;
                keep(&mut self.graphs, Captured { graph, given: places });
                Ok(())
            }
            None => self.launch_all(&places),
        }
    }

    fn launch_all(&self, given: &[CUdeviceptr]) -> Result<(), Error> {
        self.module.work().iter().try_for_each(|loaded| match loaded {
            Loaded::Launch { launch, function, blocks } => self.launch(launch, function, *blocks, given),
            Loaded::Product(number) => self.multiply(*number, given),
        })
    }

    fn place(&self, argument: Argument, given: &[CUdeviceptr]) -> CUdeviceptr {
        match argument {
            Argument::Room => self.room.place(),
            Argument::Scratch => self.scratch.place(),
            Argument::Arrivals => self.arrivals.place(),
            Argument::Given(number) => given[number],
        }
    }

    /// Begins the library's product of this number.
    fn multiply(&self, number: usize, given: &[CUdeviceptr]) -> Result<(), Error> {
        let (call, algorithm) = &self.module.products()[number];
        let Some(Products { descriptions, library, workspace }) = &self.products else { return Ok(()) };
        let place = |place: Place| self.place(place.argument, given) + place.bytes as CUdeviceptr;
        let places =
            Places { a: place(call.a), b: place(call.b), d: place(call.d), bias: call.bias.map(place) };
        let workspace = workspace.place();
        // SAFETY: memory is of the sizes that the program was made for, and lives as long as the session, whose stream orders
        // all that uses it.
        unsafe { library.run(self.line.stream(), &descriptions[number], algorithm, places, workspace) }
    }

    fn launch(
        &self,
        launch: &Launch,
        function: &CudaFunction,
        blocks: u32,
        given: &[CUdeviceptr],
    ) -> Result<(), Error> {
        let place = |&argument: &Argument| self.place(argument, given);
        let arguments: Vec<CUdeviceptr> = launch.arguments.iter().map(place).collect();
        let mut builder = self.line.stream().launch_builder(function);
        arguments.iter().for_each(|argument| {
            builder.arg(argument);
        });
        let config = LaunchConfig {
            grid_dim: (blocks, 1, 1),
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
        launched.map(drop).map_err(self.line.failed("launching a kernel"))
    }
}

impl Products {
    fn new(module: &Module, line: &Arc<Line>) -> Result<Products, Error> {
        let describe = |(call, _): &(Call, Algorithm)| Description::of(&call.matmul);
        Ok(Products {
            descriptions: module.products().iter().map(describe).collect::<Result<_, _>>()?,
            library: Library::open(module.gpu())?,
            workspace: line.memory(module.workspace_bytes(), "what products work in")?,
        })
    }
}

/// Adds to a list of what was there last.
fn keep<T>(list: &mut Vec<T>, value: T) {
    if list.len() == KEPT {
        list.remove(0);
    }
    list.push(value);
}
