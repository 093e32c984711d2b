//! Maxima that are smooth: parts of `max(a, b) + log(1 + e^-|a - b|)`, which is how `logaddexp`, and `softplus` of it,
//! are written without overflow.
//!
//! Where `a` equals `b`, the kink of the maximum and that of the distance make up for each other, so that both have half
//! of the slope there, also beside zero, where a rectifier is flat. Must not live here: slopes
//! ([`crate::transform::rules`]).

use std::collections::HashSet;

use choral_ir::op::{Binary, Elementwise, Unary};
use choral_ir::{Graph, NodeId, NodeKind, Op, Value};

use crate::transform::dual::is_zero;

/// The maxima of a graph of whose operands there is the distance, too.
pub(super) fn maxima(graph: &Graph) -> HashSet<NodeId> {
    let of = |wanted: Elementwise| {
        let is_wanted =
            move |kind: &NodeKind| matches!(kind, NodeKind::Op(Op::Elementwise(op)) if *op == wanted);
        graph.nodes().filter(move |(_, node)| is_wanted(&node.kind)).map(|(id, _)| id)
    };
    // A value, or zero, which programs make anew wherever they need it.
    let term = |value: Value| (!is_zero(graph, value)).then_some(value);
    let terms = |id: NodeId| graph.operands(id).into_iter().map(term).collect::<Vec<_>>();
    let sizes: HashSet<Value> = of(Elementwise::Unary(Unary::Abs)).map(|id| graph.operands(id)[0]).collect();
    let mut distances: HashSet<Vec<Option<Value>>> =
        sizes.iter().map(|&size| vec![Some(size), None]).collect();
    let differences = of(Elementwise::Binary(Binary::Subtract)).filter(|id| sizes.contains(&id.result(0)));
    distances.extend(differences.map(terms));
    let is_smooth = |id: &NodeId| {
        let mut operands = terms(*id);
        let found = distances.contains(&operands);
        operands.reverse();
        found || distances.contains(&operands)
    };
    of(Elementwise::Binary(Binary::Maximum)).filter(is_smooth).collect()
}
