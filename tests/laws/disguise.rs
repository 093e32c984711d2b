//! Programs whose inputs are made of others: what the optimiser sees through.

use choral::ir::{BuildError, Builder, Value};
use choral::{Graph, Tensor, TensorType};

use crate::choices::Choices;

/// Numbers that ops do something special with.
const NUMBERS: [f64; 9] = [0.0, -0.0, 1.0, -1.0, 2.0, -4.0, 0.5, 3.0, f64::INFINITY];

/// The program with each input as it is, or a constant, or a view of another input.
pub(crate) fn disguised(
    graph: &Graph,
    choices: &mut Choices,
    tensor: &dyn Fn(&TensorType, u64) -> Tensor,
) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let mut inputs = Vec::new();
    for ty in graph.input_types() {
        inputs.push(disguise(&mut builder, &ty, choices, tensor)?);
    }
    let outputs = builder.inline(graph, &inputs)?;
    Ok(builder.finish(&outputs))
}

/// A value of the type.
fn disguise(
    builder: &mut Builder,
    ty: &TensorType,
    choices: &mut Choices,
    tensor: &dyn Fn(&TensorType, u64) -> Tensor,
) -> Result<Value, BuildError> {
    match choices.below(6) {
        0 => Ok(builder.full(choices.pick(&NUMBERS), ty.dtype, ty.shape.clone())),
        1 => Ok(builder.constant(tensor(ty, u64::from(choices.any())))),
        2 => {
            // The dimensions that are not repeated.
            let dims: Vec<usize> = (0..ty.rank()).filter(|_| choices.once_in(2)).collect();
            let shape: Vec<usize> = dims.iter().map(|&dim| ty.shape[dim]).collect();
            let small = builder.input("small", ty.with_shape(shape));
            builder.broadcast_in_dim(small, ty.shape.clone(), dims)
        }
        3 => {
            let reversed: Vec<usize> = ty.shape.iter().rev().copied().collect();
            let other = builder.input("transposed", ty.with_shape(reversed));
            builder.transpose(other, (0..ty.rank()).rev().collect())
        }
        4 => {
            let flat = builder.input("flat", ty.with_shape([ty.len()]));
            builder.reshape(flat, ty.shape.clone())
        }
        _ => Ok(builder.input("input", ty.clone())),
    }
}
