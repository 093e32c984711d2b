//! The builder: the one way to make a graph.
//!
//! Every push runs the op's type rule; an error names the op, the operands with their types, and
//! the user's line. Must not live here: knowledge of single ops beyond short-hands for common ones.

use std::fmt;

use petgraph::graph::{DiGraph, NodeIndex};

use crate::graph::{Location, Node, NodeId, NodeKind, Port, Use, Value};
use crate::op::{
    self, Binary, BroadcastInDim, Compare, ComparisonDirection, ComparisonType, Elementwise, Reduce, Reshape,
    Transpose, TypeError, Unary,
};
use crate::{DType, Graph, Op, Tensor, TensorType, interpret, region};

/// Why an op could not be added to a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    /// Name of the op.
    pub op: &'static str,
    /// Name and type of each operand.
    pub operands: Vec<(String, TensorType)>,
    /// What does not fit.
    pub cause: TypeError,
    /// The user's line that asked for the op.
    pub location: Option<Location>,
}

impl BuildError {
    /// What it says without the place, for callers that have a better one.
    pub fn message(self) -> String {
        BuildError { location: None, ..self }.to_string()
    }
}

impl std::error::Error for BuildError {}

impl BuildError {
    /// The error for a bug in choral; no input of a user should lead to it.
    pub fn inconsistency(op: &'static str, message: impl fmt::Display) -> BuildError {
        let message = format!("{message}; this is a bug in choral, please report it");
        let cause = TypeError { message, constraint: "internal" };
        BuildError { op, operands: Vec::new(), cause, location: None }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.op, self.cause)?;
        for (position, (name, ty)) in self.operands.iter().enumerate() {
            write!(f, "\n  operand {position}: %{name} : {ty}")?;
        }
        match &self.location {
            Some(location) => write!(f, "\n  at {location}"),
            None => Ok(()),
        }
    }
}

/// Makes a graph node by node. See [`Graph`] for an example.
#[derive(Debug, Clone)]
pub struct Builder {
    graph: Graph,
    name: Option<String>,
    location: Option<Location>,
}

impl Builder {
    /// An empty graph of this name.
    pub fn new(name: impl Into<String>) -> Builder {
        let graph = Graph { name: name.into(), dag: DiGraph::new(), inputs: Vec::new(), outputs: Vec::new() };
        Builder { graph, name: None, location: None }
    }

    /// The graph so far; it has no outputs yet.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Name and source line of the nodes to come; without a name they are called after their op.
    pub fn describe(&mut self, name: Option<String>, location: Option<Location>) {
        self.name = name;
        self.location = location;
    }

    /// What [`Builder::describe`] said last.
    pub fn description(&self) -> (Option<String>, Option<Location>) {
        (self.name.clone(), self.location.clone())
    }

    /// Renames the node that makes `value`.
    pub fn rename(&mut self, value: Value, name: impl Into<String>) {
        self.graph.dag[NodeIndex::new(value.node().index())].name = name.into();
    }

    /// Adds an input.
    pub fn input(&mut self, name: impl Into<String>, ty: TensorType) -> Value {
        let value = self.add(NodeKind::Input, vec![ty], name.into()).result(0);
        self.graph.inputs.push(Port { value, axes: Vec::new() });
        value
    }

    /// Adds a constant.
    pub fn constant(&mut self, tensor: Tensor) -> Value {
        let ty = tensor.ty().clone();
        self.constant_node(tensor, ty)
    }

    /// Adds a constant whose every element is the only element of `scalar`.
    pub fn splat(&mut self, scalar: Tensor, shape: impl Into<Vec<usize>>) -> Value {
        let ty = TensorType::new(shape, scalar.dtype());
        self.constant_node(scalar, ty)
    }

    /// Adds a constant of `dtype` whose every element is nearest to `value`.
    pub fn full(&mut self, value: f64, dtype: DType, shape: impl Into<Vec<usize>>) -> Value {
        self.splat(Tensor::scalar_of(dtype, value), shape)
    }

    /// Adds a constant under the name described last: a copy of another graph's. `tensor` has the
    /// type `ty`, or is a scalar that fills it.
    pub fn literal(&mut self, tensor: Tensor, ty: TensorType) -> Value {
        let name = self.name.clone().unwrap_or_else(|| "constant".to_owned());
        self.add(NodeKind::Constant(tensor), vec![ty], name).result(0)
    }

    fn constant_node(&mut self, tensor: Tensor, ty: TensorType) -> Value {
        let name =
            self.name.as_ref().map_or_else(|| "constant".to_owned(), |name| format!("{name}.constant"));
        self.add(NodeKind::Constant(tensor), vec![ty], name).result(0)
    }

    /// Adds an op and returns its results.
    ///
    /// # Errors
    /// If the operands do not satisfy the op's constraints.
    pub fn push_all(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        self.push_op(op.into(), operands)
    }

    /// As [`Builder::push_all`], made once for all kinds of ops.
    fn push_op(&mut self, op: Op, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        let (op, operands) = region::canonical(&self.graph, op, operands)?;
        let types: Vec<_> = operands.iter().map(|&value| self.graph.ty(value)).collect();
        let results = match op::infer(&op, &types) {
            Ok(results) => results,
            Err(cause) => return Err(self.refusal(&op, &operands, cause)),
        };
        let name = self.name.clone().unwrap_or_else(|| op.short_name().to_owned());
        let count = results.len();
        let id = self.add(NodeKind::Op(op), results, name);
        for (position, operand) in operands.iter().enumerate() {
            let edge = Use { operand: position as u32, result: operand.result };
            self.graph.dag.add_edge(NodeIndex::new(operand.node().index()), NodeIndex::new(id.index()), edge);
        }
        Ok((0..count).map(|result| id.result(result)).collect())
    }

    /// Adds an op and returns its first result.
    ///
    /// # Errors
    /// As [`Builder::push_all`].
    pub fn push(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Value, BuildError> {
        Ok(self.push_all(op, operands)?[0])
    }

    /// Adds the ops and constants of another graph, with their names and source lines, reading
    /// `inputs`; returns its outputs here.
    ///
    /// # Errors
    /// If the inputs do not have the graph's input types.
    pub fn inline(&mut self, graph: &Graph, inputs: &[Value]) -> Result<Vec<Value>, BuildError> {
        self.check_inputs(graph, inputs)?;
        let (name, location) = self.description();
        let outputs =
            interpret(graph, inputs.iter().copied(), |_, node, operands| self.copy(node, &operands))?;
        self.describe(name, location);
        Ok(outputs)
    }

    /// Fails unless `inputs` are those of a graph by number and type.
    fn check_inputs(&self, graph: &Graph, inputs: &[Value]) -> Result<(), BuildError> {
        let expected = graph.input_types();
        let got: Option<Vec<TensorType>> =
            inputs.iter().map(|&value| self.graph.find_type(value).cloned()).collect();
        let message = match got {
            Some(got) if got == expected => return Ok(()),
            Some(got) => format!("@{} takes {}, got {}", graph.name(), op::list(&expected), op::list(&got)),
            None => format!("@{} got a value that does not belong to this builder", graph.name()),
        };
        let cause = TypeError { message, constraint: "inputs" };
        Err(BuildError { op: "call", operands: Vec::new(), cause, location: self.location.clone() })
    }

    /// Adds another graph's op or constant under its name; an input adds nothing.
    ///
    /// # Errors
    /// As [`Builder::push_all`].
    pub fn copy(&mut self, node: &Node, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        self.describe(Some(node.name.clone()), node.location.clone());
        match &node.kind {
            NodeKind::Input => Ok(Vec::new()),
            NodeKind::Constant(tensor) => Ok(vec![self.literal(tensor.clone(), node.types[0].clone())]),
            NodeKind::Op(op) => self.push_all(op.clone(), operands),
        }
    }

    /// The error that these operands do not suit an op, for this cause.
    pub fn refusal(&self, op: &Op, operands: &[Value], cause: TypeError) -> BuildError {
        self.refusal_of(op.name(), operands, cause)
    }

    /// As [`Builder::refusal`], of an op by its name.
    pub(crate) fn refusal_of(&self, op: &'static str, operands: &[Value], cause: TypeError) -> BuildError {
        let describe =
            |&value: &Value| (self.graph.node(value.node()).name.clone(), self.graph.ty(value).clone());
        let operands = operands.iter().map(describe).collect();
        BuildError { op, operands, cause, location: self.location.clone() }
    }

    fn add(&mut self, kind: NodeKind, types: Vec<TensorType>, name: String) -> NodeId {
        let node = Node { kind, types, name, location: self.location.clone() };
        NodeId(self.graph.dag.add_node(node).index() as u32)
    }

    /// The finished graph with these outputs.
    pub fn finish(mut self, outputs: &[Value]) -> Graph {
        self.graph.outputs = outputs.iter().map(|&value| Port { value, axes: Vec::new() }).collect();
        self.graph
    }
}

/// Short-hands; each fails as [`Builder::push_all`] does.
#[allow(missing_docs, clippy::missing_errors_doc)]
impl Builder {
    pub fn unary(&mut self, op: Unary, x: Value) -> Result<Value, BuildError> {
        self.push(op, &[x])
    }

    pub fn binary(&mut self, op: Binary, lhs: Value, rhs: Value) -> Result<Value, BuildError> {
        self.push(op, &[lhs, rhs])
    }

    pub fn compare(
        &mut self,
        direction: ComparisonDirection,
        lhs: Value,
        rhs: Value,
    ) -> Result<Value, BuildError> {
        self.push(Compare { direction, compare_type: ComparisonType::Natural }, &[lhs, rhs])
    }

    pub fn select(&mut self, pred: Value, on_true: Value, on_false: Value) -> Result<Value, BuildError> {
        self.push(Elementwise::Select, &[pred, on_true, on_false])
    }

    pub fn convert(&mut self, x: Value, dtype: DType) -> Result<Value, BuildError> {
        self.push(Elementwise::Convert(dtype), &[x])
    }

    /// The value in an element type; itself if that is its own.
    pub fn as_dtype(&mut self, x: Value, dtype: DType) -> Result<Value, BuildError> {
        if self.graph.ty(x).dtype == dtype { Ok(x) } else { self.convert(x, dtype) }
    }

    pub fn reshape(&mut self, x: Value, shape: impl Into<Vec<usize>>) -> Result<Value, BuildError> {
        self.push(Reshape { shape: shape.into() }, &[x])
    }

    pub fn transpose(&mut self, x: Value, permutation: Vec<usize>) -> Result<Value, BuildError> {
        self.push(Transpose { permutation }, &[x])
    }

    pub fn broadcast_in_dim(
        &mut self,
        x: Value,
        shape: impl Into<Vec<usize>>,
        dims: Vec<usize>,
    ) -> Result<Value, BuildError> {
        self.push(BroadcastInDim { shape: shape.into(), dims }, &[x])
    }

    /// Folds `dimensions` of `x` with a binary op, starting from the scalar `init`.
    pub fn reduce(
        &mut self,
        x: Value,
        init: Value,
        dimensions: Vec<usize>,
        body: Binary,
    ) -> Result<Value, BuildError> {
        let body = Graph::reducer(body, self.graph.ty(x).dtype)?.into();
        self.push(Reduce { dimensions, body }, &[x, init])
    }
}

impl From<Elementwise> for Op {
    fn from(op: Elementwise) -> Op {
        Op::Elementwise(op)
    }
}

impl From<Unary> for Op {
    fn from(op: Unary) -> Op {
        Elementwise::Unary(op).into()
    }
}

impl From<Binary> for Op {
    fn from(op: Binary) -> Op {
        Elementwise::Binary(op).into()
    }
}

impl From<Compare> for Op {
    fn from(op: Compare) -> Op {
        Elementwise::Compare(op).into()
    }
}
