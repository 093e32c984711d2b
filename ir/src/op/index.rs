//! Ops whose places are themselves values.

use serde::{Deserialize, Serialize};

use super::{TypeError, arity, distinct, ensure};
use crate::TensorType;

/// An indexing op.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IndexOp {
    /// See [`Gather`].
    Gather(Gather),
}

/// Operands `operand` and integer `start_indices`: slices of the operand at computed places.
///
/// A start that would reach past the end is clamped, so that every slice lies within.
///
/// (C1) the operand's dimensions are offset, collapsed or batching; (C2) `index_vector_dim` is in
/// range; (C3) `start_index_map` has an entry per index component; (C5..C17) lists are in range,
/// distinct and pair up; (C18..C21) slice sizes are 1 where collapsed or batching and fit the operand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gather {
    /// Result dimensions that run within a slice.
    pub offset_dims: Vec<usize>,
    /// Operand dimensions of slice size 1 that the result leaves out.
    pub collapsed_slice_dims: Vec<usize>,
    /// Operand dimensions that advance together with those of `start_indices`.
    pub operand_batching_dims: Vec<usize>,
    /// Their counterparts in `start_indices`, in the same order.
    pub start_indices_batching_dims: Vec<usize>,
    /// Operand dimension of each index component.
    pub start_index_map: Vec<usize>,
    /// Dimension of `start_indices` that holds the components; its rank if there is one, unwritten.
    pub index_vector_dim: usize,
    /// Extent of a slice, per operand dimension.
    pub slice_sizes: Vec<usize>,
    /// A promise that the indices ascend.
    pub indices_are_sorted: bool,
}

impl From<Gather> for crate::Op {
    fn from(op: Gather) -> crate::Op {
        crate::Op::Index(IndexOp::Gather(op))
    }
}

impl IndexOp {
    /// The name in StableHLO text.
    pub const fn name(&self) -> &'static str {
        match self {
            IndexOp::Gather(_) => "stablehlo.gather",
        }
    }
}

impl Gather {
    /// Result dimensions that run over `start_indices`, for a result of `rank`.
    pub fn batch_dims(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|dim| !self.offset_dims.contains(dim)).collect()
    }

    /// Operand dimensions that the result keeps as offset dimensions, for an operand of `rank`.
    pub fn kept_dims(&self, rank: usize) -> Vec<usize> {
        let gone =
            |dim: &usize| self.collapsed_slice_dims.contains(dim) || self.operand_batching_dims.contains(dim);
        (0..rank).filter(|dim| !gone(dim)).collect()
    }
}

/// Type rule of the family.
pub fn infer(op: &IndexOp, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    match op {
        IndexOp::Gather(op) => infer_gather(op, operands),
    }
}

fn infer_gather(op: &Gather, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    arity(2, operands)?;
    let (operand, indices) = (operands[0], operands[1]);
    ensure!(indices.dtype.is_integer(), "I2", "start_indices must be integers, got {indices}");
    ensure!(op.index_vector_dim <= indices.rank(), "C2", "index_vector_dim is out of range for {indices}");
    let components = indices.shape.get(op.index_vector_dim).copied().unwrap_or(1);
    ensure!(
        op.start_index_map.len() == components,
        "C3",
        "start_index_map {:?} needs {components} entries",
        op.start_index_map
    );
    distinct("start_index_map", &op.start_index_map, operand.rank())?;
    let gone = [op.collapsed_slice_dims.as_slice(), &op.operand_batching_dims].concat();
    distinct("collapsed_slice_dims and operand_batching_dims", &gone, operand.rank())?;
    let kept = op.kept_dims(operand.rank());
    ensure!(
        op.offset_dims.len() == kept.len(),
        "C1",
        "{} offset dimensions for {} kept dimensions of {operand}",
        op.offset_dims.len(),
        kept.len()
    );
    ensure!(
        op.slice_sizes.len() == operand.rank(),
        "C18",
        "slice_sizes needs one entry per dimension of {operand}"
    );
    for (dim, (&slice, &size)) in op.slice_sizes.iter().zip(&operand.shape).enumerate() {
        ensure!(slice <= size, "C21", "slice size {slice} exceeds dimension {dim} of {operand}");
        ensure!(
            !gone.contains(&dim) || slice <= 1,
            "C19",
            "slice size of dimension {dim} must be 1, got {slice}"
        );
    }
    infer_gather_batching(op, operand, indices)?;
    let mut batch = indices.shape.iter().enumerate().filter(|(dim, _)| *dim != op.index_vector_dim);
    let rank = indices.rank() - usize::from(op.index_vector_dim < indices.rank()) + kept.len();
    distinct("offset_dims", &op.offset_dims, rank)?;
    ensure!(op.offset_dims.is_sorted(), "C7", "offset_dims {:?} must ascend", op.offset_dims);
    let mut offset = kept.iter().map(|&dim| op.slice_sizes[dim]);
    let shape: Vec<usize> = (0..rank)
        .filter_map(|dim| {
            if op.offset_dims.contains(&dim) { offset.next() } else { batch.next().map(|(_, &size)| size) }
        })
        .collect();
    Ok(vec![operand.with_shape(shape)])
}

fn infer_gather_batching(op: &Gather, operand: &TensorType, indices: &TensorType) -> Result<(), TypeError> {
    let (left, right) = (&op.operand_batching_dims, &op.start_indices_batching_dims);
    ensure!(left.len() == right.len(), "C16", "batching dimensions must pair up");
    distinct("start_indices_batching_dims", right, indices.rank())?;
    ensure!(!right.contains(&op.index_vector_dim), "C14", "the index vector cannot be a batching dimension");
    for (&l, &r) in left.iter().zip(right) {
        ensure!(!op.start_index_map.contains(&l), "C5", "operand dimension {l} is both batching and indexed");
        ensure!(
            operand.shape[l] == indices.shape[r],
            "C17",
            "batching dimension {l} of {operand} and {r} of {indices} differ in size"
        );
    }
    Ok(())
}

/// Where a tracked dimension goes: with the indices' dimensions, or within the slices.
pub fn follow(op: &IndexOp, operands: &[&TensorType], dims: &[Option<usize>]) -> Option<usize> {
    let IndexOp::Gather(op) = op;
    let (operand, indices) = (operands[0], operands[1]);
    let kept = op.kept_dims(operand.rank());
    if let Some(dim) = dims[0]
        && let Some(position) = kept.iter().position(|&at| at == dim)
    {
        return Some(op.offset_dims[position]);
    }
    let paired = |dim: usize| {
        let at = op.operand_batching_dims.iter().position(|&at| at == dim)?;
        Some(op.start_indices_batching_dims[at])
    };
    let dim = dims[1].or_else(|| paired(dims[0]?))?;
    let rank = indices.rank() - usize::from(op.index_vector_dim < indices.rank()) + kept.len();
    let position = dim - usize::from(op.index_vector_dim < dim);
    op.batch_dims(rank).get(position).copied()
}
