//! What builds the mapped graph: values with their member dimension, and a builder that puts it
//! where a rule needs it.
//!
//! Four helpers carry nearly every rule: [`MappedBuilder::aligned`] (one member dimension for all
//! operands), [`shift`] (renumber attributes past it), [`settle`] (where it lies in the result) and
//! [`MappedBuilder::at_front`]. Must not live here: what ops do with the dimension
//! ([`crate::transform::rules`]).

use std::sync::Arc;

use choral_ir::op::{Gather, Iota};
use choral_ir::{BuildError, Builder, DType, Op, TensorType, Value};

use crate::transform::views;

/// A value as the mapped function sees it: shared, or one per member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Shared: the same for every member; no member dimension.
    Shared(Value),
    /// Mapped: one per member, along this dimension.
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
pub(crate) struct MappedBuilder {
    pub(crate) builder: Builder,
    pub(crate) size: usize,
    /// The axis name that collectives use.
    pub(crate) axis: Arc<str>,
    /// The member numbers, if the members are a chunk of all.
    numbers: Option<Value>,
}

impl MappedBuilder {
    /// An empty graph of this name, for this many members.
    pub(crate) fn new(name: &str, size: usize, axis: Arc<str>) -> MappedBuilder {
        MappedBuilder { builder: Builder::new(name), size, axis, numbers: None }
    }

    /// An empty graph for the same members: a region, which asks for no numbers ([`crate::transform::vmap::numbers`]).
    pub(crate) fn within(&self, name: &str) -> MappedBuilder {
        MappedBuilder::new(name, self.size, Arc::clone(&self.axis))
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
    pub(crate) fn mapped(
        &mut self,
        op: impl Into<Op>,
        operands: &[Value],
        dim: usize,
    ) -> Result<Vec<Lane>, BuildError> {
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
