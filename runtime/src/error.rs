//! What can go wrong between a graph and its results.

use choral_ir::{TensorError, TensorType};

/// An error of the runtime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another number of inputs than the graph has.
    #[error("the program has {expected} inputs ({names}), got {got}")]
    InputCount {
        /// Number of the graph's inputs.
        expected: usize,
        /// Their names.
        names: String,
        /// Number of tensors given.
        got: usize,
    },
    /// An input of another type than the graph's.
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
    /// A value that no memory holds.
    #[error("%{name} is {ty}: more than memory can address")]
    TooLarge {
        /// Name of the value.
        name: String,
        /// Its type.
        ty: TensorType,
    },
    /// An op between members along an axis that no `vmap` bound.
    #[error("{op}: no vmap binds the axis {axes}; map the program over an axis of this name")]
    UnboundAxis {
        /// Name of the op.
        op: &'static str,
        /// The axes that are left.
        axes: String,
    },
    /// An op of a user's own that fails.
    #[error("{op}: {message}")]
    Custom {
        /// Name of the op.
        op: &'static str,
        /// What it says.
        message: String,
    },
    /// A tensor that does not hold what its type says.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}
