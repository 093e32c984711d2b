//! Collectives: which there are in a graph and its regions, and what they need.
//!
//! Must not live here: what becomes of them ([`crate::transform::rules::collective`]).
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use std::sync::Arc;

use choral_ir::op::CollectiveOp;
use choral_ir::{Graph, NodeKind, Op};

/// Whether an op, or one in its regions, is along this axis.
pub(crate) fn is_along(op: &Op, axis: &Arc<str>) -> bool {
    any_collective(op, &|op| op.axes().contains(axis))
}

/// Whether an op, or one in its regions, needs the values of all members along this axis.
pub(crate) fn needs_all(op: &Op, axis: &Arc<str>) -> bool {
    any_collective(op, &|op| exchanges(op) && op.axes().contains(axis))
}

/// Whether an op in the graph needs the values of all members along this axis.
pub(crate) fn is_exchanging(graph: &Graph, axis: &Arc<str>) -> bool {
    any_in(graph, &|op| exchanges(op) && op.axes().contains(axis))
}

/// Whether the op needs the values of other members.
pub(crate) fn exchanges(op: &CollectiveOp) -> bool {
    match op {
        CollectiveOp::AxisIndex(_) | CollectiveOp::MemberKey(_) => false,
        CollectiveOp::AllReduce(_)
        | CollectiveOp::AllGather(_)
        | CollectiveOp::Permute(_)
        | CollectiveOp::AllToAll(_) => true,
    }
}

/// Whether `holds` holds for a collective: this op, or one in its regions, or in the body of a user-defined one.
pub(crate) fn any_collective(op: &Op, holds: &dyn Fn(&CollectiveOp) -> bool) -> bool {
    matches!(op, Op::Collective(op) if holds(op))
        || matches!(op, Op::Custom(op) if op.op().body().is_some_and(|body| any_in(body, holds)))
        || op.regions().into_iter().any(|region| any_in(region, holds))
}

/// Whether `holds` holds for a collective in the graph, or in a region of it.
pub(crate) fn any_in(graph: &Graph, holds: &dyn Fn(&CollectiveOp) -> bool) -> bool {
    graph.nodes().any(|(_, node)| match &node.kind {
        NodeKind::Op(op) => any_collective(op, holds),
        NodeKind::Input | NodeKind::Constant(_) => false,
    })
}
