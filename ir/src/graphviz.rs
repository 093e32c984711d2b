//! The graph as a picture, in the DOT language of Graphviz.

use petgraph::dot::{Config, Dot};
use petgraph::graph::{DiGraph, EdgeReference, NodeIndex};

use crate::graph::{Node, NodeKind, Use};
use crate::{Graph, Op};

impl Graph {
    /// The graph in the DOT language, a box per node and an arrow per operand.
    ///
    /// ```
    /// # use choral_ir::{Builder, DType, TensorType, op::Unary};
    /// let mut builder = Builder::new("main");
    /// let x = builder.input("x", TensorType::new([2], DType::F32));
    /// let y = builder.unary(Unary::Tanh, x)?;
    /// assert!(builder.finish(&[y]).to_dot().contains(r#"label = "tanh\ntensor<2xf32>""#));
    /// # Ok::<(), choral_ir::BuildError>(())
    /// ```
    pub fn to_dot(&self) -> String {
        let config = [Config::NodeNoLabel, Config::EdgeNoLabel];
        let node = |_: &DiGraph<Node, Use>, (at, node): (NodeIndex, &Node)| self.describe(at, node);
        let dot = Dot::with_attr_getters(&self.dag, &config, &describe_use, &node);
        format!("{dot:?}")
    }

    fn describe(&self, at: NodeIndex, node: &Node) -> String {
        let types = node.types.iter().map(|ty| ty.to_string()).collect::<Vec<_>>().join("\\n");
        let is_output = self.outputs().iter().any(|port| port.value.node().index() == at.index());
        let border = if is_output { " penwidth = 2" } else { "" };
        format!("label = \"{}\\n{types}\" {}{border}", title(node), shape(&node.kind))
    }
}

fn describe_use(graph: &DiGraph<Node, Use>, edge: EdgeReference<'_, Use>) -> String {
    use petgraph::visit::EdgeRef;
    let operands = graph.edges_directed(edge.target(), petgraph::Direction::Incoming).count();
    if operands > 1 { format!("label = \"{}\"", edge.weight().operand) } else { String::new() }
}

/// The name and what makes the value, once if they are the same; quotes would end the label.
fn title(node: &Node) -> String {
    let made_by = match &node.kind {
        NodeKind::Input => "input",
        NodeKind::Constant(_) => "constant",
        NodeKind::Op(op) => Op::short_name(op),
    };
    let name = node.name.replace(['"', '\\', '\n'], "_");
    if name == made_by { name } else { format!("{name} = {made_by}") }
}

fn shape(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Input => "shape = ellipse",
        NodeKind::Constant(_) => "shape = plaintext",
        NodeKind::Op(_) => "shape = box",
    }
}
