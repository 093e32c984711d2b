//! Ops that index by values.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::{TypeError, arity, distinct, ensure, reducer};
use crate::{Reducer, TensorType};

/// An indexing op.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IndexOp {
    /// See [`Gather`].
    Gather(Gather),
    /// See [`Scatter`].
    Scatter(Scatter),
    /// See [`DynamicSlice`].
    DynamicSlice(DynamicSlice),
    /// See [`DynamicUpdateSlice`].
    DynamicUpdateSlice(DynamicUpdateSlice),
}

/// Operands are N inputs of one shape, integer `scatter_indices`, then N updates of one shape: each
/// element of an update is folded by the body into its input at a computed place.
///
/// A window that does not lie within the input is left out. Windows are folded in the order of
/// their indices. Sums and products of `f16` and `bf16` accumulate in `f32` from the input's element
/// to the last update, and are rounded once, as in [`Reduce`](super::Reduce).
///
/// (C1) inputs have one shape; (C2) the input's dimensions are window, inserted or batching; (C3)
/// updates have one shape; (C4) that of the indices and the windows; (C6) updates have their
/// inputs' element types; (C7..C22) lists are in range, distinct, ascending and pair up; (C23) the
/// body's types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scatter {
    /// Update dimensions that run within a window.
    pub update_window_dims: Vec<usize>,
    /// Input dimensions of window size 1 that the updates leave out.
    pub inserted_window_dims: Vec<usize>,
    /// Input dimensions that advance together with those of the indices.
    pub input_batching_dims: Vec<usize>,
    /// Their counterparts in `scatter_indices`, in the same order.
    pub scatter_indices_batching_dims: Vec<usize>,
    /// Input dimension of each index component.
    pub scatter_dims_to_operand_dims: Vec<usize>,
    /// Dimension of the indices that holds the components; their rank if there is one, unwritten.
    pub index_vector_dim: usize,
    /// `(accumulators.., elements..) -> accumulators..`, all scalars.
    pub body: Reducer,
}

/// Operands `operand` and one integer scalar per dimension: the slice that starts there.
///
/// A choral extension: with batching dimensions, each start is a tensor of them, and the result
/// holds one slice for each of its elements. With none it is `stablehlo.dynamic_slice`.
///
/// A start that would reach past the end is clamped. (C2) one start per sliced dimension; (C3)
/// starts have one integer type, and the shape of the batching dimensions; (C4) sizes fit the operand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DynamicSlice {
    /// For each batching dimension the one of the operand, or `None` where all slices are of the
    /// same operand. They come first in the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batching_dims: Vec<Option<usize>>,
    /// Extent of the slice, per dimension of the operand that is not batching.
    pub slice_sizes: Vec<usize>,
}

/// Operands `operand`, `update` and one integer scalar per dimension: the operand with the update
/// laid over it there.
///
/// An extension of choral's, as of [`DynamicSlice`], whose transpose it is: with batching dimensions, each
/// start is a tensor of them, and the update holds one slice for each of its elements, laid over the
/// operand's part of that element. With none it is `stablehlo.dynamic_update_slice`.
///
/// A start that would reach past the end is clamped. (C1..C3) the update has the operand's rank and
/// element type; (C4) one start per sliced dimension; (C5) of one integer type, and the shape of the
/// batching dimensions; (C6) the update fits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct DynamicUpdateSlice {
    /// For each batching dimension the one of the operand. They come first in the update.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batching_dims: Vec<usize>,
}

/// Operands `operand` and integer `start_indices`: slices of the operand at computed places.
///
/// A start that would reach past the end is clamped, so that every slice lies within. Slices of size 0 whose
/// dimension is collapsed give zeros.
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

macro_rules! family {
    ($($Op:ident),*) => {$(
        impl From<$Op> for crate::Op {
            fn from(op: $Op) -> crate::Op { crate::Op::Index(IndexOp::$Op(op)) }
        }
    )*};
}
family!(Gather, Scatter, DynamicSlice, DynamicUpdateSlice);

impl IndexOp {
    /// The name in text: slices with batching dimensions are choral's own ops.
    pub fn name(&self) -> &'static str {
        match self {
            IndexOp::Gather(_) => "stablehlo.gather",
            IndexOp::Scatter(_) => "stablehlo.scatter",
            IndexOp::DynamicSlice(op) if op.batching_dims.is_empty() => "stablehlo.dynamic_slice",
            IndexOp::DynamicSlice(_) => "choral.dynamic_slice",
            IndexOp::DynamicUpdateSlice(op) if op.batching_dims.is_empty() => {
                "stablehlo.dynamic_update_slice"
            }
            IndexOp::DynamicUpdateSlice(_) => "choral.dynamic_update_slice",
        }
    }
}

impl DynamicSlice {
    /// The operand's dimensions that are sliced, for an operand of `rank`.
    pub fn sliced_dims(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|dim| !self.batching_dims.contains(&Some(*dim))).collect()
    }
}

impl DynamicUpdateSlice {
    /// The operand's dimensions that are sliced, for an operand of `rank`.
    pub fn sliced_dims(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|dim| !self.batching_dims.contains(dim)).collect()
    }
}

impl Scatter {
    /// Update dimensions that run over the indices, for updates of `rank`.
    pub fn scatter_dims(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|dim| !self.update_window_dims.contains(dim)).collect()
    }

    /// Input dimensions that windows span, for an input of `rank`.
    pub fn window_dims(&self, rank: usize) -> Vec<usize> {
        let gone =
            |dim: &usize| self.inserted_window_dims.contains(dim) || self.input_batching_dims.contains(dim);
        (0..rank).filter(|dim| !gone(dim)).collect()
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
        IndexOp::Scatter(op) => infer_scatter(op, operands),
        IndexOp::DynamicSlice(op) => infer_dynamic_slice(op, operands),
        IndexOp::DynamicUpdateSlice(op) => infer_dynamic_update_slice(op, operands),
    }
}

fn infer_scatter(op: &Scatter, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    let count = operands.len() / 2;
    ensure!(operands.len() % 2 == 1 && count > 0, "arity", "expected inputs, indices and as many updates");
    let (inputs, indices, updates) = (&operands[..count], operands[count], &operands[count + 1..]);
    let (input, update) = (inputs[0], updates[0]);
    ensure!(indices.dtype.is_integer(), "I2", "scatter_indices must be integers, got {indices}");
    for (position, (other, given)) in inputs.iter().zip(updates).enumerate() {
        ensure!(other.shape == input.shape, "C1", "input {position} is {other}, but input 0 is {input}");
        ensure!(given.shape == update.shape, "C3", "update {position} is {given}, but update 0 is {update}");
        ensure!(given.dtype == other.dtype, "C6", "update {position} is {given}, but its input is {other}");
    }
    ensure!(op.index_vector_dim <= indices.rank(), "C22", "index_vector_dim is out of range for {indices}");
    let components = indices.shape.get(op.index_vector_dim).copied().unwrap_or(1);
    ensure!(
        op.scatter_dims_to_operand_dims.len() == components,
        "C19",
        "scatter_dims_to_operand_dims {:?} needs {components} entries",
        op.scatter_dims_to_operand_dims
    );
    distinct("scatter_dims_to_operand_dims", &op.scatter_dims_to_operand_dims, input.rank())?;
    let gone = [op.inserted_window_dims.as_slice(), &op.input_batching_dims].concat();
    distinct("inserted_window_dims and input_batching_dims", &gone, input.rank())?;
    distinct("update_window_dims", &op.update_window_dims, update.rank())?;
    ensure!(op.update_window_dims.is_sorted(), "C7", "update_window_dims must ascend");
    infer_windows(op, input, indices, update)?;
    batching_pairs(
        (&op.input_batching_dims, input),
        (&op.scatter_indices_batching_dims, indices),
        (op.index_vector_dim, &op.scatter_dims_to_operand_dims),
    )?;
    reducer(&op.body, inputs)?;
    Ok(inputs.iter().map(|&ty| ty.clone()).collect())
}

/// The updates' shape is that of the indices and the windows, and every window fits.
fn infer_windows(
    op: &Scatter,
    input: &TensorType,
    indices: &TensorType,
    update: &TensorType,
) -> Result<(), TypeError> {
    let window = op.window_dims(input.rank());
    ensure!(
        op.update_window_dims.len() == window.len(),
        "C2",
        "{} window dimensions for {} kept dimensions of {input}",
        op.update_window_dims.len(),
        window.len()
    );
    for (&within, &dim) in op.update_window_dims.iter().zip(&window) {
        ensure!(
            update.shape[within] <= input.shape[dim],
            "C4",
            "dimension {within} of update {update} exceeds dimension {dim} of {input}"
        );
    }
    let scattered: Vec<usize> = op.scatter_dims(update.rank()).iter().map(|&dim| update.shape[dim]).collect();
    let mut expected = indices.shape.clone();
    if op.index_vector_dim < expected.len() {
        expected.remove(op.index_vector_dim);
    }
    ensure!(
        scattered == expected,
        "C4",
        "update {update} has {scattered:?} besides its windows, but the indices {indices} require {expected:?}"
    );
    Ok(())
}

/// Starts are one integer per dimension, all of one type, for every element of the batching
/// dimensions, whose sizes are returned.
fn starts(starts: &[&TensorType], rank: usize, batching: usize) -> Result<Vec<usize>, TypeError> {
    ensure!(starts.len() == rank, "C2", "expected {rank} start indices, got {}", starts.len());
    let Some(first) = starts.first() else {
        ensure!(batching == 0, "C2", "batching dimensions need a start index");
        return Ok(Vec::new());
    };
    for start in starts {
        let fits = start.rank() == batching && start.dtype.is_integer() && start == first;
        ensure!(fits, "C3", "start indices are integers of one type and rank {batching}, got {start}");
    }
    Ok(first.shape.clone())
}

fn infer_dynamic_slice(op: &DynamicSlice, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    let DynamicSlice { batching_dims, slice_sizes } = op;
    ensure!(!operands.is_empty(), "arity", "expected an operand and its start indices");
    let operand = operands[0];
    let own: Vec<usize> = batching_dims.iter().flatten().copied().collect();
    distinct("batching_dims", &own, operand.rank())?;
    let sliced = op.sliced_dims(operand.rank());
    let batch = starts(&operands[1..], sliced.len(), batching_dims.len())?;
    for (dim, size) in batching_dims.iter().zip(&batch) {
        let fits = dim.is_none_or(|dim| operand.shape[dim] == *size);
        ensure!(fits, "C3", "batching dimension {dim:?} of {operand} differs from the starts' {batch:?}");
    }
    let fits = slice_sizes.len() == sliced.len()
        && slice_sizes.iter().zip(&sliced).all(|(slice, &dim)| *slice <= operand.shape[dim]);
    ensure!(fits, "C4", "slice sizes {slice_sizes:?} do not fit {operand}");
    Ok(vec![operand.with_shape([batch.as_slice(), slice_sizes].concat())])
}

fn infer_dynamic_update_slice(
    op: &DynamicUpdateSlice,
    operands: &[&TensorType],
) -> Result<Vec<TensorType>, TypeError> {
    ensure!(operands.len() >= 2, "arity", "expected an operand, an update and start indices");
    let (operand, update) = (operands[0], operands[1]);
    distinct("batching_dims", &op.batching_dims, operand.rank())?;
    let sliced = op.sliced_dims(operand.rank());
    let batch = starts(&operands[2..], sliced.len(), op.batching_dims.len())?;
    let own: Vec<usize> = op.batching_dims.iter().map(|&dim| operand.shape[dim]).collect();
    ensure!(own == batch, "C4", "batching dimensions of {operand} differ from the starts' {batch:?}");
    let fits = update.dtype == operand.dtype && update.rank() == operand.rank() && {
        let (members, sizes) = update.shape.split_at(batch.len());
        members == batch && sizes.iter().zip(&sliced).all(|(size, &dim)| *size <= operand.shape[dim])
    };
    ensure!(fits, "C6", "update {update} does not fit {operand}");
    Ok(vec![operand.clone()])
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
    batching_pairs(
        (&op.operand_batching_dims, operand),
        (&op.start_indices_batching_dims, indices),
        (op.index_vector_dim, &op.start_index_map),
    )?;
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

/// Batching dimensions pair up in number and size, and are neither indexed nor components.
fn batching_pairs(
    (left, operand): (&[usize], &TensorType),
    (right, indices): (&[usize], &TensorType),
    (index_vector_dim, indexed): (usize, &[usize]),
) -> Result<(), TypeError> {
    ensure!(left.len() == right.len(), "C16", "batching dimensions must pair up");
    distinct("the indices' batching dimensions", right, indices.rank())?;
    ensure!(!right.contains(&index_vector_dim), "C14", "the index vector cannot be a batching dimension");
    for (&l, &r) in left.iter().zip(right) {
        ensure!(!indexed.contains(&l), "C5", "operand dimension {l} is both batching and indexed");
        ensure!(
            operand.shape[l] == indices.shape[r],
            "C17",
            "batching dimension {l} of {operand} and {r} of {indices} differ in size"
        );
    }
    Ok(())
}

/// Where a dimension of an operand goes: with the indices' dimensions, or within slices that are whole
/// along it; what is written into keeps its own.
pub(super) fn follow(op: &IndexOp, operands: &[&TensorType], operand: usize, dim: usize) -> Option<usize> {
    match op {
        IndexOp::Gather(op) => follow_gather(op, operands, operand, dim),
        IndexOp::DynamicSlice(op) => follow_dynamic_slice(op, operands[0], operand, dim),
        IndexOp::DynamicUpdateSlice(op) => follow_dynamic_update_slice(op, operands, operand, dim),
        IndexOp::Scatter(op) => follow_scatter(op, operands, operand, dim),
    }
}

fn follow_dynamic_slice(op: &DynamicSlice, ty: &TensorType, operand: usize, dim: usize) -> Option<usize> {
    if operand > 0 {
        return Some(dim);
    }
    let sliced = || op.sliced_dims(ty.rank()).iter().position(|&sliced| sliced == dim);
    let whole = || sliced().filter(|&at| op.slice_sizes[at] == ty.shape[dim]);
    let batching = op.batching_dims.iter().position(|own| *own == Some(dim));
    batching.or_else(|| Some(op.batching_dims.len() + whole()?))
}

fn follow_dynamic_update_slice(
    op: &DynamicUpdateSlice,
    operands: &[&TensorType],
    operand: usize,
    dim: usize,
) -> Option<usize> {
    let (ty, update) = (operands[0], operands[1]);
    let (batching, sliced) = (&op.batching_dims, op.sliced_dims(ty.rank()));
    // What a dimension of the update is laid over.
    let under = |at: usize| batching.iter().chain(&sliced).nth(at).copied();
    let dim = if operand == 0 { Some(dim) } else { under(dim) }?;
    let is_whole = |at: usize| update.shape[batching.len() + at] == ty.shape[dim];
    let stays = sliced.iter().position(|&sliced| sliced == dim).is_none_or(is_whole);
    stays.then_some(dim)
}

fn follow_gather(op: &Gather, operands: &[&TensorType], operand: usize, dim: usize) -> Option<usize> {
    let (ty, indices) = (operands[0], operands[1]);
    let kept = op.kept_dims(ty.rank());
    if let (0, Some(at)) = (operand, kept.iter().position(|&at| at == dim)) {
        return (op.slice_sizes[dim] == ty.shape[dim]).then_some(op.offset_dims[at]);
    }
    let paired = if operand == 0 {
        counterpart(&op.operand_batching_dims, &op.start_indices_batching_dims, dim)?
    } else {
        dim
    };
    let rank = indices.rank() - usize::from(op.index_vector_dim < indices.rank()) + kept.len();
    let at = without(paired, op.index_vector_dim)?;
    op.batch_dims(rank).get(at).copied()
}

fn follow_scatter(op: &Scatter, operands: &[&TensorType], operand: usize, dim: usize) -> Option<usize> {
    let count = operands.len() / 2;
    let (input, update) = (operands[0], operands[count + 1]);
    let window = op.window_dims(input.rank());
    let whole = |at: usize| {
        (update.shape[op.update_window_dims[at]] == input.shape[window[at]]).then_some(window[at])
    };
    let with_indices = |dim| counterpart(&op.scatter_indices_batching_dims, &op.input_batching_dims, dim);
    match operand.cmp(&count) {
        Ordering::Less if op.input_batching_dims.contains(&dim) => Some(dim),
        Ordering::Less => whole(window.iter().position(|&at| at == dim)?),
        Ordering::Equal => with_indices(dim),
        Ordering::Greater => match op.update_window_dims.iter().position(|&at| at == dim) {
            Some(at) => whole(at),
            None => {
                let at = op.scatter_dims(update.rank()).iter().position(|&at| at == dim)?;
                with_indices(at + usize::from(at >= op.index_vector_dim))
            }
        },
    }
}

/// What stands in the second list where the first one has this dimension.
fn counterpart(list: &[usize], other: &[usize], dim: usize) -> Option<usize> {
    list.iter().position(|&at| at == dim).map(|at| other[at])
}

/// The place of a dimension among those that are left without another one.
fn without(dim: usize, gone: usize) -> Option<usize> {
    (dim != gone).then(|| dim - usize::from(dim > gone))
}
