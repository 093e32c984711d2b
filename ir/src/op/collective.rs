//! Collectives: sums, gathers and exchanges along a named axis.
//!
//! They mean something inside a mapped function alone: the `vmap` that binds the name of their axis
//! replaces them by ops on the member dimension. Names and rules are `jax.lax`'s.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{TypeError, arity, ensure, spelled};
use crate::{Class, DType, TensorType};

/// An op of the family.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CollectiveOp {
    /// See [`AxisIndex`].
    AxisIndex(AxisIndex),
    /// See [`AllReduce`].
    AllReduce(AllReduce),
    /// See [`AllGather`].
    AllGather(AllGather),
    /// See [`Permute`].
    Permute(Permute),
    /// See [`AllToAll`].
    AllToAll(AllToAll),
    /// See [`MemberKey`].
    MemberKey(MemberKey),
}

/// The number of this member along an axis, as `i32`. (C1) no operands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AxisIndex {
    /// The axis.
    pub axis: Arc<str>,
}

/// The sum, greatest or least of all members' operands, elementwise: `psum`, `pmax`, `pmin`.
///
/// (C1) the operand holds integers or floats; (C2) there is an axis, and none is named twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AllReduce {
    /// The axes, one after another.
    pub axes: Vec<Arc<str>>,
    /// How members combine.
    pub reduction: Reduction,
}

/// How [`AllReduce`] combines members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Reduction {
    Sum,
    Max,
    Min,
}

impl Reduction {
    /// Every reduction.
    pub const ALL: [Reduction; 3] = [Reduction::Sum, Reduction::Max, Reduction::Min];

    /// The op's name in text.
    pub const fn name(self) -> &'static str {
        match self {
            Reduction::Sum => "choral.psum",
            Reduction::Max => "choral.pmax",
            Reduction::Min => "choral.pmin",
        }
    }
}

/// All members' operands along a new dimension. (C1) the dimension is in range of the result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AllGather {
    /// The axis.
    pub axis: Arc<str>,
    /// Number of members along it.
    pub size: usize,
    /// Where the new dimension stands in the result.
    pub dimension: usize,
}

/// The operand of another member: `pairs` say which member each is sent to. A member that none is
/// sent to gets zeros. (C1) no member sends twice, and none is sent to twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Permute {
    /// The axis.
    pub axis: Arc<str>,
    /// `(from, to)`.
    pub pairs: Vec<(usize, usize)>,
}

/// Members exchange slices: member `j` gets slice `j` of every member, along a new dimension.
///
/// (C1) the split dimension is in range and has one slice for each member; (C2) the new dimension
/// is in range of the result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AllToAll {
    /// The axis.
    pub axis: Arc<str>,
    /// Number of members along it.
    pub size: usize,
    /// The dimension whose slices go to the members; the result lacks it.
    pub split_dimension: usize,
    /// Where the members' slices stand in the result.
    pub concat_dimension: usize,
}

/// Keys for draws without an explicit key: a member's own where the operand differs between
/// members along the axis, and what `randomness` says where all of them share it. A second operand
/// is the member's number, where regions are handed it.
///
/// (C1) the operand is keys, `ui32` with a last dimension of 2; (C2) numbers, if any, are `i32`, one
/// for each key of the leading dimensions that they have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemberKey {
    /// The axis.
    pub axis: Arc<str>,
    /// How many axes of the same name are passed by, from the innermost outwards.
    pub level: usize,
    /// What members that share a key draw.
    pub randomness: Randomness,
}

/// What members that share a key draw, as in `torch.func`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Randomness {
    /// It is an error.
    #[default]
    Error,
    /// All draw the same.
    Same,
    /// Each draws from the key with its own number along the axis folded in.
    Different,
}

impl Randomness {
    /// Every mode.
    pub const ALL: [Randomness; 3] = [Randomness::Error, Randomness::Same, Randomness::Different];

    /// The mode's name in text.
    pub const fn name(self) -> &'static str {
        match self {
            Randomness::Error => "error",
            Randomness::Same => "same",
            Randomness::Different => "different",
        }
    }
}

macro_rules! family {
    ($($Op:ident),*) => {$(
        impl From<$Op> for crate::Op {
            fn from(op: $Op) -> crate::Op { crate::Op::Collective(CollectiveOp::$Op(op)) }
        }
    )*};
}
family!(AxisIndex, AllReduce, AllGather, Permute, AllToAll, MemberKey);

impl CollectiveOp {
    /// The name in text.
    pub const fn name(&self) -> &'static str {
        match self {
            CollectiveOp::AxisIndex(_) => "choral.axis_index",
            CollectiveOp::AllReduce(op) => op.reduction.name(),
            CollectiveOp::AllGather(_) => "choral.all_gather",
            CollectiveOp::Permute(_) => "choral.ppermute",
            CollectiveOp::AllToAll(_) => "choral.all_to_all",
            CollectiveOp::MemberKey(_) => "choral.member_key",
        }
    }

    /// The axes that the op is along.
    pub fn axes(&self) -> &[Arc<str>] {
        match self {
            CollectiveOp::AllReduce(op) => &op.axes,
            CollectiveOp::AxisIndex(AxisIndex { axis })
            | CollectiveOp::AllGather(AllGather { axis, size: _, dimension: _ })
            | CollectiveOp::Permute(Permute { axis, pairs: _ })
            | CollectiveOp::AllToAll(AllToAll { axis, size: _, split_dimension: _, concat_dimension: _ })
            | CollectiveOp::MemberKey(MemberKey { axis, level: _, randomness: _ }) => {
                std::slice::from_ref(axis)
            }
        }
    }
}

/// Type rule of the family.
pub fn infer(op: &CollectiveOp, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    if let CollectiveOp::AxisIndex(_) = op {
        arity(0, operands)?;
        return Ok(vec![TensorType::scalar(DType::I32)]);
    }
    if let (CollectiveOp::MemberKey(_), [keys, numbers]) = (op, operands) {
        let is_leading = numbers.dtype == DType::I32 && keys.shape.starts_with(&numbers.shape);
        ensure!(
            is_leading && numbers.rank() < keys.rank(),
            "C2",
            "expected member numbers, i32 with the leading dimensions of {keys}, got {numbers}"
        );
    } else {
        arity(1, operands)?;
    }
    let ty = operands[0];
    match op {
        CollectiveOp::AxisIndex(_) => Ok(vec![TensorType::scalar(DType::I32)]),
        CollectiveOp::AllReduce(AllReduce { axes, reduction: _ }) => {
            ensure!(Class::Number.contains(ty.dtype), "C1", "expected {}, got {ty}", Class::Number);
            ensure!(!axes.is_empty(), "C2", "expected an axis");
            let twice = axes.iter().enumerate().find(|(at, axis)| axes[..*at].contains(axis));
            ensure!(twice.is_none(), "C2", "{axes:?} names an axis twice");
            Ok(vec![ty.clone()])
        }
        CollectiveOp::AllGather(op) => infer_all_gather(op, ty),
        CollectiveOp::Permute(Permute { axis: _, pairs }) => {
            spelled("a member's number", pairs.iter().flat_map(|(from, to)| [from, to]))?;
            for (position, (from, to)) in pairs.iter().enumerate() {
                let twice = pairs[..position].iter().any(|other| other.0 == *from || other.1 == *to);
                ensure!(!twice, "C1", "{from} -> {to} repeats a member of an earlier pair");
            }
            Ok(vec![ty.clone()])
        }
        CollectiveOp::AllToAll(op) => infer_all_to_all(op, ty),
        CollectiveOp::MemberKey(MemberKey { axis: _, level, randomness: _ }) => {
            spelled("the level", [level])?;
            let is_keys = ty.dtype == DType::Ui32 && ty.shape.last() == Some(&2);
            ensure!(is_keys, "C1", "expected keys, ui32 with a last dimension of 2, got {ty}");
            Ok(vec![ty.clone()])
        }
    }
}

fn infer_all_gather(op: &AllGather, ty: &TensorType) -> Result<Vec<TensorType>, TypeError> {
    let AllGather { axis: _, size, dimension } = op;
    ensure!(*dimension <= ty.rank(), "C1", "{ty} cannot be gathered along a new dimension {dimension}");
    let mut shape = ty.shape.clone();
    shape.insert(*dimension, *size);
    Ok(vec![ty.with_shape(shape)])
}

fn infer_all_to_all(op: &AllToAll, ty: &TensorType) -> Result<Vec<TensorType>, TypeError> {
    let AllToAll { axis, size, split_dimension, concat_dimension } = op;
    let slices = ty.shape.get(*split_dimension);
    ensure!(
        slices == Some(size),
        "C1",
        "dimension {split_dimension} of {ty} needs a slice for each of the {size} members along {axis}"
    );
    ensure!(*concat_dimension < ty.rank(), "C2", "dimension {concat_dimension} is out of range for {ty}");
    let mut shape = ty.shape.clone();
    shape.remove(*split_dimension);
    shape.insert(*concat_dimension, *size);
    Ok(vec![ty.with_shape(shape)])
}

/// Where a dimension of the operand goes that is another axis.
pub(super) fn follow(op: &CollectiveOp, operand: usize, dim: usize) -> Option<usize> {
    match op {
        CollectiveOp::AxisIndex(_) => None,
        CollectiveOp::AllReduce(_) | CollectiveOp::Permute(_) => Some(dim),
        CollectiveOp::MemberKey(_) => (operand == 0).then_some(dim),
        CollectiveOp::AllGather(op) => Some(dim + usize::from(dim >= op.dimension)),
        CollectiveOp::AllToAll(op) => {
            let kept = (dim != op.split_dimension).then_some(dim - usize::from(dim > op.split_dimension))?;
            Some(kept + usize::from(kept >= op.concat_dimension))
        }
    }
}
