//! Batching rules: how each op carries one more dimension, the member dimension.
//!
//! One file per op family. A rule is called when at least one operand is mapped, and returns
//! where the member dimension lies in the results. Four helpers carry nearly every rule:
//! [`Batch::aligned`] (one member dimension for all operands), [`shift`] (renumber attributes past
//! it), [`settle`] (where it lies in the result) and [`Batch::at_front`]. Must not live here: the
//! walk over the graph ([`crate::walk`]), and anything that depends on more than one op.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

pub(crate) mod collective;
pub(crate) mod control;
pub(crate) mod convolution;
pub(crate) mod custom;
pub(crate) mod dot;
pub(crate) mod elementwise;
pub(crate) mod index;
pub(crate) mod linalg;
pub(crate) mod random;
pub(crate) mod reduce;
pub(crate) mod shape;
pub(crate) mod sort;
pub(crate) mod window;

use std::sync::Arc;

use choral_ir::op::{ControlOp, Gather, Iota};
use choral_ir::{BuildError, Builder, DType, Graph, Op, TensorType, TypeError, Value};

use crate::between::any_in;
use crate::views;

/// A value as the mapped function sees it: the same for every member, or one per member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The same for every member; carries no member dimension.
    Shared(Value),
    /// One per member, laid out along this dimension.
    Mapped(Value, usize),
}

use Lane::{Mapped, Shared};

impl Lane {
    pub(crate) fn value(self) -> Value {
        match self {
            Shared(value) | Mapped(value, _) => value,
        }
    }

    /// The member dimension, if there is one.
    pub(crate) fn dim(self) -> Option<usize> {
        match self {
            Shared(_) => None,
            Mapped(_, dim) => Some(dim),
        }
    }
}

/// What rules build with: the new graph, and the number of members.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) builder: Builder,
    pub(crate) size: usize,
    /// The name that ops between members know them by.
    pub(crate) axis: Arc<str>,
    /// The members' numbers, where they are a chunk of all.
    numbers: Option<Value>,
}

/// What a rule returns: one lane per result.
pub(crate) type Lanes = Result<Vec<Lane>, BuildError>;

impl Batch {
    /// An empty graph of this name, for so many members.
    pub(crate) fn new(name: &str, size: usize, axis: Arc<str>) -> Batch {
        Batch { builder: Builder::new(name), size, axis, numbers: None }
    }

    /// An empty graph for the same members: a region, which asks for no numbers ([`crate::numbers`]).
    pub(crate) fn within(&self, name: &str) -> Batch {
        Batch::new(name, self.size, Arc::clone(&self.axis))
    }

    /// Makes the members a chunk of all: their numbers become an input of the graph.
    pub(crate) fn number_members(&mut self) {
        let numbers = self.builder.input("number", TensorType::new([self.size], DType::I32));
        self.numbers = Some(numbers);
    }

    /// The number of each member along the axis, `i32`.
    pub(crate) fn member_numbers(&mut self) -> Result<Value, BuildError> {
        let counted = Iota { shape: vec![self.size], dtype: DType::I32, dimension: 0 };
        self.numbers.map_or_else(|| self.push(counted, &[]), Ok)
    }

    /// Adds an op and returns its first result.
    pub(crate) fn push(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Value, BuildError> {
        self.builder.push(op, operands)
    }

    /// Adds an op whose every result carries the member dimension at `dim`.
    pub(crate) fn mapped(&mut self, op: impl Into<Op>, operands: &[Value], dim: usize) -> Lanes {
        let results = self.builder.push_all(op, operands)?;
        Ok(results.into_iter().map(|value| Mapped(value, dim)).collect())
    }

    /// Type of a value of the new graph.
    pub(crate) fn ty(&self, value: Value) -> &TensorType {
        self.builder.graph().ty(value)
    }

    /// The value with the member dimension at `to`; a shared one is repeated.
    pub(crate) fn at(&mut self, lane: Lane, to: usize) -> Result<Value, BuildError> {
        match lane {
            Mapped(value, from) => views::move_dim(&mut self.builder, value, from, to),
            Shared(value) => {
                let mut shape = self.ty(value).shape.clone();
                let dims = shift(&(0..shape.len()).collect::<Vec<_>>(), to);
                shape.insert(to, self.size);
                views::stretch(&mut self.builder, value, &shape, &dims)
            }
        }
    }

    /// The value with the member dimension first.
    pub(crate) fn at_front(&mut self, lane: Lane) -> Result<Value, BuildError> {
        self.at(lane, 0)
    }

    /// For each member the slice of the member that `source` names, `[size, 1]`; members first.
    pub(crate) fn slices_of(&mut self, value: Value, source: Value) -> Result<Value, BuildError> {
        let mut slice_sizes = self.ty(value).shape.clone();
        slice_sizes[0] = 1;
        let op = Gather {
            offset_dims: (1..slice_sizes.len()).collect(),
            collapsed_slice_dims: vec![0],
            operand_batching_dims: Vec::new(),
            start_indices_batching_dims: Vec::new(),
            start_index_map: vec![0],
            index_vector_dim: 1,
            slice_sizes,
            indices_are_sorted: false,
        };
        self.push(op, &[value, source])
    }

    /// All values with the member dimension where the first mapped one has it.
    pub(crate) fn aligned(&mut self, lanes: &[Lane]) -> Result<(Vec<Value>, usize), BuildError> {
        let to = lanes.iter().find_map(|lane| lane.dim()).unwrap_or(0);
        let values: Result<Vec<Value>, BuildError> = lanes.iter().map(|&lane| self.at(lane, to)).collect();
        Ok((values?, to))
    }
}

/// Dimensions of a member, renumbered past a member dimension at `at`.
pub(crate) fn shift(dims: &[usize], at: usize) -> Vec<usize> {
    dims.iter().map(|&dim| dim + usize::from(dim >= at)).collect()
}

/// Where dimension `at` lies once `gone` are left out.
pub(crate) fn settle(at: usize, gone: &[usize]) -> usize {
    at - gone.iter().filter(|&&dim| dim < at).count()
}

/// The list with `entry` put in at `at`.
pub(crate) fn inserted<T: Clone>(list: &[T], at: usize, entry: T) -> Vec<T> {
    let mut list = list.to_vec();
    list.insert(at, entry);
    list
}

/// Refuses a body of scalars that is along the axis: it combines elements, and meets no members.
fn no_members_in_bodies(cx: &Batch, op: &Op, lanes: &[Lane]) -> Result<(), BuildError> {
    let has_regions_of_members = matches!(
        op,
        Op::Control(ControlOp::If(_) | ControlOp::Case(_) | ControlOp::While(_) | ControlOp::Scan(_))
    );
    let is_body_along = |body: &Graph| any_in(body, &|op| op.axes().contains(&cx.axis));
    if has_regions_of_members || !op.regions().into_iter().any(is_body_along) {
        return Ok(());
    }
    let message = format!(
        "its body combines elements, and cannot hold an op along the axis `{}`; compute outside of it what differs \
         between members",
        cx.axis
    );
    let operands: Vec<Value> = lanes.iter().map(|lane| lane.value()).collect();
    Err(cx.builder.refusal(op, &operands, TypeError { message, constraint: "axis" }))
}

/// The rule of an op's family.
pub(crate) fn batch(cx: &mut Batch, op: &Op, lanes: &[Lane]) -> Lanes {
    no_members_in_bodies(cx, op, lanes)?;
    match op {
        Op::Elementwise(op) => elementwise::batch(cx, op, lanes),
        Op::Shape(op) => shape::batch(cx, op, lanes),
        Op::Dot(op) => dot::batch(cx, op, lanes),
        Op::Convolution(op) => convolution::batch(cx, op, lanes),
        Op::Reduce(op) => reduce::batch(cx, op, lanes),
        Op::Window(op) => window::batch(cx, op, lanes),
        Op::Index(op) => index::batch(cx, op, lanes),
        Op::Sort(op) => sort::batch(cx, op, lanes),
        Op::Linalg(op) => linalg::batch(cx, op, lanes),
        Op::Control(op) => control::batch(cx, op, lanes),
        Op::Random(op) => random::batch(cx, op, lanes),
        Op::Collective(op) => collective::batch(cx, op, lanes),
        Op::Custom(op) => custom::batch(cx, op, lanes),
    }
}
