//! `vmap` in chunks: the same results in bounded memory.
//!
//! The graph is cut in two. What depends on no mapped value is computed once, outside; the rest is
//! the body of a `scan` over chunks, and once more for the members that fill no chunk.

use std::collections::HashSet;
use std::sync::Arc;

use choral_ir::op::{Concatenate, Scan, Slice};
use choral_ir::{BuildError, Graph, NodeId, NodeKind, TypeError, Value};

use crate::transform::between::needs_all;
use crate::transform::dependence;
use crate::transform::lane::Lane::{Mapped, Shared};
use crate::transform::lane::{Lane, MappedBuilder};
use crate::transform::rewrite::part;
use crate::transform::vmap::numbers;
use crate::transform::walk;

/// A graph cut where values begin to be mapped.
struct Cut {
    /// The shared part: inputs are the graph's shared ones, outputs the values at the cut.
    shared: Graph,
    /// The rest: inputs are the graph's mapped ones, then the values at the cut.
    mapped: Graph,
    /// Where each of the graph's outputs is.
    outputs: Vec<Source>,
}

/// An output of one of the two parts.
#[derive(Debug, Clone, Copy)]
enum Source {
    Shared(usize),
    Mapped(usize),
}

/// The graph's outputs over all members, `chunk` of them at a time.
pub(crate) fn outputs(
    cx: &mut MappedBuilder,
    graph: &Graph,
    inputs: &[Lane],
    chunk: usize,
) -> Result<Vec<Lane>, BuildError> {
    no_exchanges(graph, &cx.axis)?;
    let is_mapped = |lane: &&Lane| lane.dim().is_some();
    let Cut { shared, mapped, outputs } = cut(graph, inputs, &cx.axis)?;
    let of_shared: Vec<Lane> = inputs.iter().filter(|lane| lane.dim().is_none()).copied().collect();
    let at_cut = walk::outputs(cx, &shared, &of_shared)?;
    let at_cut: Vec<Value> = at_cut.iter().map(|lane| lane.value()).collect();
    let mut members = Vec::new();
    if numbers::is_asked_in(&mapped, &cx.axis) {
        members.push(cx.member_numbers()?);
    }
    for &lane in inputs.iter().filter(is_mapped) {
        members.push(cx.at_front(lane)?);
    }
    let results = in_chunks(cx, &mapped, &members, &at_cut, chunk)?;
    let lane = |source: &Source| match *source {
        Source::Shared(at) => Shared(at_cut[at]),
        Source::Mapped(at) => results[at],
    };
    Ok(outputs.iter().map(lane).collect())
}

/// Refuses a graph whose members exchange values: they all must be there at once.
fn no_exchanges(graph: &Graph, axis: &Arc<str>) -> Result<(), BuildError> {
    for (id, node) in graph.nodes() {
        let NodeKind::Op(op) = &node.kind else { continue };
        if needs_all(op, axis) {
            let message = format!(
                "members exchange values along {axis}, so they cannot run in chunks; remove chunk_size and memory_limit"
            );
            let describe = |value: Value| (graph.node(value.node()).name.clone(), graph.ty(value).clone());
            return Err(BuildError {
                op: op.name(),
                operands: graph.operands(id).into_iter().map(describe).collect(),
                cause: TypeError { message, constraint: "chunks" },
                location: node.location.clone(),
            });
        }
    }
    Ok(())
}

/// The mapped part over all members, whose values have them first. A result that does not differ
/// between members (such as a count of rounds) is taken from the first chunk.
fn in_chunks(
    cx: &mut MappedBuilder,
    part: &Graph,
    members: &[Value],
    at_cut: &[Value],
    chunk: usize,
) -> Result<Vec<Lane>, BuildError> {
    if part.outputs().is_empty() {
        return Ok(Vec::new());
    }
    let (whole, rest) = (cx.size / chunk, cx.size % chunk);
    let pieces = Pieces { part, members, at_cut, dims: dims(cx, part, members.len()) };
    let mut made = Vec::new();
    if whole > 0 {
        made.push(pieces.whole(cx, whole, chunk)?);
    }
    if rest > 0 || whole == 0 {
        made.push(pieces.rest(cx, whole * chunk)?);
    }
    let joined = |(at, dim): (usize, &Option<usize>)| {
        let parts: Vec<Value> = made.iter().map(|piece| piece[at]).collect();
        match (dim, parts.as_slice()) {
            (None, parts) => Ok(Shared(parts[0])),
            (Some(dim), [all]) => Ok(Mapped(*all, *dim)),
            (Some(dim), parts) => Ok(Mapped(cx.push(Concatenate { dimension: *dim }, parts)?, *dim)),
        }
    };
    pieces.dims.1.iter().enumerate().map(joined).collect()
}

/// The mapped part, and what it is run on piece by piece.
struct Pieces<'a> {
    part: &'a Graph,
    members: &'a [Value],
    at_cut: &'a [Value],
    dims: PartDims,
}

impl Pieces<'_> {
    /// The results for the first `count` chunks, by a scan over them.
    fn whole(&self, cx: &mut MappedBuilder, count: usize, chunk: usize) -> Result<Vec<Value>, BuildError> {
        let taken = self.members.iter().map(|&value| chunks(cx, value, count, chunk));
        let taken: Vec<Value> = taken.collect::<Result<_, _>>()?;
        let body = over(cx, self.part, &self.dims, chunk)?.into();
        let op =
            Scan { dimension: 0, is_reverse: false, length: count, inputs: taken.len(), carried: 0, body };
        let stacks = cx.builder.push_all(op, &[&taken, self.at_cut].concat())?;
        let together = stacks.iter().zip(&self.dims.1).map(|(&stack, dim)| match dim {
            Some(_) => together(cx, stack),
            None => first(cx, stack),
        });
        together.collect()
    }

    /// The results for the members from `start` on, which fill no chunk.
    fn rest(&self, cx: &mut MappedBuilder, start: usize) -> Result<Vec<Value>, BuildError> {
        let taken = self.members.iter().map(|&value| range(cx, value, start, cx.size));
        let taken: Vec<Value> = taken.collect::<Result<_, _>>()?;
        let body = over(cx, self.part, &self.dims, cx.size - start)?;
        cx.builder.inline(&body, &[&taken, self.at_cut].concat())
    }
}

/// Where inputs and results have the members.
type PartDims = (Vec<Option<usize>>, Vec<Option<usize>>);

/// Where the part's inputs and results have the members: first, or nowhere. `members` operands have
/// them, their numbers included.
fn dims(cx: &MappedBuilder, part: &Graph, members: usize) -> PartDims {
    let mapped = members - usize::from(numbers::is_asked_in(part, &cx.axis));
    let in_dims: Vec<Option<usize>> = (0..part.inputs().len()).map(|at| (at < mapped).then_some(0)).collect();
    let is_mapped: Vec<bool> = in_dims.iter().map(Option::is_some).collect();
    let outputs = dependence::of_outputs(part, &cx.axis);
    let out_dims = outputs.iter().map(|sources| sources.is_mapped(&is_mapped).then_some(0)).collect();
    (in_dims, out_dims)
}

/// The part over this many members; their numbers are its first input, if it asks for them.
fn over(
    cx: &MappedBuilder,
    part: &Graph,
    (in_dims, out_dims): &PartDims,
    size: usize,
) -> Result<Graph, BuildError> {
    let mut chunk = MappedBuilder::new(part.name(), size, Arc::clone(&cx.axis));
    if numbers::is_asked_in(part, &cx.axis) {
        chunk.number_members();
    }
    walk::filled(chunk, part, in_dims, out_dims)
}

/// The first `count * chunk` members, a chunk per row.
fn chunks(cx: &mut MappedBuilder, value: Value, count: usize, chunk: usize) -> Result<Value, BuildError> {
    let taken = range(cx, value, 0, count * chunk)?;
    let shape = [&[count, chunk], &cx.ty(taken).shape[1..]].concat();
    cx.builder.reshape(taken, shape)
}

/// The inverse of [`chunks`].
fn together(cx: &mut MappedBuilder, stack: Value) -> Result<Value, BuildError> {
    let shape = &cx.ty(stack).shape;
    let joined = [&[shape[0] * shape[1]], &shape[2..]].concat();
    cx.builder.reshape(stack, joined)
}

/// The first chunk's value, where all chunks agree.
fn first(cx: &mut MappedBuilder, stack: Value) -> Result<Value, BuildError> {
    let shape = cx.ty(stack).shape[1..].to_vec();
    let row = range(cx, stack, 0, 1)?;
    cx.builder.reshape(row, shape)
}

/// The members from `start` to before `end`.
fn range(cx: &mut MappedBuilder, value: Value, start: usize, end: usize) -> Result<Value, BuildError> {
    let shape = cx.ty(value).shape.clone();
    if (start, end) == (0, shape[0]) {
        return Ok(value);
    }
    let op = Slice {
        start: std::iter::once(start).chain(shape[1..].iter().map(|_| 0)).collect(),
        limit: std::iter::once(end).chain(shape[1..].iter().copied()).collect(),
        strides: vec![1; shape.len()],
    };
    cx.push(op, &[value])
}

fn cut(graph: &Graph, inputs: &[Lane], axis: &Arc<str>) -> Result<Cut, BuildError> {
    let mapped = mapped_nodes(graph, inputs, axis);
    let is_constant = |value: Value| matches!(graph.node(value.node()).kind, NodeKind::Constant(_));
    let mut at_cut: Vec<Value> = Vec::new();
    let crosses = |value: Value| !mapped.contains(&value.node()) && !is_constant(value);
    for (id, _) in graph.nodes().filter(|(id, _)| mapped.contains(id)) {
        at_cut.extend(graph.operands(id).into_iter().filter(|&value| crosses(value)));
    }
    let is_shared = |value: Value| !mapped.contains(&value.node());
    at_cut.extend(graph.outputs().iter().map(|port| port.value).filter(|&value| is_shared(value)));
    let mut seen = HashSet::new();
    at_cut.retain(|value| seen.insert(*value));
    let place = |value: Value| {
        let missing = || BuildError::inconsistency("chunks", "a shared value is missing at the cut");
        at_cut.iter().position(|&other| other == value).ok_or_else(missing)
    };
    let mapped_outputs: Vec<Value> =
        graph.outputs().iter().map(|port| port.value).filter(|&value| !is_shared(value)).collect();
    let mut count = 0;
    let outputs = graph.outputs().iter().map(|port| match is_shared(port.value) {
        true => Ok(Source::Shared(place(port.value)?)),
        false => {
            count += 1;
            Ok(Source::Mapped(count - 1))
        }
    });
    Ok(Cut {
        outputs: outputs.collect::<Result<_, BuildError>>()?,
        shared: part(graph, &[], |id| !mapped.contains(&id), &at_cut)?,
        mapped: part(
            graph,
            &at_cut,
            |id| mapped.contains(&id) || is_constant(id.result(0)),
            &mapped_outputs,
        )?,
    })
}

/// The nodes whose values differ between members.
fn mapped_nodes(graph: &Graph, inputs: &[Lane], axis: &Arc<str>) -> HashSet<NodeId> {
    let of_inputs = graph.inputs().iter().zip(inputs).filter(|(_, lane)| lane.dim().is_some());
    let mut mapped: HashSet<NodeId> = of_inputs.map(|(port, _)| port.value.node()).collect();
    for (id, node) in graph.nodes() {
        if numbers::is_asked_by(node, axis)
            || graph.operands(id).iter().any(|value| mapped.contains(&value.node()))
        {
            mapped.insert(id);
        }
    }
    mapped
}
