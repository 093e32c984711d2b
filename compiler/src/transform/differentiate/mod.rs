//! Differentiation as a pass: tangents forward (`jvp`), and cotangents back (`vjp`, `grad`).
//!
//! There is one set of derivatives, those of `jvp`. Its graph is linear in the tangents; transposed, it gives
//! cotangents instead. A tangent or cotangent of zeros is none at all: no op is made for it.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the passes: what goes in, what comes out, what is refused |
//! | `forward.rs`, `smooth.rs` | the walk that computes tangents; maxima that have no kink |
//! | `split.rs` | known and linear parts of what that makes, told apart |
//! | `backward.rs` | the walk back over the linear parts |
//! | `linear.rs` | a graph as what is known and what is linear: [`linearize_graph`] |
//! | `jacobian.rs` | all columns or rows of a Jacobian at once: [`jacobian_graph`] |
//!
//! Sources: Griewank and Walther, "Evaluating Derivatives" (2008); for derivatives by transposition, Radul et al.,
//! "You Only Linearize Once" (2022). Must not live here: rules of ops (`transform::rules`), and functions of
//! `Var`s.

pub(crate) mod backward;
mod error;
pub(crate) mod forward;
mod jacobian;
mod linear;
mod smooth;
pub(crate) mod split;

use choral_ir::graph::Port;
use choral_ir::op::Transposed;
use choral_ir::{BuildError, Builder, Graph, NamedAxis, TensorType, Value};

pub use error::DifferentiationError;
pub use jacobian::{Basis, jacobian_graph};
pub use linear::{Linearized, linearize_graph};

use crate::transform::dual::{Dual, sum_of, tangent_of, values, zeros};
use crate::transform::rewrite;

/// The graph that also computes tangents: it takes the graph's inputs, then a tangent for each input that `inputs`
/// names, in that order, and returns its outputs, then a tangent for each that holds floats.
///
/// ```
/// use choral_compiler::transform::differentiate::jvp_graph;
/// let graph = choral_ir::Graph::parse("
///     func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
///       %y = stablehlo.sine %x : tensor<3xf32>
///       return %y : tensor<3xf32>
///     }")?;
/// let jvp = jvp_graph(&graph, &[0])?;
/// assert_eq!((jvp.inputs().len(), jvp.outputs().len()), (2, 2));
/// assert!(jvp.to_text().contains("stablehlo.cosine"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If there is no input of a number, or it does not hold floats; for ops that are not differentiable.
pub fn jvp_graph(graph: &Graph, inputs: &[usize]) -> Result<Graph, DifferentiationError> {
    jvp_graph_of(graph, inputs, &floats(graph))
}

/// As [`jvp_graph`], with tangents of the outputs that `outputs` names alone, in that order.
///
/// # Errors
/// As [`jvp_graph`]; if there is no output of a number, or it does not hold floats.
pub fn jvp_graph_of(
    graph: &Graph,
    inputs: &[usize],
    outputs: &[usize],
) -> Result<Graph, DifferentiationError> {
    error::check_inputs(graph, inputs)?;
    error::check_outputs(graph, outputs)?;
    let mut builder = Builder::new(graph.name());
    let mut duals: Vec<Dual> =
        rewrite::copy_inputs(&mut builder, graph).into_iter().map(Dual::constant).collect();
    for &at in inputs {
        let name = format!("{}.tangent", builder.graph().node(duals[at].value.node()).name);
        let ty = builder.graph().ty(duals[at].value).clone();
        duals[at].tangent = Some(builder.input(name, ty));
    }
    let results = forward::outputs(&mut builder, graph, &duals)?;
    let mut returned = values(&results);
    for &at in outputs {
        returned.push(tangent_of(&mut builder, results[at]));
    }
    let takes = [rewrite::axes(graph.inputs()), axes_of(graph.inputs(), inputs)].concat();
    let returns = [rewrite::axes(graph.outputs()), axes_of(graph.outputs(), outputs)].concat();
    Ok(finished(builder, &returned)?.with_axes(takes, returns))
}

/// The named axes of the ports of these numbers: derivatives have those of what they belong to.
fn axes_of(ports: &[Port], numbers: &[usize]) -> Vec<Vec<NamedAxis>> {
    numbers.iter().map(|&at| ports[at].axes.clone()).collect()
}

/// The numbers of the outputs that hold floats.
fn floats(graph: &Graph) -> Vec<usize> {
    let types = graph.output_types();
    (0..types.len()).filter(|&at| types[at].dtype.is_float()).collect()
}

/// The graph that also computes cotangents: it takes the graph's inputs, then a cotangent for each output that holds
/// floats, and returns the graph's outputs, then a cotangent for each input that `inputs` names, in that order.
///
/// ```
/// use choral_compiler::transform::differentiate::vjp_graph;
/// let graph = choral_ir::Graph::parse("
///     func.func @main(%x: tensor<3xf32>, %w: tensor<2x3xf32>) -> tensor<2xf32> {
///       %y = stablehlo.dot_general %w, %x, contracting_dims = [1] x [0]
///         : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2xf32>
///       return %y : tensor<2xf32>
///     }")?;
/// let vjp = vjp_graph(&graph, &[1])?;
/// assert_eq!(vjp.output_types()[1].shape, [2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`jvp_graph`]; for loops whose number of rounds is not known, which cannot be walked backwards.
pub fn vjp_graph(graph: &Graph, inputs: &[usize]) -> Result<Graph, DifferentiationError> {
    let given = |builder: &mut Builder, name: String, ty| builder.input(format!("{name}.cotangent"), ty);
    pulled_back(graph, inputs, &named_floats(graph)?, given, true)
}

/// The gradient of the sum of all outputs that hold floats: the graph takes the same inputs, and returns the
/// cotangent of each input that `inputs` names, in that order.
///
/// ```
/// use choral_compiler::transform::differentiate::grad_graph;
/// let graph = choral_ir::Graph::parse("
///     func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
///       %y = stablehlo.sine %x : tensor<3xf32>
///       return %y : tensor<3xf32>
///     }")?;
/// let grad = grad_graph(&graph, &[0])?;
/// assert_eq!(grad.output_types(), graph.input_types());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`vjp_graph`]; if no output holds floats.
pub fn grad_graph(graph: &Graph, inputs: &[usize]) -> Result<Graph, DifferentiationError> {
    pulled_back(graph, inputs, &named_floats(graph)?, ones, false)
}

/// As [`grad_graph`], after the graph's outputs.
///
/// # Errors
/// As [`grad_graph`].
pub fn value_and_grad_graph(graph: &Graph, inputs: &[usize]) -> Result<Graph, DifferentiationError> {
    value_and_grad_graph_of(graph, inputs, &named_floats(graph)?)
}

/// As [`value_and_grad_graph`], of the sum of the outputs that `outputs` names alone; the others are returned as they
/// are.
///
/// # Errors
/// As [`vjp_graph`]; if there is no output of a number, or it does not hold floats.
pub fn value_and_grad_graph_of(
    graph: &Graph,
    inputs: &[usize],
    outputs: &[usize],
) -> Result<Graph, DifferentiationError> {
    pulled_back(graph, inputs, outputs, ones, true)
}

/// The numbers of the outputs that hold floats, of which there must be one.
fn named_floats(graph: &Graph) -> Result<Vec<usize>, DifferentiationError> {
    let floats = floats(graph);
    if floats.is_empty() { Err(error::no_floats(graph)) } else { Ok(floats) }
}

/// A cotangent of ones.
fn ones(builder: &mut Builder, _: String, ty: TensorType) -> Value {
    builder.full(1.0, ty.dtype, ty.shape)
}

/// The graph of the outputs, if they are asked for, then the cotangents of the inputs that `inputs` names, for the
/// cotangents that `given` makes of the outputs that `outputs` names.
fn pulled_back(
    graph: &Graph,
    inputs: &[usize],
    outputs: &[usize],
    given: impl Fn(&mut Builder, String, TensorType) -> Value,
    with_outputs: bool,
) -> Result<Graph, DifferentiationError> {
    error::check_inputs(graph, inputs)?;
    error::check_outputs(graph, outputs)?;
    let graph = &rewrite::counted_loops(graph)?;
    let linearized = linearized(graph, inputs, outputs)?;
    let mut builder = Builder::new(graph.name());
    let known = rewrite::copy_inputs(&mut builder, graph);
    let mut cotangents = vec![None; graph.outputs().len()];
    for &at in outputs {
        let value = graph.outputs()[at].value;
        let (name, ty) = (graph.node(value.node()).name.clone(), graph.ty(value).clone());
        cotangents.push(Some(given(&mut builder, name, ty)));
    }
    let operands: Vec<Transposed> = known
        .iter()
        .map(|&value| Transposed::Known(value))
        .chain(inputs.iter().map(|&at| Transposed::Linear(graph.ty(graph.inputs()[at].value).clone())))
        .collect();
    let (found, values) = backward::cotangents_and_known(&mut builder, &linearized, &operands, &cotangents)?;
    let (mut returned, mut returns) = (Vec::new(), Vec::new());
    if with_outputs {
        returned.extend(values.into_iter().take(graph.outputs().len()).flatten());
        returns = rewrite::axes(graph.outputs());
    }
    for (&at, &cotangent) in inputs.iter().zip(&found[known.len()..]) {
        let ty = graph.ty(graph.inputs()[at].value).clone();
        returned.push(cotangent.unwrap_or_else(|| zeros(&mut builder, &ty)));
    }
    let takes = [rewrite::axes(graph.inputs()), axes_of(graph.outputs(), outputs)].concat();
    returns.extend(axes_of(graph.inputs(), inputs));
    Ok(finished(builder, &returned)?.with_axes(takes, returns))
}

/// The graph's outputs, then a tangent of each that `outputs` names, of its inputs, then a tangent of each input that
/// `inputs` names; every op is known or linear as a whole.
fn linearized(graph: &Graph, inputs: &[usize], outputs: &[usize]) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let mut duals: Vec<Dual> =
        rewrite::copy_inputs(&mut builder, graph).into_iter().map(Dual::constant).collect();
    for &at in inputs {
        let ty = builder.graph().ty(duals[at].value).clone();
        let tangent = builder.input("tangent", ty);
        duals[at].tangent = sum_of(&mut builder, [duals[at].tangent, Some(tangent)])?;
    }
    let results = forward::outputs(&mut builder, graph, &duals)?;
    let mut returned = values(&results);
    for &at in outputs {
        returned.push(tangent_of(&mut builder, results[at]));
    }
    let graph = rewrite::dead_code(&builder.finish(&returned))?;
    let linear: Vec<bool> = (0..graph.inputs().len()).map(|at| at >= duals.len()).collect();
    Ok(split::split(&graph, &linear)?.graph)
}

/// The graph with these outputs, cleaned up.
fn finished(builder: Builder, outputs: &[Value]) -> Result<Graph, BuildError> {
    rewrite::common_subexpressions(&rewrite::dead_code(&builder.finish(outputs))?)
}
