//! A GPU: found, and asked what it has.
//!
//! Must not live here: programs on it ([`crate::module`], [`crate::session`]).

use std::sync::{Arc, OnceLock};

use cudarc::driver::sys::{self, CUdevice_attribute as Attribute};
use cudarc::driver::{CudaContext, DriverError};

use crate::error::{Error, is_lost};
use crate::libraries;
use crate::line::Line;
use crate::parts::Limits;

/// The CUDA version that drivers have to support.
const NEEDED: i32 = 12000;

/// The least compute capability.
const LEAST: (i32, i32) = (7, 5);

/// A GPU.
#[derive(Debug)]
pub struct Gpu {
    context: Arc<CudaContext>,
    name: String,
    capability: (i32, i32),
    limits: Limits,
    upward: OnceLock<Arc<Line>>,
    downward: OnceLock<Arc<Line>>,
}

impl Gpu {
    /// How many GPUs the driver sees.
    ///
    /// # Errors
    /// If there is no driver, or if it is too old.
    pub fn count() -> Result<usize, Error> {
        libraries::driver()?;
        let mut found = 0;
        // SAFETY: the library is loaded, and the pointer is one to an `int`.
        unsafe { sys::cuDriverGetVersion(&raw mut found) }
            .result()
            .map_err(Error::driver("asking for the driver's version"))?;
        if found < NEEDED {
            return Err(Error::OldDriver { found, needed: NEEDED });
        }
        match CudaContext::device_count() {
            Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
            Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)) => Ok(0),
            Err(cause) => Err(Error::Driver { doing: "looking for GPUs", cause }),
        }
    }

    /// The GPU of this number.
    ///
    /// # Errors
    /// If there is no driver or no such GPU, or if one of them is too old.
    pub fn open(ordinal: usize) -> Result<Arc<Gpu>, Error> {
        let found = Gpu::count()?;
        if ordinal >= found {
            return Err(Error::NoGpu { ordinal, found });
        }
        let opening = || Error::driver("opening the GPU");
        let context = CudaContext::new(ordinal).map_err(opening())?;
        // SAFETY: each session orders its own work, on a stream of its own.
        unsafe { context.disable_event_tracking() };
        let name = context.name().map_err(opening())?;
        let capability = context.compute_capability().map_err(opening())?;
        // What is left of a program that failed is found here, not in the middle of the next one.
        context.mem_get_info().map_err(Error::on(&name, "opening the GPU"))?;
        if capability < LEAST {
            return Err(Error::OldGpu { name, capability });
        }
        let ask = |attribute| {
            let asked = context.attribute(attribute).map_err(opening())?;
            Ok::<_, Error>(usize::try_from(asked).unwrap_or(0))
        };
        let limits = Limits {
            multiprocessors: ask(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?.max(1),
            shared_bytes: ask(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?,
            has_library: false,
        };
        let (upward, downward) = (OnceLock::new(), OnceLock::new());
        Ok(Arc::new(Gpu { context, name, capability, limits, upward, downward }))
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number.
    pub fn ordinal(&self) -> usize {
        self.context.ordinal()
    }

    /// Its compute capability.
    pub fn capability(&self) -> (i32, i32) {
        self.capability
    }

    /// How many multiprocessors it has.
    pub fn multiprocessors(&self) -> usize {
        self.limits.multiprocessors
    }

    /// What says what parts of programs are worth.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Bytes of its memory that are free, and all of them.
    ///
    /// # Errors
    /// If the driver does not say.
    pub fn memory(&self) -> Result<(usize, usize), Error> {
        self.context.mem_get_info().map_err(Error::on(&self.name, "asking for free memory"))
    }

    /// Bytes of its memory that are free once all that was begun is done, and what was given back then.
    ///
    /// # Errors
    /// If the driver does not say, or if a launch failed.
    pub fn free_bytes(&self) -> Result<usize, Error> {
        self.context.synchronize().map_err(Error::on(&self.name, "running a program on the GPU"))?;
        Ok(self.memory()?.0)
    }

    pub(crate) fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    /// What tensors that are no program's inputs yet are brought to the GPU on.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn upward(&self) -> Result<Arc<Line>, Error> {
        self.line(&self.upward)
    }

    /// What results that stayed on the GPU are brought back on.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn downward(&self) -> Result<Arc<Line>, Error> {
        self.line(&self.downward)
    }

    fn line(&self, line: &OnceLock<Arc<Line>>) -> Result<Arc<Line>, Error> {
        if let Some(line) = line.get() {
            return Ok(line.clone());
        }
        let new = Line::new(self)?;
        Ok(line.get_or_init(|| new).clone())
    }

    /// Whether it failed, and will fail until all that is on it is dropped.
    pub fn is_lost(&self) -> bool {
        self.context.mem_get_info().is_err_and(is_lost)
    }
}
