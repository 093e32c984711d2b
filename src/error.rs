//! The one error of the facade, and the errors that it holds.

pub use choral_compiler::Error as CompilerError;
pub use choral_compiler::error::{
    DimsError, EnsembleError, SettingValues, SizeGroup, TraceError, TraceFault, VmapError, Who,
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
    /// Tensors that do not have the shape or element type asked for.
    #[error(transparent)]
    Tensor(#[from] TensorError),
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
