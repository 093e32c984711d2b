//! Differentiation as a pass: tangents forward (`jvp`), and cotangents back (`vjp`, `grad`).
//!
//! There is one set of derivatives, those of `jvp`. Its graph is linear in the tangents; transposed, it gives
//! cotangents instead. A tangent or cotangent of zeros is none at all: no op is made for it.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the passes: what goes in, what comes out, what is refused |
//! | `forward.rs` | the walk that computes tangents |
//! | `split.rs` | known and linear parts of what that makes, told apart |
//! | `backward.rs` | the walk back over the linear parts |
//!
//! Sources: Griewank and Walther, "Evaluating Derivatives" (2008); for derivatives by transposition, Radul et al.,
//! "You Only Linearize Once" (2022). Must not live here: rules of ops ([`crate::transform::rules`]), and functions of
//! `Var`s.

pub(crate) mod backward;
mod error;
pub(crate) mod forward;
pub(crate) mod split;

use choral_ir::op::Transposed;
use choral_ir::{BuildError, Builder, Graph, Value};

pub use error::DifferentiationError;

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
    error::check_inputs(graph, inputs)?;
    let mut builder = Builder::new(graph.name());
    let mut duals: Vec<Dual> =
        rewrite::copy_inputs(&mut builder, graph).into_iter().map(Dual::constant).collect();
    for &at in inputs {
        let name = format!("{}.tangent", builder.graph().node(duals[at].value.node()).name);
        let ty = builder.graph().ty(duals[at].value).clone();
        duals[at].tangent = Some(builder.input(name, ty));
    }
    let results = forward::outputs(&mut builder, graph, &duals)?;
    let mut outputs = values(&results);
    for (&dual, ty) in results.iter().zip(graph.output_types()) {
        if ty.dtype.is_float() {
            outputs.push(tangent_of(&mut builder, dual));
        }
    }
    Ok(finished(builder, &outputs)?)
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
    let floats: Vec<bool> = graph.output_types().iter().map(|ty| ty.dtype.is_float()).collect();
    let of_floats = |builder: &mut Builder, graph: &Graph| {
        let mut cotangent = |(port, &is_float): (&choral_ir::graph::Port, &bool)| {
            let name = format!("{}.cotangent", graph.node(port.value.node()).name);
            is_float.then(|| builder.input(name, graph.ty(port.value).clone()))
        };
        graph.outputs().iter().zip(&floats).map(&mut cotangent).collect()
    };
    pulled_back(graph, inputs, of_floats, true)
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
    pulled_back(graph, inputs, ones, false)
}

/// As [`grad_graph`], after the graph's outputs.
///
/// # Errors
/// As [`grad_graph`].
pub fn value_and_grad_graph(graph: &Graph, inputs: &[usize]) -> Result<Graph, DifferentiationError> {
    pulled_back(graph, inputs, ones, true)
}

/// A cotangent of ones for every output that holds floats.
fn ones(builder: &mut Builder, graph: &Graph) -> Vec<Option<Value>> {
    let one = |ty: choral_ir::TensorType| ty.dtype.is_float().then(|| builder.full(1.0, ty.dtype, ty.shape));
    graph.output_types().into_iter().map(one).collect()
}

/// The graph of the outputs, if they are asked for, then the cotangents of the inputs that `inputs` names.
fn pulled_back(
    graph: &Graph,
    inputs: &[usize],
    given: impl FnOnce(&mut Builder, &Graph) -> Vec<Option<Value>>,
    with_outputs: bool,
) -> Result<Graph, DifferentiationError> {
    error::check_inputs(graph, inputs)?;
    error::check_outputs(graph)?;
    let graph = &rewrite::counted_loops(graph)?;
    let linearized = linearized(graph, inputs)?;
    let mut builder = Builder::new(graph.name());
    let known = rewrite::copy_inputs(&mut builder, graph);
    let cotangents = given(&mut builder, graph);
    let operands: Vec<Transposed> = known
        .iter()
        .map(|&value| Transposed::Known(value))
        .chain(inputs.iter().map(|&at| Transposed::Linear(graph.ty(graph.inputs()[at].value).clone())))
        .collect();
    let none = vec![None; graph.outputs().len()];
    let (found, outputs) =
        backward::cotangents_and_known(&mut builder, &linearized, &operands, &[none, cotangents].concat())?;
    let mut returned: Vec<Value> = Vec::new();
    if with_outputs {
        returned.extend(outputs.into_iter().take(graph.outputs().len()).flatten());
    }
    for (&at, &cotangent) in inputs.iter().zip(&found[known.len()..]) {
        let ty = graph.ty(graph.inputs()[at].value).clone();
        returned.push(cotangent.unwrap_or_else(|| zeros(&mut builder, &ty)));
    }
    Ok(finished(builder, &returned)?)
}

/// The graph's outputs, then a tangent of each (a constant where it holds no floats), of its inputs, then a
/// tangent of each input that `inputs` names; every op is known or linear as a whole.
fn linearized(graph: &Graph, inputs: &[usize]) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let mut duals: Vec<Dual> =
        rewrite::copy_inputs(&mut builder, graph).into_iter().map(Dual::constant).collect();
    for &at in inputs {
        let ty = builder.graph().ty(duals[at].value).clone();
        let tangent = builder.input("tangent", ty);
        duals[at].tangent = sum_of(&mut builder, [duals[at].tangent, Some(tangent)])?;
    }
    let results = forward::outputs(&mut builder, graph, &duals)?;
    let mut outputs = values(&results);
    for &dual in &results {
        outputs.push(tangent_of(&mut builder, dual));
    }
    let graph = rewrite::dead_code(&builder.finish(&outputs))?;
    let linear: Vec<bool> = (0..graph.inputs().len()).map(|at| at >= duals.len()).collect();
    Ok(split::split(&graph, &linear)?.graph)
}

/// The graph with these outputs, cleaned up.
fn finished(builder: Builder, outputs: &[Value]) -> Result<Graph, BuildError> {
    rewrite::common_subexpressions(&rewrite::dead_code(&builder.finish(outputs))?)
}
