//! Which ops share a kernel.
//!
//! A group is a kernel of rows: elementwise ops over one shape, folds of it along the same dimensions, and what is
//! computed of these. A group grows by the ops that read it, as long as no op between would have to run
//! before one member and after another. Must not live here: what a kernel is made of ([`super::build`]).

use std::collections::{BTreeSet, HashMap};

use choral_ir::graph::Value;
use choral_ir::op::Elementwise;
use choral_ir::{Graph, NodeId, NodeKind, Op, TensorType};
use choral_kernels::Access;

use super::epilogue::Epilogue;
use super::order::Order;
use super::value::{Source, Sources};
use crate::lower::{dot, reduce};

/// The most ops of a group: registers of their values must fit the cache, and slots a number.
const MEMBERS: usize = 400;

/// Elements of groups that are made one kernel with others beside them, at most: of more, each is worth a kernel. And how
/// many others are looked at.
const SMALL: usize = 1 << 15;
const SIBLINGS: usize = 4;

/// What runs at once: a group, or an op by itself.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// Nodes in order.
    pub members: Vec<NodeId>,
    /// Of a group, what its members share.
    pub space: Option<Space>,
}

/// What the members of a group share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Space {
    /// The shape of whole values.
    pub shape: Vec<usize>,
    /// The dimensions that are folded away; empty without folds.
    pub folded: Vec<usize>,
}

/// Whether a member's value has an element for each place of the space, or for each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Rows,
}

impl Space {
    /// The shape of values of rows.
    pub(super) fn kept(&self) -> Vec<usize> {
        let kept = (0..self.shape.len()).filter(|dim| !self.folded.contains(dim));
        kept.map(|dim| self.shape[dim]).collect()
    }

    /// An access with a value's dimensions as one with all dimensions of the space.
    pub(super) fn widened(&self, access: &Access, extent: Extent) -> Access {
        if extent == Extent::Whole {
            return access.clone();
        }
        let mut kept = access.dims.iter();
        let dim = |dim: usize| match self.folded.contains(&dim) {
            true => (self.shape[dim], 0),
            false => kept.next().copied().unwrap_or((1, 0)),
        };
        Access { offset: access.offset, dims: (0..self.shape.len()).map(dim).collect() }
    }

    /// Whether an access reads a member's dense elements each at its own place of the space.
    fn is_in_place(&self, access: &Access, of: Extent, as_extent: Extent) -> bool {
        let own = match of {
            Extent::Whole => Access::dense(&self.shape),
            Extent::Rows => self.widened(&Access::dense(&self.kept()), Extent::Rows),
        };
        let read = self.widened(access, as_extent);
        let pairs = || read.dims.iter().zip(&own.dims);
        access.offset == 0
            && read.dims.len() == own.dims.len()
            && pairs().all(|(read, own)| read.0 == own.0 && (read.1 == own.1 || read.0 == 1))
    }
}

/// The units of a graph.
pub(super) struct Units<'a> {
    graph: &'a Graph,
    sources: &'a Sources,
    units: Vec<Unit>,
    /// The unit of each node that makes something, and what its value is there.
    of_nodes: Vec<Option<(usize, Extent)>>,
    /// The unit that each has become part of.
    merged: Vec<usize>,
    order: Order,
    /// How often each value is read by ops that make something, and as a result.
    uses: HashMap<Value, usize>,
}

impl<'a> Units<'a> {
    /// The units of a graph in the order that they run in, and the extent of every member.
    pub(super) fn of(graph: &'a Graph, sources: &'a Sources) -> (Vec<Unit>, Vec<Option<(usize, Extent)>>) {
        let mut units = Units {
            graph,
            sources,
            units: Vec::new(),
            of_nodes: vec![None; graph.len()],
            merged: Vec::new(),
            order: Order::default(),
            uses: sources.uses(graph),
        };
        for (id, node) in graph.nodes() {
            if let NodeKind::Op(op) = &node.kind
                && !node.types.is_empty()
                && !sources.is_elsewhere(id, node.types.len())
            {
                units.add(id, op);
            }
        }
        units.join_siblings();
        units.in_order()
    }

    /// Makes small groups over the same space one kernel, where neither has to run before the other.
    fn join_siblings(&mut self) {
        let mut last: HashMap<Vec<usize>, Vec<usize>> = HashMap::new();
        for unit in 0..self.units.len() {
            let Some(space) = self.units[unit].space.clone().filter(|_| self.merged[unit] == unit) else {
                continue;
            };
            if space.shape.iter().product::<usize>() > SMALL {
                continue;
            }
            let others = last.entry(space.shape.clone()).or_default();
            let joined = others.iter().rev().take(SIBLINGS).find_map(|&other| {
                let other_space = self.units[other].space.clone()?;
                Some((other, self.mergeable(unit, other, &other_space)?))
            });
            match joined {
                Some((other, space)) => {
                    self.merge(unit, other);
                    self.units[other].space = Some(space);
                }
                None => others.push(unit),
            }
        }
    }

    fn add(&mut self, id: NodeId, op: &Op) {
        let joined = kind(op, self.graph, id).and_then(|space| {
            let finished = self.finished(id).map(|unit| (unit, Extent::Whole));
            finished.or_else(|| self.join(id, &space))
        });
        let (unit, extent) = joined.unwrap_or_else(|| {
            let space = kind(op, self.graph, id);
            let extent = match &space {
                Some(space) if !space.folded.is_empty() => Extent::Rows,
                Some(_) | None => Extent::Whole,
            };
            self.units.push(Unit { members: Vec::new(), space });
            self.merged.push(self.merged.len());
            self.order.add();
            (self.units.len() - 1, extent)
        });
        self.reads(id).into_iter().for_each(|(read, ..)| self.order.read(unit, read));
        self.units[unit].members.push(id);
        self.of_nodes[id.index()] = Some((unit, extent));
    }

    /// The unit of a product that can do an op to its sums before it stores them: they are read by that op alone.
    fn finished(&self, id: NodeId) -> Option<usize> {
        self.graph.operands(id).into_iter().find_map(|operand| {
            let Source::Made(value, _) = self.sources.get(operand) else { return None };
            let (unit, _) = self.of_nodes[value.node().index()]?;
            let members = &self.units[self.now(unit)].members;
            let is_product = matches!(
                self.graph.node(*members.first()?).kind,
                NodeKind::Op(Op::Dot(_) | Op::Convolution(_))
            );
            let is_last = members.last() == Some(&value.node()) && self.uses.get(value) == Some(&1);
            let is_single = self.units[self.now(unit)].space.is_none();
            (is_product && is_last && is_single).then_some(())?;
            Epilogue::of(self.graph, self.sources, &[members.as_slice(), &[id]].concat())?;
            Some(self.now(unit))
        })
    }

    /// The unit that another one is part of now.
    fn now(&self, mut unit: usize) -> usize {
        while self.merged[unit] != unit {
            unit = self.merged[unit];
        }
        unit
    }

    /// The units that a node reads, what it reads of each, and how.
    fn reads(&self, id: NodeId) -> Vec<(usize, Extent, Access)> {
        // A product reads other places than the one where it computes.
        let is_product = matches!(&self.graph.node(id).kind, NodeKind::Op(Op::Dot(_)));
        let elsewhere = Access { offset: isize::MIN, dims: Vec::new() };
        let read = |operand| match self.sources.get(operand) {
            Source::Made(value, access) => {
                let (unit, extent) = self.of_nodes[value.node().index()]?;
                let access = if is_product { &elsewhere } else { access };
                Some((self.now(unit), extent, access.clone()))
            }
            Source::Splat(_) | Source::Counting(..) => None,
        };
        self.graph.operands(id).into_iter().filter_map(read).collect()
    }

    /// Joins a node to a group that it reads, or to several that become one; says to which, and what its value is
    /// there.
    fn join(&mut self, id: NodeId, wanted: &Space) -> Option<(usize, Extent)> {
        let reads = self.reads(id);
        let mut groups: Vec<usize> = reads.iter().map(|(unit, ..)| *unit).collect();
        groups.sort_unstable_by_key(|&unit| std::cmp::Reverse(self.last(unit)));
        groups.dedup();
        let home = groups.iter().copied().find_map(|unit| {
            let space = self.joined_space(unit, wanted)?;
            let extent = self.fitting(unit, &space, wanted, &reads)?;
            let others = || groups.iter().copied().filter(|&other| other != unit);
            (self.units[unit].members.len() < MEMBERS
                && others().all(|other| !self.order.depends(other, unit)))
            .then_some((unit, space, extent))
        });
        let (home, mut space, extent) = home?;
        for &other in groups.iter().filter(|&&other| other != home) {
            // What the node reads besides must not have to run between them.
            let is_free = || groups.iter().all(|&third| third == other || !self.order.depends(third, other));
            if let Some(joined) = self.mergeable(other, home, &space)
                && is_free()
                && self.fitting(other, &joined, wanted, &reads) == Some(extent)
            {
                self.merge(other, home);
                space = joined;
            }
        }
        self.units[home].space = Some(space);
        let value = if wanted.folded.is_empty() { extent } else { Extent::Rows };
        Some((home, value))
    }

    /// The space that a group would have with a node of this one.
    fn joined_space(&self, unit: usize, wanted: &Space) -> Option<Space> {
        let space = self.units[unit].space.as_ref()?;
        let shape = space.shape.clone();
        match (space.folded.is_empty(), wanted.folded.is_empty()) {
            (_, true) => Some(space.clone()),
            (true, false) => (shape == wanted.shape).then(|| Space { shape, folded: wanted.folded.clone() }),
            (false, false) => (space == wanted).then(|| space.clone()),
        }
    }

    /// How a node computes in a group, if it reads every member at the place where it computes.
    fn fitting(
        &self,
        unit: usize,
        space: &Space,
        wanted: &Space,
        reads: &[(usize, Extent, Access)],
    ) -> Option<Extent> {
        let of_unit = || reads.iter().filter(|(read, ..)| *read == unit);
        let fits = |extent: Extent| {
            let shape = if extent == Extent::Whole { space.shape.clone() } else { space.kept() };
            wanted.shape == shape
                && of_unit().all(|(_, of, access)| {
                    (extent == Extent::Whole || *of == Extent::Rows) && space.is_in_place(access, *of, extent)
                })
        };
        let may_be_rows = wanted.folded.is_empty() && !space.folded.is_empty();
        [Extent::Rows, Extent::Whole]
            .into_iter()
            .find(|&extent| (extent == Extent::Whole || may_be_rows) && fits(extent))
    }

    /// The space of two groups as one; `None` if they have different ones, or one has to run before the other.
    fn mergeable(&self, one: usize, other: usize, space: &Space) -> Option<Space> {
        let own = self.units[one].space.as_ref()?;
        let size = self.units[one].members.len() + self.units[other].members.len();
        let joined = match (own.folded.is_empty(), space.folded.is_empty()) {
            (true, _) => space,
            (false, true) => own,
            (false, false) => (own == space).then_some(own)?,
        };
        let fits = own.shape == space.shape && size < MEMBERS;
        (fits && !self.order.depends(one, other) && !self.order.depends(other, one)).then(|| joined.clone())
    }

    /// Makes a group part of another one.
    fn merge(&mut self, from: usize, into: usize) {
        let gone = std::mem::replace(&mut self.units[from], Unit { members: Vec::new(), space: None });
        self.merged[from] = into;
        self.order.merge(from, into);
        let kept = &mut self.units[into].members;
        kept.extend(gone.members);
        kept.sort_unstable();
    }

    fn last(&self, unit: usize) -> usize {
        self.units[unit].members.last().map_or(0, |id| id.index())
    }

    fn first(&self, unit: usize) -> usize {
        self.units[unit].members.first().map_or(0, |id| id.index())
    }

    /// The units in an order in which each comes after all that it reads; of those that could come next, the first by
    /// its first node.
    fn in_order(mut self) -> (Vec<Unit>, Vec<Option<(usize, Extent)>>) {
        let alive: Vec<usize> = (0..self.units.len()).filter(|&unit| self.merged[unit] == unit).collect();
        let mut waits: Vec<usize> = (0..self.units.len()).map(|unit| self.order.reads(unit).len()).collect();
        let mut ready: BTreeSet<(usize, usize)> =
            alive.iter().filter(|&&unit| waits[unit] == 0).map(|&unit| (self.first(unit), unit)).collect();
        let mut place = vec![0; self.units.len()];
        let mut ordered = Vec::with_capacity(alive.len());
        while let Some((_, unit)) = ready.pop_first() {
            place[unit] = ordered.len();
            ordered.push(self.units[unit].clone());
            for &reader in self.order.readers(unit) {
                waits[reader] -= 1;
                if waits[reader] == 0 {
                    ready.insert((self.first(reader), reader));
                }
            }
        }
        let of_nodes = std::mem::take(&mut self.of_nodes);
        let of_nodes =
            of_nodes.into_iter().map(|of| of.map(|(unit, extent)| (place[self.now(unit)], extent)));
        (ordered, of_nodes.collect())
    }
}

/// The space that a group would have of this node alone; `None` for what is no part of groups.
fn kind(op: &Op, graph: &Graph, id: NodeId) -> Option<Space> {
    let whole = |ty: &TensorType| Some(Space { shape: ty.shape.clone(), folded: Vec::new() });
    match op {
        Op::Elementwise(
            Elementwise::Unary(_)
            | Elementwise::Binary(_)
            | Elementwise::Compare(_)
            | Elementwise::Select
            | Elementwise::Clamp
            | Elementwise::Convert(_)
            | Elementwise::ReducePrecision(_),
        ) => whole(&graph.node(id).types[0]),
        Op::Reduce(op) => {
            reduce::fold(op.body.binary()?)?;
            let mut folded = op.dimensions.clone();
            folded.sort_unstable();
            let input = graph.ty(graph.operands(id)[0]);
            (!folded.is_empty()).then(|| Space { shape: input.shape.clone(), folded })
        }
        Op::Dot(op) if dot::is_tiny(op, graph, id) => whole(&graph.node(id).types[0]),
        Op::Shape(_)
        | Op::Dot(_)
        | Op::Convolution(_)
        | Op::Window(_)
        | Op::Index(_)
        | Op::Sort(_)
        | Op::Linalg(_)
        | Op::Control(_)
        | Op::Random(_)
        | Op::Collective(_)
        | Op::Custom(_) => None,
    }
}
