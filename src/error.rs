//! The one error of the facade, and the errors that it holds.

pub use choral_compiler::Error as CompilerError;
pub use choral_compiler::error::{
    DifferentiationError, DimsError, EnsembleError, GradError, SettingValues, SizeGroup, TraceError,
    TraceFault, VmapError, Who,
};
pub use choral_compiler::state::{MismatchError, StateError};
pub use choral_ir::{BuildError, TensorError};
pub use choral_runtime::Error as RuntimeError;

/// Anything that can go wrong between a user's function and its results.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Tracing, transforms, modules and their state.
    #[error(transparent)]
    Compiler(#[from] CompilerError),
    /// Compiling a graph for a device, and running it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Members of an ensemble that the device has no memory for.
    #[error("{cause}\n  {}", fewer(*.members, *.fits))]
    Members {
        /// What there is no memory for.
        cause: Box<RuntimeError>,
        /// How many members ran at a time.
        members: usize,
        /// How many would fit; `None` if not even one does.
        fits: Option<usize>,
    },
    /// Tensors that do not have the shape or element type asked for.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

fn fewer(members: usize, fits: Option<usize>) -> String {
    match fits {
        Some(fits) => {
            format!("{members} members at a time are too many; with `chunk_size({fits})` the program fits")
        }
        None => format!("{members} members at a time are too many, and fewer do not fit either"),
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Error {
        Error::Compiler(error.into())
    }
}

impl From<VmapError> for Error {
    fn from(error: VmapError) -> Error {
        Error::Compiler(error.into())
    }
}
