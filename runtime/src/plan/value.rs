//! Where every value of a graph is found: as one number, or in what a node makes, through an access.
//!
//! Ops that only say where elements lie make nothing: what they are is said here, once, for all who read them.

use std::collections::HashMap;

use choral_ir::graph::Value;
use choral_ir::op::{ControlOp, ShapeOp, Transpose};
use choral_ir::{DType, Graph, NodeId, NodeKind, Op, TensorType};
use choral_kernels::Access;

use super::control::handed_on;
use crate::lower::{dot, number, view};

/// Where a value is found.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Every element is this number, by its bits in registers.
    Splat(u64),
    /// In what a node made, or in an input or constant: at these places of its dense elements.
    Made(Value, Access),
    /// The numbers from 0 on of an element type, at these places.
    Counting(DType, Access),
}

impl Source {
    /// The same elements at other places.
    pub(super) fn at(&self, access: Access) -> Source {
        match self {
            Source::Splat(bits) => Source::Splat(*bits),
            Source::Made(value, _) => Source::Made(*value, access),
            Source::Counting(dtype, _) => Source::Counting(*dtype, access),
        }
    }
}

/// The sources of all values of a graph.
#[derive(Debug)]
pub(super) struct Sources {
    of: HashMap<Value, Source>,
}

impl Sources {
    /// Looks through every op that only says where elements lie.
    /// Inputs are dense, or lie where their accesses say.
    pub(super) fn of(graph: &Graph, inputs: Option<&[Access]>) -> Sources {
        let mut sources = Sources { of: HashMap::new() };
        let given = graph.inputs().iter().map(|port| port.value).zip(inputs.unwrap_or_default());
        let given: HashMap<Value, &Access> = given.collect();
        for (id, node) in graph.nodes() {
            let found = match &node.kind {
                NodeKind::Op(Op::Shape(op)) => sources.of_shape(graph, id, op),
                NodeKind::Op(Op::Control(ControlOp::OptimizationBarrier)) => {
                    let operands = graph.operands(id);
                    operands.into_iter().map(|operand| Some(sources.get(operand).clone())).collect()
                }
                NodeKind::Op(Op::Control(ControlOp::While(op))) => {
                    let operands = graph.operands(id);
                    sources.handed_on(&operands, &handed_on(&op.body, 0, 0, operands.len()))
                }
                NodeKind::Op(Op::Control(ControlOp::Scan(op))) => {
                    let operands = &graph.operands(id)[op.inputs..op.inputs + op.carried];
                    let carried = sources
                        .handed_on(operands, &handed_on(&op.body, op.outputs(), op.inputs, op.carried));
                    std::iter::repeat_n(None, op.outputs()).chain(carried).collect()
                }
                NodeKind::Op(Op::Dot(op)) if !dot::is_tiny(op, graph, id) => {
                    vec![as_read(graph, id, op.lhs_batching.len())]
                }
                NodeKind::Constant(tensor) => vec![number::splat(tensor).map(Source::Splat)],
                NodeKind::Input | NodeKind::Op(_) => Vec::new(),
            };
            for (result, ty) in node.types.iter().enumerate() {
                let value = id.result(result);
                let access =
                    || given.get(&value).map_or_else(|| Access::dense(&ty.shape), |&access| access.clone());
                let made = || Source::Made(value, access());
                sources.of.insert(value, found.get(result).cloned().flatten().unwrap_or_else(made));
            }
        }
        sources
    }

    /// Where results are found that loops hand on as they were given.
    fn handed_on(&self, operands: &[Value], are: &[bool]) -> Vec<Option<Source>> {
        operands.iter().zip(are).map(|(&operand, &is)| is.then(|| self.get(operand).clone())).collect()
    }

    fn of_shape(&self, graph: &Graph, id: NodeId, op: &ShapeOp) -> Vec<Option<Source>> {
        if let ShapeOp::Iota(op) = op
            && op.shape[op.dimension] <= number::COUNTED
        {
            let mut access = Access::dense(&op.shape);
            access.dims.iter_mut().enumerate().for_each(|(at, dim)| dim.1 = (at == op.dimension).into());
            return vec![Some(Source::Counting(op.dtype, access))];
        }
        let Some(&operand) = graph.operands(id).first() else { return Vec::new() };
        vec![match self.get(operand) {
            Source::Splat(bits) if is_view(op) => Some(Source::Splat(*bits)),
            Source::Splat(_) => None,
            Source::Made(value, access) => view::view(op, access).map(|access| Source::Made(*value, access)),
            Source::Counting(dtype, access) => {
                view::view(op, access).map(|access| Source::Counting(*dtype, access))
            }
        }]
    }

    /// Where a value is found.
    pub(super) fn get(&self, value: Value) -> &Source {
        &self.of[&value]
    }

    /// How often what nodes make is read by those that make something, and as a result.
    pub(super) fn uses(&self, graph: &Graph) -> HashMap<Value, usize> {
        let makes = |id: NodeId, results: usize| results > 0 && !self.is_elsewhere(id, results);
        let nodes = graph.nodes().filter(|(id, node)| makes(*id, node.types.len()));
        let read = nodes.flat_map(|(id, _)| graph.operands(id));
        let mut uses = HashMap::new();
        for value in read.chain(graph.outputs().iter().map(|port| port.value)) {
            if let Source::Made(made, _) = self.get(value) {
                *uses.entry(*made).or_default() += 1;
            }
        }
        uses
    }

    /// Whether a node makes nothing: its results, of which there are so many, are found elsewhere.
    pub(super) fn is_elsewhere(&self, id: NodeId, results: usize) -> bool {
        let is_made =
            |result| matches!(self.get(id.result(result)), Source::Made(value, _) if value.node() == id);
        !(0..results).any(is_made)
    }
}

/// Where the elements of a product lie that nobody reads but a transpose: in the order of that, which is then a copy of
/// nothing. Products write in any order, but want elements of the batch apart.
fn as_read(graph: &Graph, id: NodeId, batching: usize) -> Option<Source> {
    let value = id.result(0);
    let mut readers = graph.uses(value);
    let (Some((reader, _)), None) = (readers.next(), readers.next()) else { return None };
    let NodeKind::Op(Op::Shape(ShapeOp::Transpose(Transpose { permutation }))) = &graph.node(reader).kind
    else {
        return None;
    };
    let is_asked = graph.outputs().iter().any(|port| port.value == value);
    let is_fit = permutation.last().is_some_and(|&last| last >= batching) && !graph.ty(value).is_empty();
    if is_asked || !is_fit {
        return None;
    }
    let dense = Access::dense(&graph.ty(reader.result(0)).shape);
    let mut access = Access { offset: 0, dims: vec![(0, 0); permutation.len()] };
    permutation.iter().zip(dense.dims).for_each(|(&dim, place)| access.dims[dim] = place);
    Some(Source::Made(value, access))
}

/// Whether an op only takes elements of its operand.
fn is_view(op: &ShapeOp) -> bool {
    match op {
        ShapeOp::BroadcastInDim(_)
        | ShapeOp::Reshape(_)
        | ShapeOp::Transpose(_)
        | ShapeOp::Reverse(_)
        | ShapeOp::Slice(_) => true,
        ShapeOp::Iota(_) | ShapeOp::BitcastConvert(_) | ShapeOp::Pad(_) | ShapeOp::Concatenate(_) => false,
    }
}

/// Whether the elements that an access reads are those of a dense tensor of the type, in order.
pub(super) fn is_dense(access: &Access, ty: &TensorType) -> bool {
    access.offset == 0 && (access.is_dense() || ty.is_empty())
}
