//! The one walk over a graph: what passes, transforms and devices share.
//!
//! Lives here: who is visited when, and with what. What is done at a node is its caller's.

use crate::graph::{Node, Value};
use crate::{Graph, NodeId, NodeKind};

/// Walks from a graph's inputs to its outputs, and returns what stands for these.
///
/// `inputs` are what stands for each input. `step` is called for every constant and op in order, with
/// what stands for its operands, and returns what stands for its results: one for each.
///
/// ```
/// use choral_ir::{Builder, DType, TensorType, interpret, op::Binary};
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([2], DType::F32));
/// let y = builder.binary(Binary::Add, x, x)?;
/// let graph = builder.finish(&[y]);
/// // The longest way from an input to each output.
/// let depth = interpret(&graph, [0], |_, _, operands| {
///     Ok::<_, ()>(vec![1 + operands.into_iter().max().unwrap_or_default()])
/// });
/// assert_eq!(depth, Ok(vec![1]));
/// # Ok::<(), choral_ir::BuildError>(())
/// ```
///
/// # Errors
/// The first of `step`.
///
/// # Panics
/// If there are fewer inputs than the graph has, or fewer results than a node has.
pub fn interpret<T: Clone, E>(
    graph: &Graph,
    inputs: impl IntoIterator<Item = T>,
    step: impl FnMut(NodeId, &Node, Vec<T>) -> Result<Vec<T>, E>,
) -> Result<Vec<T>, E> {
    let values = interpret_all(graph, inputs, step)?;
    Ok(graph.outputs().iter().map(|port| values.get(port.value)).collect())
}

/// As [`interpret`], and returns what stands for every value of the graph.
///
/// # Errors
/// As [`interpret`].
///
/// # Panics
/// As [`interpret`].
pub fn interpret_all<T: Clone, E>(
    graph: &Graph,
    inputs: impl IntoIterator<Item = T>,
    mut step: impl FnMut(NodeId, &Node, Vec<T>) -> Result<Vec<T>, E>,
) -> Result<Values<T>, E> {
    let mut values = Values { of_nodes: vec![Vec::new(); graph.len()] };
    for (port, input) in graph.inputs().iter().zip(inputs) {
        values.of_nodes[port.value.node().index()] = vec![input];
    }
    for (id, node) in graph.nodes() {
        if !matches!(node.kind, NodeKind::Input) {
            let operands = graph.operands(id).into_iter().map(|value| values.get(value)).collect();
            values.of_nodes[id.index()] = step(id, node, operands)?;
        }
    }
    Ok(values)
}

/// What stands for each value of a graph.
#[derive(Debug, Clone)]
pub struct Values<T> {
    of_nodes: Vec<Vec<T>>,
}

impl<T: Clone> Values<T> {
    /// What stands for this value.
    ///
    /// # Panics
    /// If the graph has no such value.
    pub fn get(&self, value: Value) -> T {
        self.of_nodes[value.node().index()][value.result()].clone()
    }
}
