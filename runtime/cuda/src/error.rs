//! What can go wrong on the way to a GPU.

use cudarc::cublaslt::result::CublasError;
use cudarc::driver::DriverError;

use crate::source::Missing;

/// An error of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A library that is not there.
    #[error(
        "{library} was not found{}\n  {brings}\n  or set CHORAL_CUDA_PATH to the folders that hold it, separated by colons",
        places(.searched)
    )]
    NoLibrary {
        /// Its name.
        library: &'static str,
        /// Folders that were looked in, beside those of the system's loader.
        searched: Vec<String>,
        /// What brings it.
        brings: &'static str,
    },
    /// A driver that is older than programs need.
    #[error("the NVIDIA driver supports CUDA {}; choral needs {} or newer: update the driver", version(.found), version(.needed))]
    OldDriver {
        /// The CUDA version that it supports, as drivers count: 12000 for 12.0.
        found: i32,
        /// The version that is needed.
        needed: i32,
    },
    /// A GPU that is not there.
    #[error("there is no GPU {ordinal}: the driver sees {found}")]
    NoGpu {
        /// Its number.
        ordinal: usize,
        /// How many there are.
        found: usize,
    },
    /// A GPU that is older than programs need.
    #[error("{name} has compute capability {}.{}; choral needs 7.5 or newer", .capability.0, .capability.1)]
    OldGpu {
        /// What it is called.
        name: String,
        /// Its compute capability.
        capability: (i32, i32),
    },
    /// What no source is written for.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Source that NVIDIA's compiler refuses.
    #[error("NVRTC refuses the source, which is a bug in choral, please report it:\n{log}")]
    Refused {
        /// What it says.
        log: String,
    },
    /// A compiler that gives something else than PTX.
    #[error("NVRTC gives no PTX: what CHORAL_CUDA_PATH names may be a stand-in for it")]
    NoPtx,
    /// Memory that the GPU does not have.
    #[error("{bytes} bytes on {name} for {purpose}: it has {free} bytes free of {total}")]
    Memory {
        /// The GPU.
        name: String,
        /// How much was asked for.
        bytes: usize,
        /// What for.
        purpose: &'static str,
        /// How much is free.
        free: usize,
        /// How much there is.
        total: usize,
    },
    /// What cuBLASLt says.
    #[error("{doing}: {cause}")]
    Library {
        /// What was done.
        doing: &'static str,
        /// What it says.
        cause: CublasError,
    },
    /// A GPU that failed in the middle of something: a fault of a kernel or of the card.
    #[error(
        "{name} failed: {doing}: {cause}\n  all that is on it is lost; drop it, and a new program opens the GPU again; other devices go on"
    )]
    Lost {
        /// The GPU.
        name: String,
        /// What was done.
        doing: &'static str,
        /// What the driver says.
        cause: DriverError,
    },
    /// What NCCL says.
    #[error("{doing}: {cause}")]
    Nccl {
        /// What was done.
        doing: &'static str,
        /// What it says.
        cause: String,
    },
    /// What else the driver says.
    #[error("{doing}: {cause}")]
    Driver {
        /// What was done.
        doing: &'static str,
        /// What it says.
        cause: DriverError,
    },
}

impl Error {
    /// The driver's error on doing something with a GPU.
    pub(crate) fn on(name: &str, doing: &'static str) -> impl FnOnce(DriverError) -> Error {
        move |cause| match is_lost(cause) {
            true => Error::Lost { name: name.to_owned(), doing, cause },
            false => Error::Driver { doing, cause },
        }
    }

    /// The driver's error on doing something.
    pub(crate) fn driver(doing: &'static str) -> impl FnOnce(DriverError) -> Error {
        move |cause| Error::Driver { doing, cause }
    }
}

/// Whether a GPU fails whatever is asked of it after this error.
pub(crate) fn is_lost(cause: DriverError) -> bool {
    use cudarc::driver::sys::CUresult as Cause;
    matches!(
        cause.0,
        Cause::CUDA_ERROR_ECC_UNCORRECTABLE
            | Cause::CUDA_ERROR_ILLEGAL_ADDRESS
            | Cause::CUDA_ERROR_LAUNCH_TIMEOUT
            | Cause::CUDA_ERROR_ASSERT
            | Cause::CUDA_ERROR_HARDWARE_STACK_ERROR
            | Cause::CUDA_ERROR_ILLEGAL_INSTRUCTION
            | Cause::CUDA_ERROR_MISALIGNED_ADDRESS
            | Cause::CUDA_ERROR_INVALID_ADDRESS_SPACE
            | Cause::CUDA_ERROR_INVALID_PC
            | Cause::CUDA_ERROR_LAUNCH_FAILED
            | Cause::CUDA_ERROR_CONTEXT_IS_DESTROYED
    )
}

fn places(folders: &[String]) -> String {
    match folders {
        [] => " by the system's loader".to_owned(),
        _ => format!(", neither by the system's loader nor in {}", folders.join(", ")),
    }
}

fn version(version: &i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}
