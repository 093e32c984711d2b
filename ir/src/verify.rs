//! The verifier: a graph that passes never makes a later stage panic.
//!
//! Invariants, all checked, all faults reported together:
//!
//! 1. An operand is a result of an earlier node, and operands are numbered without gaps.
//! 2. Inputs are listed in `inputs`, once each and in order; input nodes and constants have no
//!    operands and one result.
//! 3. A constant has its node's type, or is a scalar of its element type (a splat).
//! 4. The types of an op's results are those that its type rule infers.
//! 5. Outputs are existing values.
//! 6. Named axes name existing dimensions of their value, none twice.
//! 7. The number of elements of every type fits the machine.
//! 8. Regions satisfy all of this.
//! 9. What branches and scans read from outside is in canonical form, which text can spell: in order of
//!    creation, each once, each read by a region, none a single-element constant.

use std::fmt;

use crate::graph::{Node, NodeId, NodeKind, Port, Value};
use crate::{Graph, TensorType, op, region};

/// One broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Name of the node, or of the graph for a fault of its boundary.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

/// Everything that is wrong with a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyError {
    /// The faults, in order of the nodes.
    pub faults: Vec<Fault>,
}

impl std::error::Error for VerifyError {}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the graph is not valid")?;
        for Fault { place, message } in &self.faults {
            write!(f, "\n  %{place}: {message}")?;
        }
        Ok(())
    }
}

/// Checks every invariant.
///
/// # Errors
/// All faults, if there are any.
pub fn verify(graph: &Graph) -> Result<(), VerifyError> {
    let mut faults = Vec::new();
    for (id, node) in graph.nodes() {
        let report = |message: String| faults.push(Fault { place: node.name.clone(), message });
        check_node(graph, id, node, report);
    }
    let inputs: Vec<_> = graph.inputs.iter().map(|port| port.value).collect();
    let made = graph.nodes().filter(|(_, node)| matches!(node.kind, NodeKind::Input));
    let mut report = |message: String| faults.push(Fault { place: graph.name.clone(), message });
    if inputs != made.map(|(id, _)| id.result(0)).collect::<Vec<_>>() {
        report("the list of inputs does not name the input nodes in order".to_owned());
    }
    for port in graph.inputs.iter().chain(&graph.outputs) {
        check_port(graph, port, &mut report);
    }
    if faults.is_empty() { Ok(()) } else { Err(VerifyError { faults }) }
}

fn exists(graph: &Graph, value: Value) -> bool {
    value.node().index() < graph.len() && value.result() < graph.node(value.node()).types.len()
}

fn check_port(graph: &Graph, port: &Port, report: &mut impl FnMut(String)) {
    if !exists(graph, port.value) {
        return report("an input or output names a value that does not exist".to_owned());
    }
    let rank = graph.ty(port.value).rank();
    for (position, axis) in port.axes.iter().enumerate() {
        if axis.dim >= rank || port.axes[..position].iter().any(|other| other.dim == axis.dim) {
            report(format!("axis {axis} does not name a distinct dimension of {}", graph.ty(port.value)));
        }
    }
}

fn check_node(graph: &Graph, id: NodeId, node: &Node, mut report: impl FnMut(String)) {
    for ty in &node.types {
        if !ty.is_addressable() {
            return report(format!("{ty} has more elements than this machine can address"));
        }
    }
    let operands = graph.operands(id);
    if !operands.iter().all(|&value| value.node() < id && exists(graph, value)) {
        return report("an operand is not a result of an earlier node".to_owned());
    }
    match &node.kind {
        NodeKind::Input | NodeKind::Constant(_) if !operands.is_empty() || node.types.len() != 1 => {
            report("an input or constant has no operands and one result".to_owned());
        }
        NodeKind::Input => {}
        NodeKind::Constant(tensor) => {
            let ty = &node.types[0];
            if tensor.ty() != ty && *tensor.ty() != TensorType::scalar(ty.dtype) {
                report(format!("the constant is {}, but its node says {ty}", tensor.ty()));
            }
        }
        NodeKind::Op(op) => {
            for region in op.regions() {
                if let Err(error) = verify(region) {
                    return report(format!("in a region of {}: {error}", op.name()));
                }
            }
            match region::canonical(graph, op.clone(), &operands) {
                Ok((_, canonical)) if canonical == operands => {}
                Ok(_) => return report(format!("the operands of {} are not in canonical form", op.name())),
                Err(error) => return report(error.to_string()),
            }
            let types: Vec<_> = operands.iter().map(|&value| graph.ty(value)).collect();
            match op::infer(op, &types) {
                Ok(expected) if expected == node.types => {}
                Ok(expected) => {
                    report(format!("{} has types {:?}, expected {expected:?}", op.name(), node.types))
                }
                Err(error) => report(format!("{}: {error}", op.name())),
            }
        }
    }
}
