//! Rules of ops that index by values: batching.
//!
//! Places stay per-member: nothing is flattened into one table, so an index that is out of
//! bounds is clamped within its own member. Derivatives stand in `index/derivative.rs`, those of scatters in
//! `index/scatter.rs`.

mod derivative;
mod scatter;

pub(crate) use derivative::{jvp, transpose};

use choral_ir::op::{DynamicSlice, DynamicUpdateSlice, Gather, IndexOp, Scatter};
use choral_ir::{BuildError, DType, TensorType, Value};

use crate::transform::lane::Lane::{Mapped, Shared};
use crate::transform::lane::{Lane, MappedBuilder, inserted, settle, shift};

/// The rule of each op of the family.
pub(crate) fn batch(cx: &mut MappedBuilder, op: &IndexOp, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    match op {
        IndexOp::Gather(op) => gather(cx, op, lanes),
        IndexOp::Scatter(op) => scattered(cx, op, lanes),
        IndexOp::DynamicSlice(op) => dynamic_slice(cx, op, lanes),
        IndexOp::DynamicUpdateSlice(op) => dynamic_update_slice(cx, op, lanes),
    }
}

/// Indices mapped: batching dimensions. Indices shared: every window spans all members. Inputs and
/// updates carry the members first either way.
fn scattered(cx: &mut MappedBuilder, op: &Scatter, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let count = lanes.len() / 2;
    let indices = lanes[count];
    let mut op = Scatter {
        update_window_dims: shift(&op.update_window_dims, 0),
        inserted_window_dims: shift(&op.inserted_window_dims, 0),
        input_batching_dims: shift(&op.input_batching_dims, 0),
        scatter_dims_to_operand_dims: shift(&op.scatter_dims_to_operand_dims, 0),
        ..op.clone()
    };
    let mut operands = Vec::with_capacity(lanes.len());
    for &lane in lanes {
        operands.push(cx.at_front(lane)?);
    }
    match indices {
        Mapped(..) => {
            op.input_batching_dims = inserted(&op.input_batching_dims, 0, 0);
            op.scatter_indices_batching_dims = inserted(&shift(&op.scatter_indices_batching_dims, 0), 0, 0);
            op.index_vector_dim += 1;
        }
        Shared(indices) => {
            op.update_window_dims = inserted(&op.update_window_dims, 0, 0);
            operands[count] = indices;
        }
    }
    cx.mapped(op, &operands, 0)
}

/// Shared starts: the members are one more dimension, taken whole. Per-member starts:
/// they are a batching dimension.
fn dynamic_slice(cx: &mut MappedBuilder, op: &DynamicSlice, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let DynamicSlice { batching_dims, slice_sizes } = op;
    let (operand, starts) = (lanes[0], &lanes[1..]);
    let moved = |at: usize| batching_dims.iter().map(move |dim| dim.map(|dim| dim + usize::from(dim >= at)));
    if let (Mapped(value, at), true) = (operand, all_shared(starts)) {
        let whole = settle(at, &batching_dims.iter().flatten().copied().collect::<Vec<_>>());
        let starts = shared_starts(cx, starts, whole);
        let (batching_dims, slice_sizes) = (moved(at).collect(), inserted(slice_sizes, whole, cx.size));
        let lies = op.batching_dims.len() + whole;
        let op = DynamicSlice { batching_dims, slice_sizes };
        return cx.mapped(op, &[vec![value], starts].concat(), lies);
    }
    let (value, own) = match operand {
        Mapped(..) => (cx.at_front(operand)?, std::iter::once(Some(0)).chain(moved(0)).collect()),
        Shared(value) => (value, inserted(batching_dims, 0, None)),
    };
    let starts = own_starts(cx, starts)?;
    let op = DynamicSlice { batching_dims: own, slice_sizes: slice_sizes.clone() };
    cx.mapped(op, &[vec![value], starts].concat(), 0)
}

/// As [`dynamic_slice`]; what is updated is per-member in any case, and stays where it is.
fn dynamic_update_slice(
    cx: &mut MappedBuilder,
    op: &DynamicUpdateSlice,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (operand, update, starts) = (lanes[0], lanes[1], &lanes[2..]);
    let at = operand.dim().unwrap_or(0);
    let operand = cx.at(operand, at)?;
    let batching_dims = shift(&op.batching_dims, at);
    if all_shared(starts) {
        let whole = settle(at, &batching_dims);
        let update = cx.at(update, batching_dims.len() + whole)?;
        let starts = shared_starts(cx, starts, whole);
        return cx.mapped(
            DynamicUpdateSlice { batching_dims },
            &[vec![operand, update], starts].concat(),
            at,
        );
    }
    let update = cx.at_front(update)?;
    let starts = own_starts(cx, starts)?;
    let op = DynamicUpdateSlice { batching_dims: inserted(&batching_dims, 0, at) };
    cx.mapped(op, &[vec![operand, update], starts].concat(), at)
}

fn all_shared(starts: &[Lane]) -> bool {
    starts.iter().all(|start| start.dim().is_none())
}

/// The starts with one more, 0, for the member dimension at `at`.
fn shared_starts(cx: &mut MappedBuilder, starts: &[Lane], at: usize) -> Vec<Value> {
    let starts: Vec<Value> = starts.iter().map(|start| start.value()).collect();
    let ty = starts.first().map_or(TensorType::scalar(DType::I32), |&start| cx.ty(start).clone());
    let zero = cx.builder.full(0.0, ty.dtype, ty.shape);
    inserted(&starts, at, zero)
}

/// The starts with the members first.
fn own_starts(cx: &mut MappedBuilder, starts: &[Lane]) -> Result<Vec<Value>, BuildError> {
    starts.iter().map(|&start| cx.at_front(start)).collect()
}

/// Operand and indices mapped: a pair of batching dimensions. Indices alone: one more dimension of
/// indices. Operand alone: the slices span all members. The member dimension comes first.
fn gather(cx: &mut MappedBuilder, op: &Gather, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let (operand, indices) = (lanes[0], lanes[1]);
    let mut op = op.clone();
    if let Mapped(..) = operand {
        op.collapsed_slice_dims = shift(&op.collapsed_slice_dims, 0);
        op.operand_batching_dims = shift(&op.operand_batching_dims, 0);
        op.start_index_map = shift(&op.start_index_map, 0);
    }
    if let Mapped(..) = indices {
        op.start_indices_batching_dims = shift(&op.start_indices_batching_dims, 0);
        op.index_vector_dim += 1;
    }
    op.offset_dims = shift(&op.offset_dims, 0);
    let operands = match (operand, indices) {
        (Mapped(..), Mapped(..)) => {
            op.operand_batching_dims = inserted(&op.operand_batching_dims, 0, 0);
            op.start_indices_batching_dims = inserted(&op.start_indices_batching_dims, 0, 0);
            op.slice_sizes = inserted(&op.slice_sizes, 0, cx.size.min(1));
            [cx.at_front(operand)?, cx.at_front(indices)?]
        }
        (Shared(operand), _) => {
            op.indices_are_sorted = false;
            [operand, cx.at_front(indices)?]
        }
        (Mapped(..), Shared(indices)) => {
            op.offset_dims = inserted(&op.offset_dims, 0, 0);
            op.slice_sizes = inserted(&op.slice_sizes, 0, cx.size);
            [cx.at_front(operand)?, indices]
        }
    };
    cx.mapped(op, &operands, 0)
}
