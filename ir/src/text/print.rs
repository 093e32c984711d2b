//! The printer: a function, its lines, and regions. How each op spells itself is in [`super::ops`].

use super::axes::{self, Tracked};
use super::names::{Names, identifier};
use super::{literal, ops};
use crate::graph::{Node, NodeId, NodeKind, Port, Value};
use crate::op::ControlOp;
use crate::{Graph, TensorType};

/// One graph on its way to text.
pub(super) struct Printer<'a> {
    pub(super) graph: &'a Graph,
    names: Names<'a>,
    axes: Tracked,
    /// Most elements that a constant is written with.
    limit: Option<usize>,
    /// Spaces before each line.
    indent: usize,
}

/// The graph as a function.
pub(super) fn function(graph: &Graph, limit: Option<usize>) -> String {
    let printer = Printer { graph, names: Names::of(graph), axes: Tracked::of(graph), limit, indent: 2 };
    let arguments = graph.inputs().iter().map(|port| format!("\n    {}", printer.argument(port)));
    let results =
        graph.outputs().iter().map(|port| format!("{}{}", graph.ty(port.value), axes::attribute(port)));
    format!(
        "func.func public @{}({}) -> ({}) {{\n{}}}\n",
        identifier(graph.name()),
        arguments.collect::<Vec<_>>().join(","),
        results.collect::<Vec<_>>().join(", "),
        printer.body("return"),
    )
}

impl<'a> Printer<'a> {
    /// A printer of a region inside this graph. Inputs that this graph declares have the names in
    /// `arguments`.
    fn region<'r>(&'r self, region: &'r Graph, arguments: &[String], axes: Tracked) -> Printer<'r> {
        let names = self.names.within(region, arguments);
        Printer { graph: region, names, axes, limit: self.limit, indent: self.indent + 2 }
    }

    /// Names for the inputs of a region that are declared in this graph.
    pub(super) fn arguments_of(&self, region: &Graph) -> Vec<String> {
        self.names.fresh(region.inputs().iter().map(|port| region.node(port.value.node()).name.as_str()))
    }

    /// An input as it is declared: name, type and axes.
    pub(super) fn argument(&self, port: &Port) -> String {
        let name = self.names.value(self.graph, port.value);
        format!("{name}: {}{}", self.graph.ty(port.value), axes::attribute(port))
    }

    /// Every line but the inputs', and the one that returns.
    pub(super) fn body(&self, return_op: &str) -> String {
        let margin = self.margin();
        let mut text = String::new();
        for (id, node) in self.graph.nodes() {
            if let Some(line) = self.line(id, node) {
                text.push_str(&format!("{margin}{line}{}\n", self.axes.comment(id, node)));
            }
        }
        text.push_str(&format!("{margin}{}\n", self.results(return_op)));
        text
    }

    /// The spaces before a line.
    pub(super) fn margin(&self) -> String {
        " ".repeat(self.indent)
    }

    fn results(&self, return_op: &str) -> String {
        let ports = self.graph.outputs();
        if ports.is_empty() {
            return return_op.to_owned();
        }
        let names =
            ports.iter().map(|port| self.names.value(self.graph, port.value)).collect::<Vec<_>>().join(", ");
        let types: Vec<_> = ports.iter().map(|port| self.graph.ty(port.value)).collect();
        format!("{return_op} {names} : {}", list(&types))
    }

    fn line(&self, id: NodeId, node: &Node) -> Option<String> {
        let right = match &node.kind {
            NodeKind::Input => return None,
            NodeKind::Constant(tensor) => {
                let ty = &node.types[0];
                format!("stablehlo.constant {} : {ty}", literal::dense(tensor, ty, self.limit))
            }
            NodeKind::Op(op) => ops::spell(op, &self.call(id, node)),
        };
        Some(format!("{} = {right}", self.names.definition(id, node.types.len())))
    }

    fn call(&self, id: NodeId, node: &'a Node) -> Call<'_> {
        let operands = self.graph.operands(id);
        Call {
            printer: self,
            values: operands.clone(),
            names: operands.iter().map(|&value| self.names.value(self.graph, value)).collect(),
            operands: operands.iter().map(|&value| self.graph.ty(value)).collect(),
            results: node.types.iter().collect(),
        }
    }
}

/// What an op needs to know of its place in order to spell itself.
pub(super) struct Call<'a> {
    /// The printer of the graph around the op.
    pub(super) printer: &'a Printer<'a>,
    /// The operands.
    values: Vec<Value>,
    /// Names of the operands.
    pub(super) names: Vec<String>,
    /// Types of the operands.
    pub(super) operands: Vec<&'a TensorType>,
    /// Types of the results.
    pub(super) results: Vec<&'a TensorType>,
}

impl<'a> Call<'a> {
    /// A printer of a region of a branch or a loop; see [`Printer::region`].
    pub(super) fn region(&self, op: &ControlOp, region: &'a Graph, arguments: &[String]) -> Printer<'a> {
        self.printer.region(region, arguments, self.printer.axes.within(op, &self.values, region))
    }

    /// A printer of a body that combines scalars.
    pub(super) fn body(&self, body: &'a Graph) -> Printer<'a> {
        self.printer.region(body, &[], Tracked::default())
    }

    /// `%a, %b`.
    pub(super) fn arguments(&self) -> String {
        self.names.join(", ")
    }

    /// `(A, B) -> C`, or `(A, B) -> (C, D)`.
    pub(super) fn signature(&self) -> String {
        format!("({}) -> {}", list(&self.operands), results(&self.results))
    }
}

/// `C`, or `(C, D)`.
pub(super) fn results(types: &[&TensorType]) -> String {
    if types.len() == 1 { list(types) } else { format!("({})", list(types)) }
}

fn list(types: &[&TensorType]) -> String {
    types.iter().map(|ty| ty.to_string()).collect::<Vec<_>>().join(", ")
}
