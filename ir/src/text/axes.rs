//! Named axes in text: stored at the boundary, recomputed inside so that a reader sees them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::graph::{NamedAxis, Node, NodeId, NodeKind, Port, Value};
use crate::op::{Case, ControlOp, If, Scan, While};
use crate::{Graph, Op, op};

/// The attribute of a boundary value with these axes, empty without any.
pub(super) fn attribute(port: &Port) -> String {
    if port.axes.is_empty() { String::new() } else { format!(" {{choral.axes = \"{}\"}}", spell(&port.axes)) }
}

fn spell(axes: &[NamedAxis]) -> String {
    axes.iter().map(NamedAxis::to_string).collect::<Vec<_>>().join(" ")
}

/// The axes that `members@0 batch@1` spells, if it spells any.
pub(super) fn read(text: &str) -> Option<Vec<NamedAxis>> {
    let axis = |part: &str| {
        let (name, dim) = part.rsplit_once('@')?;
        Some(NamedAxis { name: name.into(), dim: dim.parse().ok()? })
    };
    text.split_whitespace().map(axis).collect()
}

/// The dimension of one axis in each value that is known to have it.
type Places = HashMap<Value, usize>;

/// Where each named axis of a function's inputs lies, in the function or in a region of it.
#[derive(Default)]
pub(super) struct Tracked {
    axes: Vec<(Arc<str>, Places)>,
}

impl Tracked {
    /// Follows every named axis of the inputs through the graph.
    pub(super) fn of(graph: &Graph) -> Tracked {
        let ports = graph.inputs();
        let mut names: Vec<_> = ports.iter().flat_map(|port| &port.axes).map(|axis| &axis.name).collect();
        names.sort_unstable();
        names.dedup();
        let dim = |port: &Port, name: &Arc<str>| {
            port.axes.iter().find(|axis| axis.name == *name).map(|axis| axis.dim)
        };
        let follow = |name: &Arc<str>| {
            let inputs: Vec<Option<usize>> = ports.iter().map(|port| dim(port, name)).collect();
            (Arc::clone(name), places(graph, &inputs))
        };
        Tracked { axes: names.into_iter().map(follow).collect() }
    }

    /// The same inside of a region of this op.
    pub(super) fn within(&self, op: &ControlOp, operands: &[Value], region: &Graph) -> Tracked {
        let follow = |(name, known): &(Arc<str>, Places)| {
            let dims: Vec<Option<usize>> = operands.iter().map(|value| known.get(value).copied()).collect();
            (Arc::clone(name), places(region, &into_regions(op, &dims)))
        };
        Tracked { axes: self.axes.iter().map(follow).collect() }
    }

    /// The comment that closes the line of a node, empty where no axis is known. Results that differ
    /// are told one by one.
    pub(super) fn comment(&self, id: NodeId, node: &Node) -> String {
        let results: Vec<String> =
            (0..node.types.len()).map(|result| self.axes_of(id.result(result))).collect();
        let text = match results.as_slice() {
            [first, others @ ..] if others.iter().all(|other| other == first) => first.clone(),
            results => {
                let word = |axes: &String| if axes.is_empty() { "-".to_owned() } else { axes.clone() };
                results.iter().map(word).collect::<Vec<_>>().join(", ")
            }
        };
        if text.is_empty() { text } else { format!("  // {text}") }
    }

    fn axes_of(&self, value: Value) -> String {
        let axis = |(name, known): &(Arc<str>, Places)| {
            known.get(&value).map(|&dim| NamedAxis { name: Arc::clone(name), dim })
        };
        let mut axes: Vec<NamedAxis> = self.axes.iter().filter_map(axis).collect();
        axes.sort_by_key(|axis| axis.dim);
        spell(&axes)
    }
}

/// Where the axis lies in the graph's values, given where it lies in each input.
fn places(graph: &Graph, inputs: &[Option<usize>]) -> Places {
    let ports = graph.inputs().iter().map(|port| port.value).zip(inputs);
    let mut known: Places = ports.filter_map(|(value, dim)| Some((value, (*dim)?))).collect();
    for (id, node) in graph.nodes() {
        let NodeKind::Op(op) = &node.kind else { continue };
        let operands = graph.operands(id);
        let dims: Vec<Option<usize>> = operands.iter().map(|value| known.get(value).copied()).collect();
        if dims.iter().all(Option::is_none) {
            continue;
        }
        let results = match op {
            Op::Control(op) => through(op, &dims),
            op => {
                let types: Vec<_> = operands.iter().map(|&value| graph.ty(value)).collect();
                vec![op::follow(op, &types, &dims); node.types.len()]
            }
        };
        let known_results = results.into_iter().zip(&node.types).enumerate();
        known.extend(known_results.filter_map(|(at, (dim, ty))| {
            dim.filter(|&dim| dim < ty.rank()).map(|dim| (id.result(at), dim))
        }));
    }
    known
}

/// Where the axis lies in each result of an op with regions.
fn through(op: &ControlOp, dims: &[Option<usize>]) -> Vec<Option<usize>> {
    let inputs = into_regions(op, dims);
    let in_outputs = |region: &Graph| -> Vec<Option<usize>> {
        let known = places(region, &inputs);
        region.outputs().iter().map(|port| known.get(&port.value).copied()).collect()
    };
    match op {
        ControlOp::If(If { true_branch, false_branch }) => {
            either(in_outputs(true_branch), in_outputs(false_branch))
        }
        ControlOp::Case(Case { branches }) => {
            branches.iter().map(|branch| in_outputs(branch)).reduce(either).unwrap_or_default()
        }
        ControlOp::While(_) => inputs,
        ControlOp::Scan(Scan { dimension, is_reverse: _, inputs: taken, body }) => {
            let carried = &inputs[*taken..];
            let mut results = in_outputs(body);
            results.truncate(results.len() - carried.len());
            let behind = |dim: usize| dim + usize::from(dim >= *dimension);
            results.iter_mut().for_each(|dim| *dim = dim.map(behind));
            [&results, carried].concat()
        }
        ControlOp::Map(_) => vec![dims.iter().flatten().next().copied()],
        ControlOp::OptimizationBarrier => dims.to_vec(),
    }
}

fn either(left: Vec<Option<usize>>, right: Vec<Option<usize>>) -> Vec<Option<usize>> {
    left.into_iter().zip(right).map(|(left, right)| left.or(right)).collect()
}

/// Where the axis lies in the inputs of the op's regions.
fn into_regions(op: &ControlOp, dims: &[Option<usize>]) -> Vec<Option<usize>> {
    match op {
        ControlOp::If(_) | ControlOp::Case(_) => dims[1..].to_vec(),
        ControlOp::While(While { cond: _, body }) => carried(body, dims.to_vec(), 0),
        ControlOp::Scan(Scan { dimension, is_reverse: _, inputs, body }) => {
            let slice = |dim: usize| (dim != *dimension).then(|| dim - usize::from(dim > *dimension));
            let slices = dims[..*inputs].iter().map(|dim| dim.and_then(slice));
            carried(body, slices.chain(dims[*inputs..].iter().copied()).collect(), *inputs)
        }
        // Its region holds scalars.
        ControlOp::Map(_) | ControlOp::OptimizationBarrier => vec![None; dims.len()],
    }
}

/// The inputs of a loop's body, with the axes that carried values have from the second round on.
fn carried(body: &Graph, mut inputs: Vec<Option<usize>>, first: usize) -> Vec<Option<usize>> {
    let outputs = body.outputs().len() - (inputs.len() - first);
    loop {
        let known = places(body, &inputs);
        let before = inputs.clone();
        for (input, port) in inputs[first..].iter_mut().zip(&body.outputs()[outputs..]) {
            *input = input.or_else(|| known.get(&port.value).copied());
        }
        if inputs == before {
            return inputs;
        }
    }
}
