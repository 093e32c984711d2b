//! What can go wrong between a graph and its results.

use choral_ir::memory::OutOfMemory;
use choral_ir::{Location, TensorError, TensorType};

use crate::device::Device;

/// An error of the runtime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The wrong number of inputs.
    #[error("the program has {expected} inputs ({names}), got {got}")]
    InputCount {
        /// Number of the graph's inputs.
        expected: usize,
        /// Their names.
        names: String,
        /// Number of tensors given.
        got: usize,
    },
    /// An input of the wrong type.
    #[error("input {position} (%{name}) is {expected}, got {got}")]
    InputType {
        /// Position among the inputs.
        position: usize,
        /// Name of the input.
        name: String,
        /// Type of the graph's input.
        expected: TensorType,
        /// Type of the tensor given.
        got: TensorType,
    },
    /// An input that lies on another device.
    #[error(
        "input {position} (%{name}) lies on {got}, and the program runs on {expected}; bring it there with `Device::{expected:?}.put(&input.to_tensor()?)`"
    )]
    InputDevice {
        /// Position among the inputs.
        position: usize,
        /// Name of the input.
        name: String,
        /// Where the program runs.
        expected: Device,
        /// Where the tensor lies.
        got: Device,
    },
    /// A tensor that a result of another type was to be read into.
    #[error("the result is {expected}, and was to be read into {got}")]
    ReadInto {
        /// Type of the result.
        expected: TensorType,
        /// Type of the tensor given.
        got: TensorType,
    },
    /// A program that memory cannot hold.
    #[error("%{name} : {ty}: together with all other live values, {cause}{}", at(.location))]
    Memory {
        /// Name of the value that takes most to be made.
        name: String,
        /// Its type.
        ty: TensorType,
        /// How much is needed, and how much there is.
        cause: OutOfMemory,
        /// The user's line that asked for the value.
        location: Option<Location>,
    },
    /// A collective along an axis that no `vmap` bound.
    #[error("{op}: no vmap binds the axis {axes}; map the program over an axis of this name")]
    UnboundAxis {
        /// Name of the op.
        op: &'static str,
        /// The axes that are left.
        axes: String,
    },
    /// An op that the device has no kernel for.
    #[error("%{name}: no kernel of this device runs {what}{}\n  run the program on `cpu`, which runs every op", at(.location))]
    NoKernel {
        /// The op, or what of it there is no kernel for.
        what: String,
        /// Name of the value.
        name: String,
        /// The user's line that asked for the value.
        location: Option<Location>,
    },
    /// A user-defined op that fails.
    #[error("{op}: {message}")]
    Custom {
        /// Name of the op.
        op: &'static str,
        /// What it says.
        message: String,
    },
    /// A bug in choral; no input of a user should lead to it.
    #[error("%{name}: {message}; this is a bug in choral, please report it")]
    Internal {
        /// Name of the value that was to be made.
        name: String,
        /// What does not fit.
        message: String,
    },
    /// A GPU that is not there, or that fails.
    #[error(transparent)]
    Gpu(#[from] choral_cuda::Error),
    /// A tensor that does not hold what its type says.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

impl Error {
    /// The error for a bug in choral about a value.
    pub(crate) fn internal(name: &str, message: impl Into<String>) -> Error {
        Error::Internal { name: name.to_owned(), message: message.into() }
    }
}

fn at(location: &Option<Location>) -> String {
    location.as_ref().map_or_else(String::new, |location| format!("\n  at {location}"))
}
