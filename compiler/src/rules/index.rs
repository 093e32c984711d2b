//! Batching ops whose places are values.
//!
//! Places stay each member's own: nothing is flattened into one table, so an index that is out of
//! bounds is clamped within its own member.

use choral_ir::op::{Concatenate, DynamicSlice, DynamicUpdateSlice, Elementwise, Gather, IndexOp, Scatter};
use choral_ir::{BuildError, DType, Graph, Tensor, Value};

use super::Lane::{Mapped, Shared};
use super::{Batch, Lane, Lanes, inserted, shift};
use crate::views;

/// The rule of each op of the family.
pub(crate) fn batch(cx: &mut Batch, op: &IndexOp, lanes: &[Lane]) -> Lanes {
    match op {
        IndexOp::Gather(op) => gather(cx, op, lanes),
        IndexOp::Scatter(op) => scatter(cx, op, lanes),
        IndexOp::DynamicSlice(op) => dynamic_slice(cx, op, lanes),
        IndexOp::DynamicUpdateSlice(op) => dynamic_update_slice(cx, *op, lanes),
    }
}

/// Indices mapped: batching dimensions. Indices shared: every window spans all members. Inputs and
/// updates carry the members first either way.
fn scatter(cx: &mut Batch, op: &Scatter, lanes: &[Lane]) -> Lanes {
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

/// Starts that all members share: the members are one more dimension, taken whole. Starts of each
/// member's own: a gather of one slice per member, which clamps as this op does.
fn dynamic_slice(cx: &mut Batch, DynamicSlice { slice_sizes }: &DynamicSlice, lanes: &[Lane]) -> Lanes {
    let (operand, starts) = (lanes[0], &lanes[1..]);
    if let (Mapped(value, at), true) = (operand, starts.iter().all(|start| start.dim().is_none())) {
        let starts = shared_starts(cx, starts, at);
        let slice_sizes = inserted(slice_sizes, at, cx.size);
        return cx.mapped(DynamicSlice { slice_sizes }, &[vec![value], starts].concat(), at);
    }
    let rank = slice_sizes.len();
    let indices = own_starts(cx, starts)?;
    let op = Gather {
        offset_dims: (0..rank).collect(),
        collapsed_slice_dims: Vec::new(),
        operand_batching_dims: Vec::new(),
        start_indices_batching_dims: Vec::new(),
        start_index_map: (0..rank).collect(),
        index_vector_dim: 0,
        slice_sizes: slice_sizes.clone(),
        indices_are_sorted: false,
    };
    gather(cx, &op, &[operand, Mapped(indices, 0)])
}

/// As [`dynamic_slice`], with a scatter of one window per member; this leaves out what does not
/// fit, so the starts are clamped first.
fn dynamic_update_slice(cx: &mut Batch, op: DynamicUpdateSlice, lanes: &[Lane]) -> Lanes {
    let (values, starts) = lanes.split_at(2);
    if starts.iter().all(|start| start.dim().is_none()) {
        let (values, at) = cx.aligned(values)?;
        let starts = shared_starts(cx, starts, at);
        return cx.mapped(op, &[values, starts].concat(), at);
    }
    let member = |cx: &Batch, lane: Lane| {
        let mut ty = cx.ty(lane.value()).clone();
        lane.dim().map(|at| ty.shape.remove(at));
        ty
    };
    let (operand, update) = (member(cx, values[0]), member(cx, values[1]));
    let rank = operand.rank();
    let indices = own_starts(cx, starts)?;
    let ty = cx.ty(indices).clone();
    let room = operand.shape.iter().zip(&update.shape).map(|(size, update)| size - update);
    let last: Vec<f64> = room.map(|room| room as f64).collect();
    let last = cx.builder.constant(Tensor::from_fn([rank], |dim| last[dim]).to_dtype(ty.dtype));
    let last = views::stretch(&mut cx.builder, last, &ty.shape, &[1])?;
    let first = cx.builder.full(0.0, ty.dtype, ty.shape);
    let indices = cx.push(Elementwise::Clamp, &[first, indices, last])?;
    let op = Scatter {
        update_window_dims: (0..rank).collect(),
        inserted_window_dims: Vec::new(),
        input_batching_dims: Vec::new(),
        scatter_indices_batching_dims: Vec::new(),
        scatter_dims_to_operand_dims: (0..rank).collect(),
        index_vector_dim: 0,
        body: Graph::second(operand.dtype).into(),
    };
    scatter(cx, &op, &[values[0], Mapped(indices, 0), values[1]])
}

/// The starts with one more, 0, for the member dimension at `at`.
fn shared_starts(cx: &mut Batch, starts: &[Lane], at: usize) -> Vec<Value> {
    let starts: Vec<Value> = starts.iter().map(|start| start.value()).collect();
    let dtype = starts.first().map_or(DType::I32, |&start| cx.ty(start).dtype);
    let zero = cx.builder.full(0.0, dtype, []);
    inserted(&starts, at, zero)
}

/// The starts as rows of a matrix, one row for each member.
fn own_starts(cx: &mut Batch, starts: &[Lane]) -> Result<Value, BuildError> {
    let mut columns = Vec::with_capacity(starts.len());
    for &start in starts {
        let line = cx.at_front(start)?;
        columns.push(cx.builder.reshape(line, [cx.size, 1])?);
    }
    cx.push(Concatenate { dimension: 1 }, &columns)
}

/// Operand and indices mapped: a pair of batching dimensions. Indices alone: one more dimension of
/// indices. Operand alone: the slices span all members. The member dimension comes first.
fn gather(cx: &mut Batch, op: &Gather, lanes: &[Lane]) -> Lanes {
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
