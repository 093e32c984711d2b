//! Folds as data: what a body that folds elements computes, computed once, when it is made or read.
//!
//! Passes and kernels match on a [`Fold`]; the body stands beside it as it was spelled, for text, JSON
//! and folds without a name. Must not live here: the making of bodies (`known.rs`), and of those
//! on wider accumulators (`accumulate.rs`).
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::graph::{Node, NodeKind, Value};
use crate::op::{Binary, Compare, ComparisonDirection, ComparisonType, Elementwise, ShapeOp};
use crate::{Graph, NodeId, Op};

/// What a fold computes of accumulators and elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fold {
    /// One accumulator, by one binary op: `op(accumulator, element)`.
    Binary(Binary),
    /// The extreme element and its place, as `argmax` and `argmin` find them ([`Graph::extreme`]).
    Extreme(Extreme),
    /// The element: what overwriting folds with ([`Graph::second`]).
    Second,
    /// Whatever the body says.
    Body,
}

/// The body of `reduce`, `reduce_window`, `scatter` and `select_and_scatter`, and the fold that it is.
///
/// In JSON it is its body.
///
/// ```
/// use choral_ir::{DType, Extreme, Fold, Graph, Reducer, op::Binary};
/// let sum = Reducer::from(Graph::reducer(Binary::Add, DType::Bf16)?);
/// assert_eq!(sum.fold(), Fold::Binary(Binary::Add));
/// assert!(sum.accumulates());
/// let argmax = Reducer::from(Graph::extreme(Extreme::Greatest, DType::F32, DType::I32)?);
/// assert_eq!(argmax.fold(), Fold::Extreme(Extreme::Greatest));
/// # Ok::<(), choral_ir::BuildError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Arc<Graph>", into = "Arc<Graph>")]
pub struct Reducer {
    fold: Fold,
    accumulates: bool,
    body: Arc<Graph>,
}

impl From<Arc<Graph>> for Reducer {
    fn from(body: Arc<Graph>) -> Reducer {
        Reducer { fold: fold(&body), accumulates: accumulates(&body), body }
    }
}

impl From<Graph> for Reducer {
    fn from(body: Graph) -> Reducer {
        Arc::new(body).into()
    }
}

impl From<Reducer> for Arc<Graph> {
    fn from(reducer: Reducer) -> Arc<Graph> {
        reducer.body
    }
}

impl Reducer {
    /// What it computes.
    pub const fn fold(&self) -> Fold {
        self.fold
    }

    /// The binary op, if it is one.
    pub const fn binary(&self) -> Option<Binary> {
        match self.fold {
            Fold::Binary(op) => Some(op),
            Fold::Extreme(_) | Fold::Second | Fold::Body => None,
        }
    }

    /// Whether it adds or multiplies 16-bit floats, and so accumulates in `f32`
    /// ([`Op::accumulating`]).
    pub const fn accumulates(&self) -> bool {
        self.accumulates
    }

    /// The body: `(accumulators.., elements..) -> accumulators..`.
    pub fn graph(&self) -> &Graph {
        &self.body
    }
}

/// What a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extreme {
    /// The greatest element: `argmax`.
    Greatest,
    /// The least element: `argmin`.
    Least,
}

/// An op of a body and the numbers of its operands: inputs first, then what earlier steps made.
pub(crate) type Step = (Elementwise, &'static [usize]);

impl Extreme {
    /// How a better element compares with the others.
    pub const fn order(self) -> Ordering {
        match self {
            Extreme::Greatest => Ordering::Greater,
            Extreme::Least => Ordering::Less,
        }
    }

    const fn direction(self) -> ComparisonDirection {
        match self {
            Extreme::Greatest => ComparisonDirection::Gt,
            Extreme::Least => ComparisonDirection::Lt,
        }
    }

    /// Number of inputs of the body: `(value, place, other, other_place)`.
    pub(crate) const INPUTS: usize = 4;
    /// The better value and its place, among inputs and what the steps make.
    pub(crate) const OUTPUTS: [usize; 2] = [11, 12];

    /// The body's ops in order: NaN comes before all, and of equal values the lower place.
    pub(crate) fn steps(self) -> [Step; 9] {
        use ComparisonDirection::{Eq, Lt, Ne};
        let compare =
            |direction| Elementwise::Compare(Compare { direction, compare_type: ComparisonType::Natural });
        let binary = Elementwise::Binary;
        [
            (compare(self.direction()), &[0, 2]), // 4: the value wins
            (compare(Ne), &[0, 0]),               // 5: it is NaN
            (binary(Binary::Or), &[4, 5]),        // 6: it stays
            (compare(Eq), &[0, 2]),               // 7: both are equal
            (compare(Lt), &[1, 3]),               // 8: its place is lower
            (binary(Binary::And), &[7, 8]),       // 9: it is the first of equals
            (binary(Binary::Or), &[6, 9]),        // 10: its place stays
            (Elementwise::Select, &[6, 0, 2]),    // 11: the value
            (Elementwise::Select, &[10, 1, 3]),   // 12: the place
        ]
    }
}

/// The fold that a body is.
fn fold(body: &Graph) -> Fold {
    let extreme =
        || [Extreme::Greatest, Extreme::Least].into_iter().find(|&extreme| is_extreme(body, extreme));
    match binary(body) {
        Some(op) => Fold::Binary(op),
        None if is_second(body) => Fold::Second,
        None => extreme().map_or(Fold::Body, Fold::Extreme),
    }
}

fn inputs(body: &Graph) -> Vec<Value> {
    body.inputs().iter().map(|port| port.value).collect()
}

fn outputs(body: &Graph) -> Vec<Value> {
    body.outputs().iter().map(|port| port.value).collect()
}

fn binary(body: &Graph) -> Option<Binary> {
    let (id, node) = body.nodes().next_back()?;
    let op = binary_of(node)?;
    let matches = body.len() == 3
        && body.inputs().len() == 2
        && body.operands(id) == inputs(body)
        && outputs(body) == [id.result(0)];
    matches.then_some(op)
}

fn binary_of(node: &Node) -> Option<Binary> {
    match &node.kind {
        NodeKind::Op(Op::Elementwise(Elementwise::Binary(op))) => Some(*op),
        NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => None,
    }
}

fn is_second(body: &Graph) -> bool {
    body.len() == 2 && matches!(body.inputs(), [_, second] if outputs(body) == [second.value])
}

fn is_extreme(body: &Graph, extreme: Extreme) -> bool {
    let steps = extreme.steps();
    let value = |at: usize| NodeId(at as u32).result(0);
    let is_step = |(at, (op, operands)): (usize, &Step)| {
        let id = NodeId((Extreme::INPUTS + at) as u32);
        let values: Vec<Value> = operands.iter().map(|&at| value(at)).collect();
        body.node(id).kind == NodeKind::Op(op.clone().into()) && body.operands(id) == values
    };
    body.len() == Extreme::INPUTS + steps.len()
        && inputs(body).into_iter().eq((0..Extreme::INPUTS).map(value))
        && steps.iter().enumerate().all(is_step)
        && outputs(body) == Extreme::OUTPUTS.map(value)
}

/// A part of the body of a fold that accumulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The input of this number.
    Input(usize),
    /// The fold of the input of this number with the one that it is paired with.
    Step(usize),
}

/// Whether a body just adds or multiplies 16-bit floats, so that it accumulates in a wider type.
///
/// Of 2N inputs, input i and the one N places on are an accumulator and its element, or the other way
/// round; the last N results must be one step of each pair, in order. What a scan hands out before them
/// may be a step or an input. Any of it may be transposed, reshaped and repeated on the way, which is
/// what `vmap` does to the body of a scan.
pub(crate) fn accumulates(body: &Graph) -> bool {
    let Some(before) = body.outputs().len().checked_sub(body.inputs().len() / 2) else { return false };
    if !body.nodes().any(|(_, node)| is_coarse(node)) {
        return false;
    }
    let parts = parts(body);
    let part = |value: Value| parts.get(value.node().index()).copied().flatten();
    let results = outputs(body);
    let (handed_out, folded) = results.split_at(before);
    folded.iter().enumerate().all(|(pair, &value)| part(value) == Some(Part::Step(pair)))
        && handed_out.iter().all(|&value| part(value).is_some())
}

/// Which part of a fold's body each node is; `None` for what is none.
pub(crate) fn parts(body: &Graph) -> Vec<Option<Part>> {
    let mut parts: Vec<Option<Part>> = Vec::with_capacity(body.len());
    for (id, node) in body.nodes() {
        let operands: Vec<Option<Part>> =
            body.operands(id).iter().map(|value| parts[value.node().index()]).collect();
        parts.push(match (&node.kind, operands.as_slice()) {
            (NodeKind::Input, _) => {
                body.inputs().iter().position(|port| port.value.node() == id).map(Part::Input)
            }
            (NodeKind::Op(Op::Shape(op)), &[part]) if moves(op) => part,
            (
                NodeKind::Op(Op::Elementwise(Elementwise::Binary(op))),
                &[Some(Part::Input(left)), Some(Part::Input(right))],
            ) if folds(*op) && 2 * left.abs_diff(right) == body.inputs().len() => {
                Some(Part::Step(left.min(right)))
            }
            (NodeKind::Op(_) | NodeKind::Constant(_), _) => None,
        });
    }
    parts
}

/// Whether what an op makes is its operand's elements, elsewhere.
fn moves(op: &ShapeOp) -> bool {
    matches!(op, ShapeOp::Transpose(_) | ShapeOp::Reshape(_) | ShapeOp::BroadcastInDim(_))
}

/// The steps of folds that are the same in any order, and so mean a sum, a product or an extreme.
fn folds(op: Binary) -> bool {
    [Binary::Add, Binary::Multiply, Binary::Maximum, Binary::Minimum].contains(&op)
}

/// Whether a step rounds often enough that its fold needs a wider accumulator.
fn is_coarse(node: &Node) -> bool {
    matches!(binary_of(node), Some(Binary::Add | Binary::Multiply))
        && node.types.iter().any(|ty| ty.dtype != ty.dtype.accumulator())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, TensorType};

    /// The fold of a `reduce` with this body of two scalars, and whether it accumulates.
    fn of_body(ty: &str, body: &str) -> (Fold, bool) {
        let text = format!(
            "func.func @main(%x: tensor<4x{ty}>, %init: tensor<{ty}>) -> tensor<{ty}> {{
               %y = stablehlo.reduce(%x init: %init) across dimensions = [0] : (tensor<4x{ty}>, tensor<{ty}>) -> tensor<{ty}>
                reducer(%a: tensor<{ty}>, %b: tensor<{ty}>) {{
                 {body}
               }}
               return %y : tensor<{ty}>
             }}"
        );
        let graph = Graph::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        let body = graph.nodes().find_map(|(_, node)| match &node.kind {
            NodeKind::Op(Op::Reduce(op)) => Some(op.body.clone()),
            NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => None,
        });
        body.map(|body| (body.fold(), body.accumulates())).expect("a reduce")
    }

    #[test]
    fn one_binary_op_by_any_hand() {
        let of_op = |ty: &str, op: &str, operands: &str| {
            of_body(
                ty,
                &format!("%c = stablehlo.{op} {operands} : tensor<{ty}> stablehlo.return %c : tensor<{ty}>"),
            )
        };
        assert_eq!(of_op("f32", "add", "%a, %b"), (Fold::Binary(Binary::Add), false));
        assert_eq!(of_op("i32", "subtract", "%a, %b"), (Fold::Binary(Binary::Subtract), false));
        assert_eq!(of_op("bf16", "multiply", "%a, %b"), (Fold::Binary(Binary::Multiply), true));
        assert_eq!(of_op("f16", "maximum", "%a, %b"), (Fold::Binary(Binary::Maximum), false));
        // The same sum, but no binary op of accumulator and element in that order.
        assert_eq!(of_op("f16", "add", "%b, %a"), (Fold::Body, true));
        assert_eq!(of_op("f16", "add", "%b, %b"), (Fold::Body, false));
    }

    #[test]
    fn the_second_of_two_and_not_the_first() {
        assert_eq!(of_body("f16", "stablehlo.return %b : tensor<f16>"), (Fold::Second, false));
        assert_eq!(of_body("f16", "stablehlo.return %a : tensor<f16>"), (Fold::Body, false));
    }

    #[test]
    fn extremes_of_any_types() {
        for (values, places) in
            [(DType::F32, DType::I32), (DType::Bf16, DType::I64), (DType::Ui8, DType::Ui8)]
        {
            for extreme in [Extreme::Greatest, Extreme::Least] {
                let body = Graph::extreme(extreme, values, places).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(Reducer::from(body.clone()).fold(), Fold::Extreme(extreme));
                // With the results exchanged it is another fold.
                let mut exchanged = body;
                exchanged.outputs.reverse();
                assert_eq!(Reducer::from(exchanged).fold(), Fold::Body);
            }
        }
    }

    #[test]
    fn in_json_it_is_its_body() {
        let body = Graph::reducer(Binary::Add, DType::Bf16).unwrap_or_else(|error| panic!("{error}"));
        let (graph, reducer) =
            (serde_json::to_value(&body), serde_json::to_value(Reducer::from(body.clone())));
        let (graph, reducer) = (graph.expect("JSON"), reducer.expect("JSON"));
        assert_eq!(graph, reducer);
        let read: Reducer = serde_json::from_value(reducer).expect("a reducer");
        assert_eq!((read.fold(), read.accumulates()), (Fold::Binary(Binary::Add), true));
        assert_eq!(read.graph().input_types(), vec![TensorType::scalar(DType::Bf16); 2]);
    }
}
