//! What `vmap` did to a graph, op by op: for people who want to know why.

use std::fmt;
use std::sync::Arc;

use choral_ir::graph::Node;
use choral_ir::{BuildError, Graph, NodeKind, Op, cost};

use crate::batch::Axis;
use crate::error::Error;
use crate::rules::control::{self, OverMembers};
use crate::rules::{Batch, Lane};
use crate::{numbers, walk};

/// What became of a graph's ops under `vmap`; made by [`Vmap::explain`](crate::vmap::Vmap::explain), and printed as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What the member dimension is called.
    pub axis: Arc<str>,
    /// Number of members.
    pub members: usize,
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
    /// What became of the ops in its branches, its condition and its body; empty if all members share
    /// the op.
    pub regions: Vec<ExplainedRegion>,
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

/// What mapping `graph` along `in_dims` of its inputs does; `mapped` is the outcome, which may come in
/// chunks.
///
/// # Errors
/// As [`batch_graph`](crate::batch::batch_graph).
pub fn explain(
    graph: &Graph,
    in_dims: &[Option<usize>],
    axis: &Axis,
    mapped: &Graph,
) -> Result<Explanation, Error> {
    let single = Cost::of(graph);
    let graph = &*numbers::out_of_regions(graph, &axis.name)?;
    let cx = Batch::new(graph.name(), axis.size, Arc::clone(&axis.name));
    let (ops, _) = walked(cx, graph, in_dims)?;
    Ok(Explanation {
        axis: Arc::clone(&axis.name),
        members: axis.size,
        ops,
        single,
        mapped: Cost::of(mapped),
    })
}

/// A row for each op of the graph over all members, and where its outputs have them.
fn walked(
    mut cx: Batch,
    graph: &Graph,
    in_dims: &[Option<usize>],
) -> Result<(Vec<Explained>, Vec<Option<usize>>), BuildError> {
    let inputs = walk::inputs(&mut cx, graph, in_dims);
    let lanes = walk::lanes(&mut cx, graph, &inputs)?;
    let mut rows = Vec::new();
    for (id, node) in graph.nodes() {
        let NodeKind::Op(op) = &node.kind else { continue };
        let operands: Vec<Lane> = graph.operands(id).iter().map(|value| lanes[value]).collect();
        rows.push(Explained {
            name: node.name.clone(),
            op: op.name(),
            operands: operands.iter().map(|lane| lane.dim()).collect(),
            results: (0..node.types.len()).map(|result| lanes[&id.result(result)].dim()).collect(),
            regions: regions(&cx, op, &operands)?,
        });
    }
    Ok((rows, graph.outputs().iter().map(|port| lanes[&port.value].dim()).collect()))
}

/// What becomes of the branches and loops of an op that is given such operands.
fn regions(cx: &Batch, op: &Op, operands: &[Lane]) -> Result<Vec<ExplainedRegion>, BuildError> {
    let is_shared = operands.iter().all(|lane| lane.dim().is_none());
    match op {
        Op::Control(op) if !is_shared => control::regions(cx, op, operands)?
            .into_iter()
            .map(|region| explained_region(cx, region))
            .collect(),
        _ => Ok(Vec::new()),
    }
}

fn explained_region(cx: &Batch, code: OverMembers<'_>) -> Result<ExplainedRegion, BuildError> {
    let OverMembers { name, region, in_dims } = code;
    let (ops, outputs) = walked(cx.within(region.name()), region, &in_dims)?;
    Ok(ExplainedRegion { name, inputs: in_dims, outputs, ops })
}

/// A line of the table: what it is about, operands, results.
type Line = [String; 3];

fn lines(ops: &[Explained], axis: &str, depth: usize) -> Vec<Line> {
    let indent = "  ".repeat(depth);
    let line = |title: String, operands: &[_], results: &[_]| {
        let once = if results.iter().all(Option::is_none) { "  once for all" } else { "" };
        [format!("{indent}{title}"), spell(axis, operands), format!("{}{once}", spell(axis, results))]
    };
    let mut lines = Vec::new();
    for Explained { name, op, operands, results, regions } in ops {
        lines.push(line(format!("%{name} {op}"), operands, results));
        for ExplainedRegion { name, inputs, outputs, ops } in regions {
            lines.push(line(format!("  {name}"), inputs, outputs));
            lines.extend(self::lines(ops, axis, depth + 2));
        }
    }
    lines
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { axis, members, ops, single, mapped } = self;
        writeln!(f, "{members} members along {axis}@dim; - is shared by all of them")?;
        let lines = lines(ops, axis, 1);
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
        let (left, middle) = (width(0), width(1));
        for [title, operands, results] in &lines {
            writeln!(f, "{title:left$}  {operands:middle$} -> {results}")?;
        }
        let line = |f: &mut fmt::Formatter<'_>, what: &str, one: u64, all: u64| {
            let alone = one.saturating_mul(*members as u64);
            writeln!(f, "{what:>22} {one:>12} {alone:>12} {all:>12}")
        };
        writeln!(f, "{:>22} {:>12} {:>12} {:>12}", "", "one member", "each alone", "together")?;
        line(f, "ops", single.ops as u64, mapped.ops as u64)?;
        line(f, "multiply-adds", single.multiply_adds, mapped.multiply_adds)?;
        line(f, "arithmetic operations", single.flops, mapped.flops)?;
        line(f, "bytes alive at once", single.bytes, mapped.bytes)
    }
}

/// `members@0, -`.
fn spell(axis: &str, dims: &[Option<usize>]) -> String {
    let dim = |dim: &Option<usize>| dim.map_or_else(|| "-".to_owned(), |dim| format!("{axis}@{dim}"));
    dims.iter().map(dim).collect::<Vec<_>>().join(", ")
}
