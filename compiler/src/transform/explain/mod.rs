//! What `vmap` did to a graph, op by op: for people who want to know why.
//!
//! Lives here: what is reported; `table.rs` prints it.

mod table;

use std::sync::Arc;

use choral_ir::graph::Node;
use choral_ir::{BuildError, Graph, NodeId, NodeKind, Op, cost, interpret};

use crate::transform::lane::{Lane, MappedBuilder};
use crate::transform::rules::control::{self, OverMembers};
use crate::transform::vmap::VmapError;
use crate::transform::vmap::numbers;
use crate::transform::vmap::{Chunks, VmapOptions, members_at_a_time, vmap_graph};
use crate::transform::walk;

/// What became of a graph's ops under `vmap`; it prints as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The name of the member axis.
    pub axis: Arc<str>,
    /// Number of members.
    pub members: usize,
    /// Number of members at a time; `None` if all at once.
    pub chunk: Option<usize>,
    /// One row for each op, in order.
    pub ops: Vec<Explained>,
    /// The program of one member.
    pub single: Cost,
    /// The program of all members.
    pub mapped: Cost,
}

/// What became of one op.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Name of the value that it makes.
    pub name: String,
    /// Name of the op.
    pub op: &'static str,
    /// The member dimension of each operand; `None` for what all members share.
    pub operands: Vec<Option<usize>>,
    /// The member dimension of each result. All `None`: computed once for all members.
    pub results: Vec<Option<usize>>,
    /// What it does for one member.
    pub single: Work,
    /// What is done in its place for all members, moved and repeated operands included; less once the
    /// graph is cleaned up.
    pub mapped: Work,
    /// What became of the ops in its branches, its condition and its body; empty if all members share
    /// the op.
    pub regions: Vec<ExplainedRegion>,
}

/// What ops do; those in loops once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Number of ops.
    pub ops: usize,
    /// Products that are added up ([`cost::multiply_adds`]).
    pub multiply_adds: u64,
    /// Bytes of the values that are made.
    pub bytes: u64,
}

impl Work {
    /// Of these nodes of a graph.
    fn of(graph: &Graph, nodes: impl Iterator<Item = NodeId>) -> Work {
        nodes.fold(Work::default(), |work, id| Work {
            ops: work.ops + usize::from(matches!(graph.node(id).kind, NodeKind::Op(_))),
            multiply_adds: work.multiply_adds.saturating_add(cost::multiply_adds_of(graph, id)),
            bytes: work.bytes.saturating_add(cost::bytes_of(graph, id)),
        })
    }
}

/// What became of a branch, a condition or a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedRegion {
    /// What it is called.
    pub name: String,
    /// The member dimension of each input.
    pub inputs: Vec<Option<usize>>,
    /// The member dimension of each output: of a condition, `None` if all members run as long, and
    /// their dimension if each ends for itself.
    pub outputs: Vec<Option<usize>>,
    /// One row for each op, in order.
    pub ops: Vec<Explained>,
}

/// What a program costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Number of ops, those in branches and loops among them.
    pub ops: usize,
    /// Products that are added up ([`cost::multiply_adds`]).
    pub multiply_adds: u64,
    /// Arithmetic operations, those among them ([`cost::flops`]).
    pub flops: u64,
    /// Bytes that are alive at once ([`cost::peak_bytes`]).
    pub bytes: u64,
}

impl Cost {
    fn of(graph: &Graph) -> Cost {
        Cost {
            ops: ops(graph),
            multiply_adds: cost::multiply_adds(graph),
            flops: cost::flops(graph),
            bytes: cost::peak_bytes(graph),
        }
    }
}

fn ops(graph: &Graph) -> usize {
    let of_node = |node: &Node| match &node.kind {
        NodeKind::Input | NodeKind::Constant(_) => 0,
        NodeKind::Op(Op::Control(op)) => 1 + op.regions().into_iter().map(ops).sum::<usize>(),
        NodeKind::Op(_) => 1,
    };
    graph.nodes().map(|(_, node)| of_node(node)).sum()
}

/// What mapping a graph does.
///
/// # Errors
/// As [`vmap_graph`].
pub fn explain(graph: &Graph, options: &VmapOptions) -> Result<Explanation, VmapError> {
    let VmapOptions { axis, in_dims, .. } = options;
    let chunk = members_at_a_time(graph, options)?;
    let chunks = Chunks { size: chunk, memory_limit: None };
    let mapped = Cost::of(&vmap_graph(graph, &VmapOptions { chunks, ..options.clone() })?);
    let single = Cost::of(graph);
    let graph = &*numbers::out_of_regions(graph, &axis.name)?;
    let cx = MappedBuilder::new(graph.name(), axis.size, Arc::clone(&axis.name));
    let (ops, _) = walked(cx, graph, in_dims)?;
    Ok(Explanation { axis: Arc::clone(&axis.name), members: axis.size, chunk, ops, single, mapped })
}

/// A row for each op of the graph over all members, and where its outputs have them.
fn walked(
    mut cx: MappedBuilder,
    graph: &Graph,
    in_dims: &[Option<usize>],
) -> Result<(Vec<Explained>, Vec<Option<usize>>), BuildError> {
    let inputs = walk::inputs(&mut cx, graph, in_dims);
    let mut rows = Vec::new();
    let outputs = interpret(graph, inputs, |id, node, operands| {
        let before = cx.builder.graph().len();
        let results = walk::step(&mut cx, node, &operands)?;
        if let NodeKind::Op(op) = &node.kind {
            let added = cx.builder.graph().nodes().map(|(id, _)| id).skip(before);
            rows.push(Explained {
                name: node.name.clone(),
                op: op.name(),
                operands: operands.iter().map(|lane| lane.dim()).collect(),
                results: results.iter().map(|lane| lane.dim()).collect(),
                single: Work::of(graph, std::iter::once(id)),
                mapped: Work::of(cx.builder.graph(), added),
                regions: regions(&cx, op, &operands)?,
            });
        }
        Ok::<_, BuildError>(results)
    })?;
    Ok((rows, outputs.into_iter().map(Lane::dim).collect()))
}

/// What becomes of the branches and loops of an op that is given such operands.
fn regions(cx: &MappedBuilder, op: &Op, operands: &[Lane]) -> Result<Vec<ExplainedRegion>, BuildError> {
    let is_shared = operands.iter().all(|lane| lane.dim().is_none());
    match op {
        Op::Control(op) if !is_shared => control::regions(cx, op, operands)
            .into_iter()
            .map(|region| explained_region(cx, region))
            .collect(),
        _ => Ok(Vec::new()),
    }
}

fn explained_region(cx: &MappedBuilder, code: OverMembers<'_>) -> Result<ExplainedRegion, BuildError> {
    let OverMembers { name, region, in_dims } = code;
    let (ops, outputs) = walked(cx.within(region.name()), region, &in_dims)?;
    Ok(ExplainedRegion { name, inputs: in_dims, outputs, ops })
}
