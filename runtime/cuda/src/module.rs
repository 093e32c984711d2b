//! A program on a GPU: its functions, compiled and loaded, how many blocks each is launched with, and how cuBLASLt does its
//! products, if they are the library's.
//!
//! Must not live here: memory and runs ([`crate::session`]).

use std::sync::Arc;

use cudarc::driver::sys::CUfunction_attribute as Attribute;
use cudarc::driver::{CudaFunction, CudaModule};
use cudarc::nvrtc::Ptx;

use crate::compile::{compile, compile_and_keep};
use crate::cublaslt::{Algorithm, Library};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::library_product::Call;
use crate::program::Program;
use crate::source::{Launch, THREADS, Unit, Work};

/// Blocks of a launch for each multiprocessor, at most: enough to hide how long memory takes.
const OF_A_MULTIPROCESSOR: usize = 16;

/// Bytes of shared memory that a block may have without asking.
const UNASKED: usize = 48 << 10;

/// A program on a GPU. Sessions share it.
#[derive(Debug)]
pub struct Module {
    gpu: Arc<Gpu>,
    work: Vec<Loaded>,
    /// Products of the library, in order.
    products: Vec<(Call, Algorithm)>,
    scratch_bytes: usize,
}

/// What runs at once, ready to run.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// A launch whose function is loaded.
    Launch { launch: Launch, function: CudaFunction, blocks: u32 },
    /// The library's product of this number.
    Product(usize),
}

/// A source's machine code on a GPU.
fn loaded(gpu: &Gpu, source: &str) -> Result<Arc<CudaModule>, Error> {
    let compiled = compile(source, gpu.capability())?;
    let load = |code| gpu.context().load_module(Ptx::from_binary(code));
    let module = match load(compiled.code) {
        // Of a compiler that is newer than the driver, say, which was another one then.
        Err(_) if compiled.is_kept => load(compile_and_keep(source, gpu.capability())?.code),
        loaded => loaded,
    };
    module.map_err(Error::on(gpu.name(), "loading a program on the GPU"))
}

impl Module {
    /// Compiles a program for a GPU and loads it.
    ///
    /// # Errors
    /// If a kernel has no source, if there is no compiler, or if the driver refuses the code.
    pub fn new(gpu: &Arc<Gpu>, program: &Program) -> Result<Module, Error> {
        Module::of_unit(gpu, &Unit::of(program)?)
    }

    /// As [`Module::new`], of a source without products of the library.
    ///
    /// # Errors
    /// As [`Module::new`].
    pub fn of_unit(gpu: &Arc<Gpu>, unit: &Unit) -> Result<Module, Error> {
        Module::of(gpu, unit, Vec::new())
    }

    /// As [`Module::new`], with products of so many multiply-adds at least by cuBLASLt, where it does them.
    ///
    /// # Errors
    /// As [`Module::new`], and if there is no cuBLASLt.
    pub fn with_library(gpu: &Arc<Gpu>, program: &Program, least: usize) -> Result<Module, Error> {
        let library = Library::open(gpu)?;
        let mut products = Vec::new();
        let mut failed = None;
        let unit = Unit::with_library(program, |call| {
            if call.matmul.multiply_adds() < least || failed.is_some() {
                return false;
            }
            match library.algorithm(call) {
                Ok(Some(algorithm)) => products.push((call.clone(), algorithm)),
                Ok(None) => return false,
                Err(error) => {
                    failed = Some(error);
                    return false;
                }
            }
            true
        })?;
        match failed {
            Some(error) => Err(error),
            None => Module::of(gpu, &unit, products),
        }
    }

    fn of(gpu: &Arc<Gpu>, unit: &Unit, products: Vec<(Call, Algorithm)>) -> Result<Module, Error> {
        let has_launches = unit.work.iter().any(|work| matches!(work, Work::Launch(_)));
        let module = if has_launches { Some(loaded(gpu, &unit.source)?) } else { None };
        let loading = || Error::on(gpu.name(), "loading a program on the GPU");
        let load = |launch: &Launch, module: &Arc<CudaModule>| {
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
            Ok(Loaded::Launch { launch: launch.clone(), function, blocks })
        };
        let mut number = 0..;
        let ready = |work: &Work| match (work, &module) {
            (Work::Launch(launch), Some(module)) => Some(load(launch, module)),
            (Work::Launch(_), None) => None,
            (Work::Product(_), _) => number.next().map(|number| Ok(Loaded::Product(number))),
        };
        let work = unit.work.iter().filter_map(ready).collect::<Result<_, Error>>()?;
        Ok(Module { gpu: gpu.clone(), work, products, scratch_bytes: unit.scratch_bytes })
    }

    /// The GPU that it is on.
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    pub(crate) fn scratch_bytes(&self) -> usize {
        self.scratch_bytes
    }

    pub(crate) fn work(&self) -> &[Loaded] {
        &self.work
    }

    /// The products that cuBLASLt does, in order, and how.
    pub(crate) fn products(&self) -> &[(Call, Algorithm)] {
        &self.products
    }

    /// How many products cuBLASLt does.
    pub fn library_products(&self) -> usize {
        self.products.len()
    }

    /// Bytes that these work in, one after another.
    pub(crate) fn workspace_bytes(&self) -> usize {
        self.products.iter().map(|(_, algorithm)| algorithm.workspace_bytes()).max().unwrap_or(0)
    }
}
