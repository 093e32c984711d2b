//! The one error of the facade.

/// Anything that can go wrong between a user's function and its results.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Tracing, transforms, modules and their state.
    #[error(transparent)]
    Compiler(#[from] choral_compiler::Error),
    /// Compiling a graph for a device, and running it.
    #[error(transparent)]
    Runtime(#[from] choral_runtime::Error),
    /// Tensors that do not have the shape or element type asked for.
    #[error(transparent)]
    Tensor(#[from] choral_ir::TensorError),
}

impl From<choral_compiler::state::StateError> for Error {
    fn from(error: choral_compiler::state::StateError) -> Error {
        Error::Compiler(error.into())
    }
}
