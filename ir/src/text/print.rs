//! The printer: a function, its lines, and their regions. How each op spells itself is in [`super::ops`].

use super::call::{Call, Region, list};
use super::names::{Names, identifier};
use super::{axes, literal, ops};
use crate::axes::Axes;
use crate::graph::{Node, NodeId, NodeKind, Port};
use crate::op::{Case, ControlOp, If, Scan, While};
use crate::{Graph, Op};

/// One graph on its way to text.
struct Printer<'a> {
    graph: &'a Graph,
    names: Names<'a>,
    /// Where named axes lie; unknown in bodies of scalars.
    axes: Option<Axes<'a>>,
    /// Most elements that a constant is written with.
    limit: Option<usize>,
    /// Spaces before each line.
    indent: usize,
}

/// The graph as a function.
pub(super) fn function(graph: &Graph, limit: Option<usize>) -> String {
    let printer = Printer { graph, names: Names::of(graph), axes: Some(graph.axes()), limit, indent: 2 };
    let arguments = graph.inputs().iter().map(|port| format!("\n    {}", printer.argument(port)));
    let results =
        graph.outputs().iter().map(|port| format!("{}{}", graph.ty(port.value), axes::attribute(port)));
    format!(
        "func.func public @{}({}) -> ({}) {{\n{}}}\n",
        identifier(graph.name()),
        arguments.collect::<Vec<_>>().join(","),
        results.collect::<Vec<_>>().join(", "),
        printer.lines("return"),
    )
}

impl Printer<'_> {
    /// An input as it is declared: name, type and axes.
    fn argument(&self, port: &Port) -> String {
        let name = self.names.value(self.graph, port.value);
        format!("{name}: {}{}", self.graph.ty(port.value), axes::attribute(port))
    }

    /// Every line but the inputs', and the one that returns.
    fn lines(&self, return_op: &str) -> String {
        let margin = self.margin();
        let mut text = String::new();
        for (id, node) in self.graph.nodes() {
            if let Some(line) = self.line(id, node) {
                text.push_str(&format!("{margin}{line}{}\n", self.comment(id, node)));
            }
        }
        text.push_str(&format!("{margin}{}\n", self.results(return_op)));
        text
    }

    fn margin(&self) -> String {
        " ".repeat(self.indent)
    }

    fn comment(&self, id: NodeId, node: &Node) -> String {
        self.axes.as_ref().map_or_else(String::new, |axes| axes::comment(axes, id, node))
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
            NodeKind::Op(op) => ops::spell(op, &self.call(id, node, op)),
        };
        Some(format!("{} = {right}", self.names.definition(id, node.types.len())))
    }

    fn call<'n>(&'n self, id: NodeId, node: &'n Node, op: &Op) -> Call<'n> {
        let operands = self.graph.operands(id);
        let names: Vec<_> = operands.iter().map(|&value| self.names.value(self.graph, value)).collect();
        Call {
            regions: self.regions(id, op, &names),
            names,
            operands: operands.iter().map(|&value| self.graph.ty(value)).collect(),
            results: node.types.iter().collect(),
            margin: self.margin(),
        }
    }

    /// The regions of an op whose operands have these names.
    fn regions(&self, id: NodeId, op: &Op, operands: &[String]) -> Vec<Region> {
        let arguments = self.names_around(op, operands);
        let mut axes = self.axes.as_ref().map(|axes| axes.within(id)).unwrap_or_default().into_iter();
        op.regions().into_iter().map(|region| self.region(region, &arguments, axes.next())).collect()
    }

    /// Names of the inputs of an op's regions, where they are not declared in the regions: a branch reads
    /// what stands around it, a scan its constants, and both regions of a loop have the names of what it
    /// carries.
    fn names_around(&self, op: &Op, operands: &[String]) -> Vec<String> {
        match op {
            Op::Control(ControlOp::If(If { .. }) | ControlOp::Case(Case { .. })) => plain(&operands[1..]),
            Op::Control(ControlOp::Scan(Scan { inputs, carried, body, .. })) => {
                let own = inputs + carried;
                let name = |port: &Port| body.node(port.value.node()).name.as_str();
                [self.names.fresh(body.inputs()[..own].iter().map(name)), plain(&operands[own..])].concat()
            }
            Op::Control(ControlOp::While(While { cond: _, body })) => {
                let name = |port: &Port| body.node(port.value.node()).name.as_str();
                self.names.fresh(body.inputs().iter().map(name))
            }
            _ => Vec::new(),
        }
    }

    fn region(&self, graph: &Graph, arguments: &[String], axes: Option<Axes<'_>>) -> Region {
        let names = self.names.within(graph, arguments);
        let inner = Printer { graph, names, axes, limit: self.limit, indent: self.indent + 2 };
        Region {
            names: graph.inputs().iter().map(|port| inner.names.value(graph, port.value)).collect(),
            arguments: graph.inputs().iter().map(|port| inner.argument(port)).collect(),
            lines: inner.lines("stablehlo.return"),
        }
    }
}

/// Operands without their `%`.
fn plain(operands: &[String]) -> Vec<String> {
    operands.iter().map(|name| name.trim_start_matches('%').to_owned()).collect()
}
