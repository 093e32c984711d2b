//! Products of one operand: `x . v` and `x . w` are slices of `x . [v, w]`.
//!
//! Each element of the result is the same sum, so this holds for every element type. It is done where `[v, w]`
//! is made once: `v` and `w` are constants, or the same in each round of the loop whose body they stand in.
//! Weights that are inputs would be copied at every call: whoever runs the graph joins those where it packs
//! them.

use std::collections::{HashMap, HashSet};

use choral_ir::op::{Concatenate, DotGeneral, Slice, dot::free};
use choral_ir::{BuildError, Graph, NodeId, NodeKind, Op, TensorType, Value};

use super::Context;
use super::rewriter::Rewriter;
use super::tables::JOINED;

/// What products must share to be one: the side and value of the one operand, the op, and the type of the
/// other without the dimension that they are joined along.
type Shared<'g> = (usize, Value, &'g DotGeneral, TensorType);

/// A product, and its operand that is made once.
type Product = (NodeId, Value);

/// The products of a graph that become one.
#[derive(Debug, Default)]
pub(super) struct Joins {
    /// The group of each product, and its place there.
    places: HashMap<NodeId, (usize, usize)>,
    groups: Vec<Group>,
}

#[derive(Debug, Default)]
struct Group {
    /// Which operand is the same.
    side: usize,
    products: Vec<NodeId>,
    /// The other operand of each.
    weights: Vec<Value>,
    /// What stands for each of them, once they are made.
    made: Vec<Value>,
}

impl Joins {
    pub(super) fn of(graph: &Graph, cx: &Context, is_fixed: &dyn Fn(usize) -> bool) -> Joins {
        if !cx.allows(JOINED) {
            return Joins::default();
        }
        let is_made_once = |value: Value| match &graph.node(value.node()).kind {
            // Splats are no weights; to put constants together, someone must work it out.
            NodeKind::Constant(tensor) => !tensor.shape().is_empty() && cx.evaluate.is_some(),
            NodeKind::Input => input(graph, value).is_some_and(is_fixed),
            NodeKind::Op(_) => false,
        };
        let mut by_shared: HashMap<Shared<'_>, Vec<Product>> = HashMap::new();
        for (id, node) in graph.nodes() {
            let NodeKind::Op(Op::Dot(dot)) = &node.kind else { continue };
            let operands = graph.operands(id);
            let side = (0..2).find(|&side| is_made_once(operands[1 - side]) && !is_made_once(operands[side]));
            let Some((side, along)) =
                side.and_then(|side| Some((side, along(graph, dot, &operands, 1 - side)?)))
            else {
                continue;
            };
            let mut ty = graph.ty(operands[1 - side]).clone();
            ty.shape[along] = 0;
            by_shared.entry((side, operands[side], dot, ty)).or_default().push((id, operands[1 - side]));
        }
        Joins::grouped(by_shared)
    }

    fn grouped(by_shared: HashMap<Shared<'_>, Vec<Product>>) -> Joins {
        let mut groups = Vec::new();
        for ((side, ..), products) in by_shared {
            let (products, weights): (Vec<NodeId>, Vec<Value>) = products.into_iter().unzip();
            // Two products of the same two are one first.
            let are_distinct = weights.iter().collect::<HashSet<_>>().len() == weights.len();
            if are_distinct && weights.len() > 1 {
                groups.push(Group { side, products, weights, made: Vec::new() });
            }
        }
        groups.sort_unstable_by_key(|group| group.products[0]);
        let mut places = HashMap::new();
        for (number, group) in groups.iter().enumerate() {
            let numbered = group.products.iter().enumerate();
            places.extend(numbered.map(|(place, &id)| (id, (number, place))));
        }
        Joins { places, groups }
    }
}

/// The dimension of an operand that products are joined along: its last free one.
fn along(graph: &Graph, dot: &DotGeneral, operands: &[Value], side: usize) -> Option<usize> {
    let rank = graph.ty(operands[side]).rank();
    let free = if side == 0 {
        free(rank, &dot.lhs_batching, &dot.lhs_contracting)
    } else {
        free(rank, &dot.rhs_batching, &dot.rhs_contracting)
    };
    free.last().copied()
}

impl Rewriter<'_> {
    /// What stands for a product of the graph that is read, if it is joined with others; `operands` is what
    /// stands for its own.
    pub(super) fn joined(
        &mut self,
        id: NodeId,
        graph: &Graph,
        operands: &[Value],
    ) -> Result<Option<Vec<Value>>, BuildError> {
        let Some(&(group, place)) = self.joins().places.get(&id) else { return Ok(None) };
        if self.joins().groups[group].made.is_empty() {
            let made = self.join(group, graph, operands)?;
            self.joins().groups[group].made = made;
            self.cx.fired.add(JOINED, 1);
        }
        Ok(Some(vec![self.joins().groups[group].made[place]]))
    }

    /// What stands for a weight of the graph that is read: an input, or a constant, which may come later there.
    fn made_once(&mut self, graph: &Graph, weight: Value) -> Value {
        let node = graph.node(weight.node());
        match (&node.kind, input(graph, weight)) {
            (NodeKind::Constant(tensor), _) => self.constant(tensor.clone(), node.types[0].clone()),
            (NodeKind::Input | NodeKind::Op(_), at) => {
                self.builder.graph().inputs()[at.unwrap_or_default()].value
            }
        }
    }

    fn join(&mut self, group: usize, graph: &Graph, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        let Group { side, products, weights, made: _ } = &self.joins().groups[group];
        let (side, first, weights) = (*side, products[0], weights.clone());
        let NodeKind::Op(Op::Dot(dot)) = &graph.node(first).kind else {
            return Err(BuildError::inconsistency(JOINED, "a product is none"));
        };
        let of_first = graph.operands(first);
        let Some(dimension) = along(graph, dot, &of_first, 1 - side) else {
            return Err(BuildError::inconsistency(JOINED, "a product has nothing to be joined along"));
        };
        let weights: Vec<Value> = weights.into_iter().map(|weight| self.made_once(graph, weight)).collect();
        let sizes: Vec<usize> = weights.iter().map(|&weight| self.ty(weight).shape[dimension]).collect();
        let all = self.push(Concatenate { dimension }, &weights)?[0];
        let mut both = operands.to_vec();
        both[1 - side] = all;
        let product = self.push(dot.clone(), &both)?[0];
        let place = place_in_result(graph, dot, &of_first, 1 - side);
        let mut first = 0;
        sizes
            .into_iter()
            .map(|size| {
                let mut slice = whole(self.ty(product));
                (slice.start[place], slice.limit[place]) = (first, first + size);
                first += size;
                Ok(self.push(slice, &[product])?[0])
            })
            .collect()
    }
}

/// Which input of a graph a value is.
fn input(graph: &Graph, value: Value) -> Option<usize> {
    graph.inputs().iter().position(|port| port.value == value)
}

/// All of a value.
fn whole(ty: &TensorType) -> Slice {
    Slice { start: vec![0; ty.rank()], limit: ty.shape.clone(), strides: vec![1; ty.rank()] }
}

/// Where the dimension that products are joined along stands in their result.
fn place_in_result(graph: &Graph, dot: &DotGeneral, operands: &[Value], side: usize) -> usize {
    let rank = |side: usize| graph.ty(operands[side]).rank();
    let lhs = free(rank(0), &dot.lhs_batching, &dot.lhs_contracting).len();
    let rhs = free(rank(1), &dot.rhs_batching, &dot.rhs_contracting).len();
    dot.lhs_batching.len() + lhs - 1 + if side == 1 { rhs } else { 0 }
}
