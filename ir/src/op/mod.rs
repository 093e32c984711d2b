//! The op set: what can stand in a graph, and the type rule of each.
//!
//! One file per family; each holds its ops' attributes, their documentation with the constraint
//! labels of the StableHLO specification, their type rule `infer`, and `follow`, which says where
//! a dimension of an operand lies in the results. An op is added by adding a variant: the
//! compiler then names every rule that it lacks. Must not live here: transforms and evaluation.
//!
//! The same file names stand in the compiler's rules and in the runtime's ops. The whole static
//! StableHLO set falls into these families:
//!
//! | family | ops |
//! |---|---|
//! | [`elementwise`] | one result element from the operands' elements at the same place |
//! | [`shape`] | moving, repeating, selecting by place: iota, broadcast, reshape, transpose, reverse, slice, pad, concatenate |
//! | [`dot`] | contractions |
//! | [`convolution`] | sliding contractions |
//! | [`reduce`] | folding dimensions away |
//! | [`window`] | folding sliding windows; selecting in them and scattering back |
//! | [`index`] | places that are values: gather, scatter, dynamic slices |
//! | [`sort`] | sorting by a comparator, top-k |
//! | [`collective`] | sums, exchanges and draws of members, inside mapped functions |
//! | [`control`] | if, case, while, scan, map |
//! | [`random`] | counter-based bits inside programs |
//! | [`linalg`] | factorisations, triangular solves |
//! | [`custom`] | user-defined ops |
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

pub mod collective;
pub mod control;
pub mod convolution;
pub mod custom;
pub mod dot;
pub mod elementwise;
pub mod index;
pub mod linalg;
pub mod random;
pub mod reduce;
pub mod shape;
pub mod sort;
pub mod window;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use collective::{
    AllGather, AllReduce, AllToAll, AxisIndex, CollectiveOp, MemberKey, Permute, Randomness, Reduction,
};
pub use control::{Case, ControlOp, If, Map, Scan, While};
pub use convolution::{BatchingDim, Convolution, Layout};
pub use custom::{Custom, CustomOp, Transposed};
pub use dot::DotGeneral;
pub use elementwise::{
    Binary, Compare, ComparisonDirection, ComparisonType, Elementwise, ReducePrecision, Unary,
};
pub use index::{DynamicSlice, DynamicUpdateSlice, Gather, IndexOp, Scatter};
pub use linalg::{Cholesky, LinalgOp, TriangularSolve};
pub use random::{RngAlgorithm, RngBitGenerator};
pub use reduce::Reduce;
pub use shape::{
    BitcastConvert, BroadcastInDim, Concatenate, Iota, Pad, Reshape, Reverse, ShapeOp, Slice, Transpose,
};
pub use sort::{Sort, SortOp, TopK};
pub use window::{ReduceWindow, SelectAndScatter, WindowOp};

use crate::{Graph, Reducer, TensorType};

/// One operation of a graph, by family.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    /// One result element from the operands' elements at the same place.
    Elementwise(Elementwise),
    /// Moving, repeating and selecting elements by place alone.
    Shape(ShapeOp),
    /// Contractions.
    Dot(DotGeneral),
    /// Sliding contractions.
    Convolution(Box<Convolution>),
    /// Folding dimensions away.
    Reduce(Reduce),
    /// Folding sliding windows.
    Window(WindowOp),
    /// Indexing by values.
    Index(IndexOp),
    /// Ordering elements.
    Sort(SortOp),
    /// Factorisations and solves.
    Linalg(LinalgOp),
    /// Branches and loops.
    Control(ControlOp),
    /// Random bits.
    Random(RngBitGenerator),
    /// Between members.
    Collective(CollectiveOp),
    /// User-defined.
    Custom(Custom),
}

macro_rules! from_families {
    ($($Family:ident $Variant:ident),*) => {$(
        impl From<$Family> for Op {
            fn from(op: $Family) -> Op { Op::$Variant(op) }
        }
    )*};
}
from_families!(ShapeOp Shape, WindowOp Window, IndexOp Index, SortOp Sort, LinalgOp Linalg, CollectiveOp Collective);

/// Why operands do not fit an op: a sentence that names operands and shapes, and the constraint's
/// label in the StableHLO specification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({constraint})")]
pub struct TypeError {
    /// What was expected and what was got.
    pub message: String,
    /// Label of the violated constraint in the op's documentation.
    pub constraint: &'static str,
}

/// Fails with a [`TypeError`] unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $constraint:literal, $($message:tt)*) => {
        if !$condition {
            return Err($crate::op::TypeError { message: format!($($message)*), constraint: $constraint });
        }
    };
}
pub(crate) use ensure;

/// The error that a size of a result is more than 64 bits can count.
pub(crate) fn overflow(what: impl fmt::Display) -> TypeError {
    TypeError { message: format!("{what} is too large for 64 bits"), constraint: "size" }
}

impl Op {
    /// The name in StableHLO text, with its dialect.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Elementwise(op) => op.name(),
            Op::Shape(op) => op.name(),
            Op::Dot(_) => "stablehlo.dot_general",
            Op::Convolution(op) => op.name(),
            Op::Reduce(_) => "stablehlo.reduce",
            Op::Window(op) => op.name(),
            Op::Index(op) => op.name(),
            Op::Sort(op) => op.name(),
            Op::Linalg(op) => op.name(),
            Op::Control(op) => op.name(),
            Op::Random(op) => op.name(),
            Op::Collective(op) => op.name(),
            Op::Custom(op) => op.op().name(),
        }
    }

    /// The name without its dialect, as values are named after their op.
    pub fn short_name(&self) -> &'static str {
        match self {
            Op::Dot(_) => "dot",
            Op::Convolution(_) => "conv",
            other @ (Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Reduce(_)
            | Op::Window(_)
            | Op::Index(_)
            | Op::Sort(_)
            | Op::Linalg(_)
            | Op::Control(_)
            | Op::Random(_)
            | Op::Collective(_)
            | Op::Custom(_)) => other.name().rsplit('.').next().unwrap_or_default(),
        }
    }

    /// The graphs that the op holds; they capture nothing.
    pub fn regions(&self) -> Vec<&Graph> {
        match self {
            Op::Reduce(op) => vec![op.body.graph()],
            Op::Window(WindowOp::ReduceWindow(op)) => vec![op.body.graph()],
            Op::Window(WindowOp::SelectAndScatter(op)) => vec![op.select.graph(), op.scatter.graph()],
            Op::Index(IndexOp::Scatter(op)) => vec![op.body.graph()],
            Op::Sort(SortOp::Sort(op)) => vec![op.comparator.graph()],
            Op::Control(op) => op.regions(),
            Op::Index(IndexOp::Gather(_) | IndexOp::DynamicSlice(_) | IndexOp::DynamicUpdateSlice(_))
            | Op::Sort(SortOp::TopK(_))
            | Op::Linalg(_)
            | Op::Random(_)
            | Op::Collective(_)
            | Op::Custom(_)
            | Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Dot(_)
            | Op::Convolution(_) => Vec::new(),
        }
    }

    /// The op with every region replaced by what `replace` makes of it.
    ///
    /// # Errors
    /// Those of `replace`.
    pub fn map_regions<E>(&self, mut replace: impl FnMut(&Graph) -> Result<Graph, E>) -> Result<Op, E> {
        let mut op = self.clone();
        let mut reducer = |body: &mut Reducer| replace(body.graph()).map(|new| *body = new.into());
        match &mut op {
            Op::Reduce(op) => reducer(&mut op.body)?,
            Op::Window(WindowOp::ReduceWindow(op)) => reducer(&mut op.body)?,
            Op::Index(IndexOp::Scatter(op)) => reducer(&mut op.body)?,
            Op::Window(WindowOp::SelectAndScatter(op)) => {
                op.select = replace(op.select.graph())?.into();
                op.scatter = replace(op.scatter.graph())?.into();
            }
            Op::Sort(SortOp::Sort(op)) => op.comparator = replace(op.comparator.graph())?.into(),
            Op::Control(op) => {
                for region in op.regions_mut() {
                    *region = Arc::new(replace(region)?);
                }
            }
            Op::Index(IndexOp::Gather(_) | IndexOp::DynamicSlice(_) | IndexOp::DynamicUpdateSlice(_))
            | Op::Sort(SortOp::TopK(_))
            | Op::Linalg(_)
            | Op::Random(_)
            | Op::Collective(_)
            | Op::Custom(_)
            | Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Dot(_)
            | Op::Convolution(_) => {}
        }
        Ok(op)
    }
}

/// The types of the results, if the operands satisfy the op's constraints.
///
/// # Errors
/// The first constraint that does not hold; also for an operand or a result that memory cannot address.
pub fn infer(op: &Op, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    addressable("operand", operands.iter().copied())?;
    let results = infer_family(op, operands)?;
    addressable("result", &results)?;
    Ok(results)
}

fn addressable<'a>(what: &str, types: impl IntoIterator<Item = &'a TensorType>) -> Result<(), TypeError> {
    for (position, ty) in types.into_iter().enumerate() {
        ensure!(
            ty.is_addressable(),
            "size",
            "{what} {position} is {ty}, which is more than memory can address"
        );
    }
    Ok(())
}

fn infer_family(op: &Op, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    match op {
        Op::Elementwise(op) => elementwise::infer(op, operands),
        Op::Shape(op) => shape::infer(op, operands),
        Op::Dot(op) => dot::infer(op, operands),
        Op::Convolution(op) => convolution::infer(op, operands),
        Op::Reduce(op) => reduce::infer(op, operands),
        Op::Window(op) => window::infer(op, operands),
        Op::Index(op) => index::infer(op, operands),
        Op::Sort(op) => sort::infer(op, operands),
        Op::Linalg(op) => linalg::infer(op, operands),
        Op::Control(op) => control::infer(op, operands),
        Op::Random(op) => random::infer(op, operands),
        Op::Collective(op) => collective::infer(op, operands),
        Op::Custom(op) => custom::infer(op, operands),
    }
}

/// Where a dimension of an operand lies in the results, if it can be told from others there: its elements
/// in their order, each made from the operands' elements at the same place along it.
///
/// What goes into regions and comes out of them is for who walks them (`axes`).
pub(crate) fn follow(op: &Op, operands: &[&TensorType], operand: usize, dim: usize) -> Option<usize> {
    match op {
        Op::Elementwise(_) => Some(dim),
        Op::Shape(op) => shape::follow(op, operands, dim),
        Op::Dot(op) => dot::follow(op, operands, operand, dim),
        Op::Convolution(op) => convolution::follow(op, operand, dim),
        Op::Reduce(op) => reduce::follow(op, operands, operand, dim),
        Op::Window(op) => window::follow(op, operands, operand, dim),
        Op::Index(op) => index::follow(op, operands, operand, dim),
        Op::Sort(op) => sort::follow(op, operands, dim),
        Op::Linalg(op) => linalg::follow(op, operands, operand, dim),
        Op::Random(op) => random::follow(op, dim),
        Op::Collective(op) => collective::follow(op, operand, dim),
        Op::Control(_) | Op::Custom(_) => None,
    }
}

/// Fails unless text can spell every number: its attributes are of 64 bits, with a sign.
pub(crate) fn spelled<'a>(what: &str, numbers: impl IntoIterator<Item = &'a usize>) -> Result<(), TypeError> {
    for &number in numbers {
        ensure!(i64::try_from(number).is_ok(), "size", "{what} is {number}, which is too large for 64 bits");
    }
    Ok(())
}

/// Fails unless exactly `expected` operands were given.
pub(crate) fn arity(expected: usize, operands: &[&TensorType]) -> Result<(), TypeError> {
    ensure!(operands.len() == expected, "arity", "expected {expected} operands, got {}", operands.len());
    Ok(())
}

/// Fails unless every dimension is in range and none is named twice.
pub(crate) fn distinct(what: &str, dims: &[usize], rank: usize) -> Result<(), TypeError> {
    let mut named = vec![false; rank];
    for &dim in dims {
        ensure!(dim < rank, "range", "{what} names dimension {dim}, but the rank is {rank}");
        ensure!(!std::mem::replace(&mut named[dim], true), "unique", "{what} names dimension {dim} twice");
    }
    Ok(())
}

/// Fails unless `body` takes two scalars per reduced operand and returns one each, of its type.
pub(crate) fn reducer(body: &Reducer, inputs: &[&TensorType]) -> Result<(), TypeError> {
    let scalars: Vec<_> = inputs.iter().map(|ty| TensorType::scalar(ty.dtype)).collect();
    let expected: Vec<_> = scalars.iter().chain(&scalars).cloned().collect();
    let (got, results) = (body.graph().input_types(), body.graph().output_types());
    ensure!(got == expected, "C6", "the body takes {}, expected {}", list(&got), list(&expected));
    ensure!(results == scalars, "C6", "the body returns {}, expected {}", list(&results), list(&scalars));
    Ok(())
}

/// Types in parentheses, as functions have them in text.
pub(crate) fn list(types: &[TensorType]) -> String {
    format!("({})", types.iter().map(TensorType::to_string).collect::<Vec<_>>().join(", "))
}
