//! The graph: typed values flowing between ops, on petgraph.
//!
//! Lives here: nodes, edges and how to read them. Graphs are made by a [`Builder`](crate::Builder)
//! and rewritten by building another; nothing is removed in place, so the order of the nodes is a
//! topological one, and deterministic. Inputs and constants are nodes, not ops. Regions (graphs
//! inside ops) capture nothing: every value that they need is an operand of their op. As a graph holds
//! ops and an op may hold graphs, this file and [`crate::op`] know each other.

use std::convert::Infallible;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};

pub use crate::location::Location;
use crate::{Op, Tensor, TensorType};

/// A node of a graph, by its place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

/// One result of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Value {
    pub(crate) node: u32,
    pub(crate) result: u32,
}

impl NodeId {
    /// The place in the order.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Result `result` of this node.
    pub fn result(self, result: usize) -> Value {
        Value { node: self.0, result: result as u32 }
    }
}

impl Value {
    /// The node that makes the value.
    pub fn node(self) -> NodeId {
        NodeId(self.node)
    }

    /// Which of the node's results it is.
    pub fn result(self) -> usize {
        self.result as usize
    }
}

/// A typed program without side effects.
///
/// ```
/// use choral_ir::{Builder, DType, TensorType, op::Binary};
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([2], DType::F32));
/// let y = builder.binary(Binary::Add, x, x)?;
/// let graph = builder.finish(&[y]);
/// assert_eq!(graph.output_types()[0].to_string(), "tensor<2xf32>");
/// # Ok::<(), choral_ir::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Graph {
    pub(crate) name: String,
    pub(crate) dag: DiGraph<Node, Use>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
}

/// A value at the boundary of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The value that goes in or comes out.
    pub value: Value,
    /// Which of its dimensions were added by `vmap`, outermost transformation first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<NamedAxis>,
}

/// A dimension with a name: `members@0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NamedAxis {
    /// What the dimension enumerates.
    pub name: Arc<str>,
    /// Which dimension it is.
    pub dim: usize,
}

impl fmt::Display for NamedAxis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.dim)
    }
}

/// What makes a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum NodeKind {
    /// Given by the caller.
    Input,
    /// A constant; a scalar stands for every element where the node's type has more (a splat).
    Constant(Tensor),
    /// Computed from the operands.
    Op(Op),
}

/// A node: what makes its values, their types, and where they come from.
#[derive(Debug, Clone)]
pub struct Node {
    /// What makes the values.
    pub kind: NodeKind,
    /// Type of each result.
    pub types: Vec<TensorType>,
    /// The name that it prints under, if no earlier node has it.
    pub name: String,
    /// Line of the user's program that asked for it.
    pub location: Option<Location>,
}

/// An edge: operand number `operand` of the target is result number `result` of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Position among the target's operands.
    pub operand: u32,
    /// Position among the source's results.
    pub result: u32,
}

impl Graph {
    /// The function's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every node in topological order.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> + ExactSizeIterator {
        (0..self.len()).map(|index| (NodeId(index as u32), &self.dag[NodeIndex::new(index)]))
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.dag.node_count()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The node of this id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.dag[NodeIndex::new(id.index())]
    }

    /// The operands of a node, in order.
    pub fn operands(&self, id: NodeId) -> Vec<Value> {
        let edges = self.dag.edges_directed(NodeIndex::new(id.index()), Direction::Incoming);
        let mut operands: Vec<_> = edges
            .map(|edge| {
                let Use { operand, result } = *edge.weight();
                (operand, Value { node: edge.source().index() as u32, result })
            })
            .collect();
        operands.sort_unstable_by_key(|(operand, _)| *operand);
        operands.into_iter().map(|(_, value)| value).collect()
    }

    /// The nodes that read a value, and as which of their operands.
    pub fn uses(&self, value: Value) -> impl Iterator<Item = (NodeId, usize)> {
        let edges = self.dag.edges_directed(NodeIndex::new(value.node().index()), Direction::Outgoing);
        let reads = edges.filter(move |edge| edge.weight().result == value.result);
        reads.map(|edge| (NodeId(edge.target().index() as u32), edge.weight().operand as usize))
    }

    /// The type of a value.
    pub fn ty(&self, value: Value) -> &TensorType {
        &self.node(value.node()).types[value.result()]
    }

    /// The type of a value that may be another graph's; `None` if there is no such value here.
    pub fn find_type(&self, value: Value) -> Option<&TensorType> {
        (value.node().index() < self.len()).then(|| self.node(value.node()).types.get(value.result()))?
    }

    /// The values given by the caller, in order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The values returned, in order.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Types of the inputs.
    pub fn input_types(&self) -> Vec<TensorType> {
        self.inputs.iter().map(|port| self.ty(port.value).clone()).collect()
    }

    /// Types of the outputs.
    pub fn output_types(&self) -> Vec<TensorType> {
        self.outputs.iter().map(|port| self.ty(port.value).clone()).collect()
    }

    /// The same graph with named axes on its inputs and outputs, one list each.
    #[must_use]
    pub fn with_axes(mut self, inputs: Vec<Vec<NamedAxis>>, outputs: Vec<Vec<NamedAxis>>) -> Graph {
        for (port, axes) in self.inputs.iter_mut().zip(inputs) {
            port.axes = axes;
        }
        for (port, axes) in self.outputs.iter_mut().zip(outputs) {
            port.axes = axes;
        }
        self
    }

    /// The same graph, with what was read from a text located in the file of this name.
    ///
    /// ```
    /// let text = "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
    ///   %y = stablehlo.tanh %x : tensor<2xf32>
    ///   return %y : tensor<2xf32>
    /// }";
    /// let graph = choral_ir::Graph::parse(text)?.in_file("model.mlir");
    /// let (_, tanh) = graph.nodes().last().expect("a node");
    /// assert_eq!(tanh.location.as_ref().map(ToString::to_string).as_deref(), Some("model.mlir:2:8"));
    /// # Ok::<(), choral_ir::text::ParseError>(())
    /// ```
    #[must_use]
    pub fn in_file(mut self, file: &str) -> Graph {
        let name: Arc<str> = file.into();
        for node in self.dag.node_weights_mut() {
            if let Some(location) = node.location.as_mut().filter(|location| location.file.is_empty()) {
                location.file = Arc::clone(&name);
            }
            if let NodeKind::Op(op) = &mut node.kind {
                let Ok(located) = op.map_regions(|region| Ok::<_, Infallible>(region.clone().in_file(file)));
                *op = located;
            }
        }
        self
    }

    /// The first node that differs, or `None` when the graphs compute the same thing by the same
    /// ops. Names and source lines are not compared; `None` inside means that the boundaries differ.
    pub fn difference(&self, other: &Graph) -> Option<Option<NodeId>> {
        let differs = |(id, node): (NodeId, &Node)| match other.dag.node_weight(NodeIndex::new(id.index())) {
            Some(twin) => {
                node.kind != twin.kind || node.types != twin.types || self.operands(id) != other.operands(id)
            }
            None => true,
        };
        if let Some((id, _)) = self.nodes().find(|&node| differs(node)) {
            return Some(Some(id));
        }
        let same = self.len() == other.len() && self.inputs == other.inputs && self.outputs == other.outputs;
        if same { None } else { Some(None) }
    }
}

/// Structural equality: the same nodes in the same order; names and source lines do not count.
impl PartialEq for Graph {
    fn eq(&self, other: &Graph) -> bool {
        self.difference(other).is_none()
    }
}

impl Eq for Graph {}

/// By the ops alone: graphs that hold other constants are told apart when they are compared.
impl Hash for Graph {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (_, node) in self.nodes() {
            if let NodeKind::Op(op) = &node.kind {
                op.name().hash(state);
            }
        }
    }
}
