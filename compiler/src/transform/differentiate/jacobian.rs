//! Jacobians: products with every direction of the standard basis at once, as `vmap` makes them.

use choral_ir::op::{Binary, ComparisonDirection, Iota, Slice};
use choral_ir::{BuildError, Builder, DType, Graph, TensorType, Value};

use super::{DifferentiationError, finished, linearize_graph};
use crate::transform::rewrite;
use crate::transform::views;
use crate::transform::vmap::{Axis, Chunks, VmapOptions, vmap_graph};

/// The axis of the directions.
const AXIS: &str = "directions";

/// Whose standard basis gives the directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Tangents of the inputs, forward: a column of the Jacobian each.
    Inputs,
    /// Cotangents of the outputs, backward: a row each.
    Outputs,
}

/// The graph that also computes Jacobians: it takes the graph's inputs and returns its outputs, then, for each output that
/// `outputs` names, one block for each input that `inputs` names, with the output's dimensions before the
/// input's. What the directions share is computed once; `chunks` says how many are taken at a time.
///
/// ```
/// use choral_compiler::transform::differentiate::{Basis, jacobian_graph};
/// let graph = choral_ir::Graph::parse("
///     func.func @main(%x: tensor<3xf32>, %w: tensor<2x3xf32>) -> tensor<2xf32> {
///       %y = stablehlo.dot_general %w, %x, contracting_dims = [1] x [0]
///         : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2xf32>
///       return %y : tensor<2xf32>
///     }")?;
/// let jacobian = jacobian_graph(&graph, &[1], &[0], Basis::Outputs, Default::default())?;
/// assert_eq!(jacobian.output_types()[1].shape, [2, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`vjp_graph`](super::vjp_graph); if there is no output of a number, or it does not hold floats; if no direction is
/// to be taken at a time.
pub fn jacobian_graph(
    graph: &Graph,
    inputs: &[usize],
    outputs: &[usize],
    basis: Basis,
    chunks: Chunks,
) -> Result<Graph, DifferentiationError> {
    let linearized = linearize_graph(graph, inputs, outputs)?;
    let all = (graph.input_types(), graph.output_types());
    let of_inputs: Vec<TensorType> = inputs.iter().map(|&at| all.0[at].clone()).collect();
    let of_outputs: Vec<TensorType> = outputs.iter().map(|&at| all.1[at].clone()).collect();
    let (product, given) = match basis {
        Basis::Inputs => (linearized.linear.clone(), &of_inputs),
        Basis::Outputs => (linearized.transposed()?, &of_outputs),
    };
    let size = given.iter().map(TensorType::len).sum();
    let dim = |at: usize| (at < given.len()).then_some(0);
    let in_dims: Vec<Option<usize>> = (0..product.inputs().len()).map(dim).collect();
    let out_dims = vec![Some(0); product.outputs().len()];
    let options = VmapOptions { chunks, ..VmapOptions::new(Axis::new(AXIS, size), in_dims, out_dims) };
    let product = vmap_graph(&product, &options)?;

    let mut builder = Builder::new(graph.name());
    let own = rewrite::copy_inputs(&mut builder, graph);
    let mut returned = builder.inline(&linearized.known, &own)?;
    let residuals = returned.split_off(all.1.len());
    let mut operands = directions(&mut builder, given, size)?;
    operands.extend(residuals);
    let products = builder.inline(&product, &operands)?;
    for (row, output) in of_outputs.iter().enumerate() {
        for (column, input) in of_inputs.iter().enumerate() {
            let (from, of) = match basis {
                Basis::Inputs => (products[row], &of_inputs[..column]),
                Basis::Outputs => (products[column], &of_outputs[..row]),
            };
            let start = of.iter().map(TensorType::len).sum();
            returned.push(block(&mut builder, basis, from, start, output, input)?);
        }
    }
    Ok(finished(builder, &returned)?)
}

/// The standard basis of values of these types, as one value of `size` directions for each.
fn directions(builder: &mut Builder, types: &[TensorType], size: usize) -> Result<Vec<Value>, BuildError> {
    let (mut values, mut start) = (Vec::with_capacity(types.len()), 0);
    for ty in types {
        let shape = vec![size, ty.len()];
        let direction = builder.push(Iota { shape: shape.clone(), dtype: DType::I64, dimension: 0 }, &[])?;
        let element = builder.push(Iota { shape: shape.clone(), dtype: DType::I64, dimension: 1 }, &[])?;
        let offset = builder.full(start as f64, DType::I64, shape);
        let element = builder.binary(Binary::Add, element, offset)?;
        let is_own = builder.compare(ComparisonDirection::Eq, direction, element)?;
        let ones = builder.as_dtype(is_own, ty.dtype)?;
        values.push(builder.reshape(ones, [&[size], ty.shape.as_slice()].concat())?);
        start += ty.len();
    }
    Ok(values)
}

/// How an output changes with an input: the directions from `start` on, as dimensions of the block.
fn block(
    builder: &mut Builder,
    basis: Basis,
    products: Value,
    start: usize,
    output: &TensorType,
    input: &TensorType,
) -> Result<Value, BuildError> {
    let limits = builder.graph().ty(products).shape.clone();
    let rank = limits.len();
    let mut slice = Slice { start: vec![0; rank], limit: limits, strides: vec![1; rank] };
    let count = match basis {
        Basis::Inputs => input.len(),
        Basis::Outputs => output.len(),
    };
    (slice.start[0], slice.limit[0]) = (start, start + count);
    let own = builder.push(slice, &[products])?;
    let own = match basis {
        Basis::Inputs => views::move_dim(builder, own, 0, rank - 1)?,
        Basis::Outputs => own,
    };
    builder.reshape(own, [output.shape.as_slice(), &input.shape].concat())
}
