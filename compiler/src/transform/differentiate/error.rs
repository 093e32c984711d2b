//! What differentiation refuses.

use choral_ir::{BuildError, Graph, TensorType};

/// Why a graph cannot be differentiated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DifferentiationError {
    /// There is no such input.
    #[error("there is no input {at} to differentiate by: the program has {count}, counted from 0")]
    NoInput {
        /// The number that was asked for.
        at: usize,
        /// How many inputs there are.
        count: usize,
    },
    /// An input is named twice.
    #[error("input {at} (%{name}) is named twice; name it once")]
    Twice {
        /// Its number.
        at: usize,
        /// Its name.
        name: String,
    },
    /// An input without derivatives.
    #[error(
        "input {at} (%{name}: {ty}) cannot be differentiated by: only floats have derivatives; convert it first, or \
         leave it out"
    )]
    NotFloat {
        /// Its number.
        at: usize,
        /// Its name.
        name: String,
        /// Its type.
        ty: TensorType,
    },
    /// Nothing to differentiate.
    #[error("no result holds floats, so there is nothing to differentiate; results are {types}")]
    NoFloats {
        /// Types of the results.
        types: String,
    },
    /// An op that is not differentiable.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Fails unless every number names another input, of floats.
pub(super) fn check_inputs(graph: &Graph, inputs: &[usize]) -> Result<(), DifferentiationError> {
    let count = graph.inputs().len();
    for (position, &at) in inputs.iter().enumerate() {
        let Some(port) = graph.inputs().get(at) else {
            return Err(DifferentiationError::NoInput { at, count });
        };
        let name = graph.node(port.value.node()).name.clone();
        let ty = graph.ty(port.value).clone();
        if inputs[..position].contains(&at) {
            return Err(DifferentiationError::Twice { at, name });
        }
        if !ty.dtype.is_float() {
            return Err(DifferentiationError::NotFloat { at, name, ty });
        }
    }
    Ok(())
}

/// Fails unless an output holds floats.
pub(super) fn check_outputs(graph: &Graph) -> Result<(), DifferentiationError> {
    let types = graph.output_types();
    if types.iter().any(|ty| ty.dtype.is_float()) {
        return Ok(());
    }
    let types = types.iter().map(TensorType::to_string).collect::<Vec<_>>().join(", ");
    Err(DifferentiationError::NoFloats { types })
}
