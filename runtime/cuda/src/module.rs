//! A program on a GPU: its functions, compiled and loaded, and how many blocks each is launched with.
//!
//! Must not live here: memory and runs ([`crate::session`]).

use std::sync::Arc;

use cudarc::driver::CudaFunction;
use cudarc::driver::sys::CUfunction_attribute as Attribute;
use cudarc::nvrtc::Ptx;

use crate::compile::{compile, compile_and_keep};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::source::{Launch, THREADS, Unit};

/// Blocks of a launch for each multiprocessor, at most: enough to hide how long memory takes.
const OF_A_MULTIPROCESSOR: usize = 16;

/// Bytes of shared memory that a block may have without asking.
const UNASKED: usize = 48 << 10;

/// A program on a GPU. Sessions share it.
#[derive(Debug)]
pub struct Module {
    gpu: Arc<Gpu>,
    launches: Vec<Loaded>,
    scratch_bytes: usize,
}

/// A launch whose function is loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) launch: Launch,
    pub(crate) function: CudaFunction,
    pub(crate) blocks: u32,
}

impl Module {
    /// Compiles a program for a GPU and loads it.
    ///
    /// # Errors
    /// If there is no compiler, or if the driver refuses the code.
    pub fn new(gpu: &Arc<Gpu>, unit: &Unit) -> Result<Module, Error> {
        if unit.launches.is_empty() {
            return Ok(Module { gpu: gpu.clone(), launches: Vec::new(), scratch_bytes: 0 });
        }
        let compiled = compile(&unit.source, gpu.capability())?;
        let loading = || Error::on(gpu.name(), "loading a program on the GPU");
        let load = |code| gpu.context().load_module(Ptx::from_binary(code));
        let module = match load(compiled.code) {
            // Of a compiler that is newer than the driver, say, which was another one then.
            Err(_) if compiled.is_kept => load(compile_and_keep(&unit.source, gpu.capability())?.code),
            loaded => loaded,
        };
        let module = module.map_err(loading())?;
        let load = |launch: &Launch| {
            let function = module.load_function(&launch.name).map_err(loading())?;
            if launch.shared_bytes > UNASKED {
                let bytes = launch.shared_bytes as i32;
                let attribute = Attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
                function.set_attribute(attribute, bytes).map_err(loading())?;
            }
            let alive = function.occupancy_max_active_blocks_per_multiprocessor(
                THREADS as u32,
                launch.shared_bytes,
                None,
            );
            let alive = alive.map_err(loading())?.max(1) as usize;
            let of_each = if launch.is_cooperative { alive } else { OF_A_MULTIPROCESSOR.max(alive) };
            let most = of_each * gpu.multiprocessors();
            let blocks = launch.threads.div_ceil(THREADS).clamp(1, most) as u32;
            Ok(Loaded { launch: launch.clone(), function, blocks })
        };
        let launches = unit.launches.iter().map(load).collect::<Result<_, Error>>()?;
        Ok(Module { gpu: gpu.clone(), launches, scratch_bytes: unit.scratch_bytes })
    }

    /// The GPU that it is on.
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    pub(crate) fn scratch_bytes(&self) -> usize {
        self.scratch_bytes
    }

    pub(crate) fn launches(&self) -> &[Loaded] {
        &self.launches
    }
}
