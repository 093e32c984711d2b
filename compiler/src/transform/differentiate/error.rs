//! What differentiation refuses.

use choral_ir::{BuildError, Graph, TensorType};

use crate::transform::vmap::VmapError;

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
    /// There is no such result.
    #[error("there is no result {at} to differentiate: the program has {count}, counted from 0")]
    NoOutput {
        /// The number that was asked for.
        at: usize,
        /// How many results there are.
        count: usize,
    },
    /// A result without derivatives.
    #[error(
        "result {at} ({ty}) cannot be differentiated: only floats have derivatives; convert it, or leave it out"
    )]
    OutputNotFloat {
        /// Its number.
        at: usize,
        /// Its type.
        ty: TensorType,
    },
    /// Directions that cannot be taken together as asked for.
    #[error(transparent)]
    Vmap(#[from] VmapError),
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

/// Fails unless every number names an output, of floats.
pub(super) fn check_outputs(graph: &Graph, outputs: &[usize]) -> Result<(), DifferentiationError> {
    let types = graph.output_types();
    for &at in outputs {
        match types.get(at) {
            None => return Err(DifferentiationError::NoOutput { at, count: types.len() }),
            Some(ty) if !ty.dtype.is_float() => {
                return Err(DifferentiationError::OutputNotFloat { at, ty: ty.clone() });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The error for a graph whose outputs hold no floats.
pub(super) fn no_floats(graph: &Graph) -> DifferentiationError {
    let types = graph.output_types().iter().map(TensorType::to_string).collect::<Vec<_>>().join(", ");
    DifferentiationError::NoFloats { types }
}
