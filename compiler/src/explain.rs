//! What `vmap` did to a graph, op by op: for people who want to know why.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use choral_ir::{Graph, NodeKind, Value, cost};

use crate::batch::Axis;
use crate::error::Error;
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
}

/// What a program costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Number of ops.
    pub ops: usize,
    /// Arithmetic operations ([`cost::flops`]).
    pub flops: u64,
    /// Bytes that are alive at once ([`cost::peak_bytes`]).
    pub bytes: u64,
}

impl Cost {
    fn of(graph: &Graph) -> Cost {
        let ops = graph.nodes().filter(|(_, node)| matches!(node.kind, NodeKind::Op(_))).count();
        Cost { ops, flops: cost::flops(graph), bytes: cost::peak_bytes(graph) }
    }
}

/// What mapping `graph` along `in_dims` of its inputs does; `mapped` is the outcome.
pub(crate) fn explained(
    graph: &Graph,
    in_dims: &[Option<usize>],
    axis: &Axis,
    mapped: &Graph,
) -> Result<Explanation, Error> {
    let single = Cost::of(graph);
    let graph = &*numbers::out_of_regions(graph, &axis.name)?;
    let mut cx = Batch::new(graph.name(), axis.size, Arc::clone(&axis.name));
    let inputs = walk::inputs(&mut cx, graph, in_dims);
    let lanes = walk::lanes(&mut cx, graph, &inputs)?;
    Ok(Explanation {
        axis: Arc::clone(&axis.name),
        members: axis.size,
        ops: rows(graph, &lanes),
        single,
        mapped: Cost::of(mapped),
    })
}

fn rows(graph: &Graph, lanes: &HashMap<Value, Lane>) -> Vec<Explained> {
    let dims = |values: Vec<Value>| values.iter().map(|value| lanes.get(value)?.dim()).collect();
    let row = |(id, node): (choral_ir::NodeId, &choral_ir::graph::Node)| match &node.kind {
        NodeKind::Input | NodeKind::Constant(_) => None,
        NodeKind::Op(op) => Some(Explained {
            name: node.name.clone(),
            op: op.name(),
            operands: dims(graph.operands(id)),
            results: dims((0..node.types.len()).map(|result| id.result(result)).collect()),
        }),
    };
    graph.nodes().filter_map(row).collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { axis, members, ops, single, mapped } = self;
        writeln!(f, "{members} members along {axis}@dim; - is shared by all of them")?;
        let title = |op: &Explained| format!("%{} {}", op.name, op.op);
        let operands = |op: &Explained| spell(axis, &op.operands);
        let width = |of: &dyn Fn(&Explained) -> String| ops.iter().map(|op| of(op).len()).max().unwrap_or(0);
        let (left, middle) = (width(&title), width(&operands));
        for op in ops {
            let once = if op.results.iter().all(Option::is_none) { "  once for all" } else { "" };
            let (title, operands, results) = (title(op), operands(op), spell(axis, &op.results));
            writeln!(f, "  {title:left$}  {operands:middle$} -> {results}{once}")?;
        }
        let line = |f: &mut fmt::Formatter<'_>, what: &str, one: u64, all: u64| {
            let alone = one.saturating_mul(*members as u64);
            writeln!(f, "{what:>22} {one:>12} {alone:>12} {all:>12}")
        };
        writeln!(f, "{:>22} {:>12} {:>12} {:>12}", "", "one member", "each alone", "together")?;
        line(f, "ops", single.ops as u64, mapped.ops as u64)?;
        line(f, "arithmetic operations", single.flops, mapped.flops)?;
        line(f, "bytes alive at once", single.bytes, mapped.bytes)
    }
}

/// `members@0, -`.
fn spell(axis: &str, dims: &[Option<usize>]) -> String {
    let dim = |dim: &Option<usize>| dim.map_or_else(|| "-".to_owned(), |dim| format!("{axis}@{dim}"));
    dims.iter().map(dim).collect::<Vec<_>>().join(", ")
}
