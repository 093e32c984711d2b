//! A graph as two: what is known of its inputs alone, and what is linear in their tangents.

use choral_ir::op::Transposed;
use choral_ir::{BuildError, Builder, Graph, NodeId, NodeKind, TensorType, Value};

use super::split::Linearity;
use super::{DifferentiationError, backward, error, finished, linearized};
use crate::transform::dual::zeros;
use crate::transform::rewrite;

/// A graph at its inputs, and how it changes along tangents of them; made by [`linearize_graph`].
#[derive(Debug, Clone)]
pub struct Linearized {
    /// Takes the graph's inputs; returns its outputs, then the *residuals*: what the linear part reads of the rest.
    pub known: Graph,
    /// Takes a tangent for each input that was named, then the residuals; returns a tangent for each output that was.
    pub linear: Graph,
    /// The number of tangents that the linear part takes.
    pub tangents: usize,
}

/// The graph as what is known of its inputs, and what is linear in tangents of those that `inputs` names, for the
/// tangents of the outputs that `outputs` names. The linear part may run many times on what the other has computed
/// once.
///
/// ```
/// use choral_compiler::transform::differentiate::linearize_graph;
/// let graph = choral_ir::Graph::parse("
///     func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
///       %y = stablehlo.sine %x : tensor<3xf32>
///       return %y : tensor<3xf32>
///     }")?;
/// let split = linearize_graph(&graph, &[0], &[0])?;
/// assert!(split.known.to_text().contains("stablehlo.cosine"));
/// assert!(!split.linear.to_text().contains("stablehlo.cosine"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`jvp_graph`](super::jvp_graph); if there is no output of a number, or it does not hold floats.
pub fn linearize_graph(
    graph: &Graph,
    inputs: &[usize],
    outputs: &[usize],
) -> Result<Linearized, DifferentiationError> {
    error::check_inputs(graph, inputs)?;
    error::check_outputs(graph, outputs)?;
    let whole = linearized(&rewrite::counted_loops(graph)?, inputs, outputs)?;
    let own = graph.inputs().len();
    let is_tangent: Vec<bool> = (0..whole.inputs().len()).map(|at| at >= own).collect();
    let linearity = Linearity::of(&whole, &is_tangent);
    let is_linear = |id: NodeId| linearity.is_linear(id.result(0));
    let is_constant = |id: NodeId| matches!(whole.node(id).kind, NodeKind::Constant(_));
    let results: Vec<Value> = whole.outputs().iter().map(|port| port.value).collect();
    let (values, tangents) = results.split_at(graph.outputs().len());
    let of_linear = whole.nodes().map(|(id, _)| id).filter(|&id| is_linear(id));
    let read = of_linear.flat_map(|id| whole.operands(id)).chain(tangents.iter().copied());
    let mut residuals: Vec<Value> = Vec::new();
    for value in read {
        let node = value.node();
        if !is_linear(node) && !is_constant(node) && !residuals.contains(&value) {
            residuals.push(value);
        }
    }
    let known = rewrite::part(&whole, &[], |id| !is_linear(id), &[values, &residuals].concat())?;
    let linear = rewrite::part(&whole, &residuals, |id| is_linear(id) || is_constant(id), tangents)?;
    let cleaned = |graph: Graph| rewrite::common_subexpressions(&rewrite::dead_code(&graph)?);
    Ok(Linearized { known: cleaned(known)?, linear: cleaned(linear)?, tangents: inputs.len() })
}

impl Linearized {
    /// The linear part backwards: it takes a cotangent for each output that was named, then the residuals, and returns
    /// a cotangent for each input that was.
    ///
    /// # Errors
    /// For loops whose number of rounds is not known, which cannot be walked backwards.
    pub fn transposed(&self) -> Result<Graph, BuildError> {
        let graph = &self.linear;
        let mut builder = Builder::new(graph.name());
        let mut cotangents = Vec::with_capacity(graph.outputs().len());
        for (port, ty) in graph.outputs().iter().zip(graph.output_types()) {
            let name = &graph.node(port.value.node()).name;
            let name = name.strip_suffix(".tangent").unwrap_or(name);
            cotangents.push(Some(builder.input(format!("{name}.cotangent"), ty)));
        }
        let types: Vec<TensorType> = graph.input_types();
        let (tangents, residuals) = types.split_at(self.tangents);
        let mut operands: Vec<Transposed> = tangents.iter().cloned().map(Transposed::Linear).collect();
        for (port, ty) in graph.inputs()[self.tangents..].iter().zip(residuals) {
            let name = graph.node(port.value.node()).name.clone();
            operands.push(Transposed::Known(builder.input(name, ty.clone())));
        }
        let found = backward::cotangents(&mut builder, graph, &operands, &cotangents)?;
        let of_tangent = |(cotangent, ty): (Option<Value>, &TensorType)| {
            cotangent.unwrap_or_else(|| zeros(&mut builder, ty))
        };
        let returned: Vec<Value> = found.into_iter().zip(tangents).map(of_tangent).collect();
        finished(builder, &returned)
    }
}
