//! Ops that index by values, as kernels that move windows.
//!
//! An array is what windows are taken from or written into: the dimensions of an operand that are not batching.

use choral_ir::op::{DynamicSlice, DynamicUpdateSlice, Gather, Scatter};
use choral_ir::{DType, Fold};
use choral_kernels::Access;
use choral_kernels::access::Dim;
use choral_kernels::access::Elements;
use choral_kernels::moves::{self, Beyond, Combine, Numbering, Scattered, Start};

use super::{expression, number, reduce};

/// Where an operand's elements lie, and their type.
pub type Operand = (Elements, DType);

/// A gather; `None` if its slices are empty, which may leave a result of zeros.
pub fn gather(op: &Gather, operand: &Operand, starts: &Operand, result: Elements) -> Option<moves::Gather> {
    if op.slice_sizes.contains(&0) {
        return None;
    }
    let (operand, dtype) = operand;
    let dims = &operand.access.dims;
    let array = others(dims.len(), &op.operand_batching_dims);
    let batch = others(starts.0.access.dims.len(), &[op.index_vector_dim]);
    let of_batch = |dim: &usize| {
        let paired = op.start_indices_batching_dims.iter().position(|paired| paired == dim);
        let stride = paired.map_or(0, |at| dims[op.operand_batching_dims[at]].1);
        (starts.0.access.dims[*dim].0, stride)
    };
    let window: Vec<usize> = array.iter().map(|&dim| op.slice_sizes[dim]).collect();
    let strides = window.iter().zip(&array).map(|(&size, &dim)| (size, dims[dim].1));
    let from = batch.iter().map(of_batch).chain(strides).collect();
    let kept = op.kept_dims(dims.len());
    let out_dims = &result.access.dims;
    let within = |dim: &usize| match kept.iter().position(|kept| kept == dim) {
        Some(at) => out_dims[op.offset_dims[at]],
        None => (1, 0),
    };
    let of_windows = op.batch_dims(out_dims.len()).into_iter().map(|dim| out_dims[dim]);
    let out = of_windows.chain(array.iter().map(within)).collect();
    let start = |(component, dim): (usize, &usize)| Start {
        place: with_dims(
            &starts.0,
            picked(&starts.0, &batch),
            component_offset(starts, op.index_vector_dim, component),
        ),
        number: number::of(starts.1),
        dim: position(&array, *dim),
        last: dims[*dim].0 - op.slice_sizes[*dim],
    };
    Some(moves::Gather {
        windows: batch.iter().map(|&dim| starts.0.access.dims[dim].0).collect(),
        window,
        starts: op.start_index_map.iter().enumerate().map(start).collect(),
        number: number::of(*dtype),
        from: with_dims(operand, from, 0),
        out: with_dims(&result, out, 0),
    })
}

/// A dynamic slice.
pub fn dynamic_slice(
    op: &DynamicSlice,
    (operand, dtype): &Operand,
    starts: &[Operand],
    result: Elements,
) -> moves::Gather {
    let dims = &operand.access.dims;
    let sliced = op.sliced_dims(dims.len());
    let windows: Vec<usize> =
        result.access.dims[..op.batching_dims.len()].iter().map(|&(size, _)| size).collect();
    let batch = op.batching_dims.iter().zip(&windows);
    let batch = batch.map(|(dim, &size)| (size, dim.map_or(0, |dim| dims[dim].1)));
    let within = sliced.iter().zip(&op.slice_sizes).map(|(&dim, &size)| (size, dims[dim].1));
    let from = batch.chain(within).collect();
    let sizes: Vec<usize> = sliced.iter().map(|&dim| dims[dim].0).collect();
    moves::Gather {
        starts: one_for_each(starts, &sizes, &op.slice_sizes),
        windows,
        window: op.slice_sizes.clone(),
        number: number::of(*dtype),
        from: with_dims(operand, from, 0),
        out: result,
    }
}

/// A dynamic update.
pub fn dynamic_update_slice(
    op: &DynamicUpdateSlice,
    (operand, dtype): &Operand,
    update: &Elements,
    starts: &[Operand],
    result: &Elements,
) -> moves::Scatter {
    let order = [op.batching_dims.clone(), op.sliced_dims(operand.access.dims.len())].concat();
    let members = op.batching_dims.len();
    let sizes = |place: &Elements| place.access.dims.iter().map(|&(size, _)| size).collect::<Vec<usize>>();
    let (input, out) = (in_order(operand, &order), in_order(result, &order));
    let shape = sizes(&input).split_off(members);
    let window = sizes(update).split_off(members);
    let operand =
        Scattered { number: number::of(*dtype), input, updates: update.clone(), out: result.buffer };
    moves::Scatter {
        members: op.batching_dims.iter().map(|&dim| result.access.dims[dim].0).collect(),
        windows: Vec::new(),
        starts: one_for_each(starts, &shape, &window),
        shape,
        window,
        operands: vec![operand],
        out: out.access,
        beyond: Beyond::Clamped,
        combine: Combine::Overwrite,
    }
}

/// A start for each dimension, by an operand of its own.
fn one_for_each(starts: &[Operand], shape: &[usize], window: &[usize]) -> Vec<Start> {
    let start = |(dim, (place, dtype)): (usize, &Operand)| Start {
        place: place.clone(),
        number: number::of(*dtype),
        dim,
        last: shape[dim] - window[dim],
    };
    starts.iter().enumerate().map(start).collect()
}

/// A scatter, whose results lie alike; `None` if its body is more than elementwise ops, or accumulates in another type
/// than that of its operands.
pub fn scatter(
    op: &Scatter,
    inputs: &[Operand],
    indices: &Operand,
    updates: &[Operand],
    results: &[Elements],
) -> Option<moves::Scatter> {
    let combine = combines(op, inputs[0].1)?;
    let layout = Layout::of(op, &inputs[0].0.access, &indices.0.access, &updates[0].0.access);
    let order = [op.input_batching_dims.clone(), layout.array.clone()].concat();
    let operand = |(at, (input, dtype)): (usize, &Operand)| Scattered {
        number: number::of(*dtype),
        input: in_order(input, &order),
        updates: layout.updates(&updates[at].0),
        out: results[at].buffer,
    };
    let start = |(component, &dim): (usize, &usize)| Start {
        place: layout.indices(indices, component),
        number: number::of(indices.1),
        dim: position(&layout.array, dim),
        last: layout.last(dim),
    };
    Some(moves::Scatter {
        members: op.input_batching_dims.iter().map(|&dim| layout.sizes[dim]).collect(),
        windows: layout.windows.iter().map(|&(numbering, _)| numbering).collect(),
        shape: layout.array.iter().map(|&dim| layout.sizes[dim]).collect(),
        window: layout.array.iter().map(|&dim| layout.window(dim).map_or(1, |(size, _)| size)).collect(),
        starts: op.scatter_dims_to_operand_dims.iter().enumerate().map(start).collect(),
        operands: inputs.iter().enumerate().map(operand).collect(),
        out: in_order(&results[0], &order).access,
        beyond: Beyond::Dropped,
        combine,
    })
}

/// What a scatter of elements of this type does with them and their updates; `None` if its body is more than elementwise
/// ops, or accumulates in another type.
pub fn combines(op: &Scatter, dtype: DType) -> Option<Combine> {
    match op.body.fold() {
        _ if op.body.accumulates() => None,
        Fold::Second => Some(Combine::Overwrite),
        Fold::Binary(binary) if !dtype.is_narrow() && reduce::fold(binary).is_some() => {
            reduce::fold(binary).map(|(_, instruction)| Combine::Binary(instruction))
        }
        Fold::Binary(_) | Fold::Extreme(_) | Fold::Body => {
            expression::expression(op.body.graph()).map(Combine::Body)
        }
    }
}

/// Which dimensions of a scatter's operands are which.
struct Layout<'a> {
    op: &'a Scatter,
    /// The input's dimensions that are not batching.
    array: Vec<usize>,
    /// The input's sizes.
    sizes: Vec<usize>,
    /// The updates' sizes.
    update: Vec<usize>,
    /// The updates' dimensions that number windows, but for those of members.
    windows: Vec<(Numbering, usize)>,
    /// For each dimension of the updates that runs over the indices, theirs.
    paired: Vec<(usize, usize)>,
}

impl<'a> Layout<'a> {
    fn of(op: &'a Scatter, input: &Access, indices: &Access, updates: &Access) -> Layout<'a> {
        let sizes = |access: &Access| access.dims.iter().map(|&(size, _)| size).collect::<Vec<usize>>();
        let of_indices = others(indices.dims.len(), &[op.index_vector_dim]);
        let paired = op.scatter_dims(updates.dims.len()).into_iter().zip(of_indices).collect();
        let array = others(input.dims.len(), &op.input_batching_dims);
        let (sizes, update) = (sizes(input), sizes(updates));
        let mut layout = Layout { op, array, sizes, update, windows: Vec::new(), paired };
        layout.windows = (0..layout.update.len()).filter_map(|dim| layout.numbering(dim)).collect();
        layout
    }

    /// Whether a dimension of the updates numbers windows of one member.
    fn is_scattered(&self, dim: usize) -> bool {
        let paired = self.paired.iter().find(|(own, _)| *own == dim);
        paired.is_some_and(|(_, of_indices)| !self.op.scatter_indices_batching_dims.contains(of_indices))
    }

    /// How a dimension of the updates numbers windows, if it does: those of a window do where the order of updates
    /// asks for it.
    fn numbering(&self, dim: usize) -> Option<(Numbering, usize)> {
        let size = self.update[dim];
        if self.is_scattered(dim) {
            return Some((Numbering { size, along: None }, dim));
        }
        let at = self.op.update_window_dims.iter().position(|&within| within == dim)?;
        let along = self.op.window_dims(self.sizes.len())[at];
        let is_moved = self.op.scatter_dims_to_operand_dims.contains(&along) && self.last(along) > 0;
        let is_before =
            (dim + 1..self.update.len()).any(|later| self.is_scattered(later) && self.update[later] > 1);
        (size > 1 && is_moved && is_before)
            .then(|| (Numbering { size, along: Some(position(&self.array, along)) }, dim))
    }

    /// The updates' dimension that runs along a dimension of the input, if one does.
    fn along(&self, dim: usize) -> Option<usize> {
        let at = self.op.window_dims(self.sizes.len()).iter().position(|&window| window == dim)?;
        Some(self.op.update_window_dims[at])
    }

    /// The window's size along a dimension of the input that it has, and the updates' dimension.
    fn window(&self, dim: usize) -> Option<(usize, usize)> {
        let within = self.along(dim)?;
        let is_numbering = self.windows.iter().any(|&(_, numbering)| numbering == within);
        (!is_numbering).then(|| (self.update[within], within))
    }

    /// The greatest start of a window that lies within.
    fn last(&self, dim: usize) -> usize {
        self.sizes[dim].saturating_sub(self.along(dim).map_or(1, |within| self.update[within]))
    }

    /// The updates: members, windows, and the dimensions of a window.
    fn updates(&self, place: &Elements) -> Elements {
        let dims = &place.access.dims;
        let member = |of_indices: &usize| self.paired.iter().find(|(_, other)| other == of_indices);
        let members =
            self.op.scatter_indices_batching_dims.iter().filter_map(member).map(|&(own, _)| dims[own]);
        let windows = self.windows.iter().map(|&(_, dim)| dims[dim]);
        let window =
            self.array.iter().map(|&dim| self.window(dim).map_or((1, 0), |(_, within)| dims[within]));
        with_dims(place, members.chain(windows).chain(window).collect(), 0)
    }

    /// The indices of a component: members, and windows.
    fn indices(&self, indices: &Operand, component: usize) -> Elements {
        let dims = &indices.0.access.dims;
        let members = self.op.scatter_indices_batching_dims.iter().map(|&dim| dims[dim]);
        let window = |&(numbering, dim): &(Numbering, usize)| {
            let paired = self.paired.iter().find(|(own, _)| *own == dim);
            paired.map_or((numbering.size, 0), |&(_, of_indices)| dims[of_indices])
        };
        let dims = members.chain(self.windows.iter().map(window)).collect();
        with_dims(&indices.0, dims, component_offset(indices, self.op.index_vector_dim, component))
    }
}

/// Where the indices of a component lie, from those of the first one on.
fn component_offset((place, _): &Operand, index_vector_dim: usize, component: usize) -> isize {
    let dim = place.access.dims.get(index_vector_dim);
    dim.map_or(0, |&(_, stride)| component as isize * stride)
}

/// The dimensions but for these.
fn others(rank: usize, gone: &[usize]) -> Vec<usize> {
    (0..rank).filter(|dim| !gone.contains(dim)).collect()
}

/// The place of a dimension in a list that has it.
fn position(dims: &[usize], dim: usize) -> usize {
    dims.iter().take_while(|&&other| other != dim).count()
}

fn picked(place: &Elements, dims: &[usize]) -> Vec<Dim> {
    dims.iter().map(|&dim| place.access.dims[dim]).collect()
}

fn in_order(place: &Elements, order: &[usize]) -> Elements {
    with_dims(place, picked(place, order), 0)
}

fn with_dims(place: &Elements, dims: Vec<Dim>, further: isize) -> Elements {
    Elements { buffer: place.buffer, access: Access { offset: place.access.offset + further, dims } }
}
