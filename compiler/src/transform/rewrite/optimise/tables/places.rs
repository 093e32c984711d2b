//! Parts of values: slices, pads and concatenations that do nothing, or are one; places that are known.
//!
//! They move elements and make none, so all rows hold for every element type.

use choral_ir::op::{
    BroadcastInDim, Concatenate, DynamicSlice, DynamicUpdateSlice, Gather, Pad, Reshape, Slice,
};
use choral_ir::{DType, Tensor, Value};

use super::{Rewrite, table};
use crate::transform::rewrite::optimise::number::bits;
use crate::transform::rewrite::optimise::site::{After, Site};

pub(super) const TABLE: &[Rewrite] = table! {
    "slice_of_all": "all of x -> x",
        |site| {
            site.this::<Slice>()?;
            (site.result()?.shape == site.shape(site.operands[0])).then(|| After::Value(site.operands[0]))
        };
    "slice_twice": "two slices -> one",
        slice_twice;
    "slice_of_broadcast": "a slice along repeated dimensions -> a smaller broadcast",
        slice_of_broadcast;
    "slice_of_concatenation": "a slice within one of several -> a slice of it",
        slice_of_concatenation;
    "pad_with_nothing": "x without padding -> x",
        |site| {
            let Pad { low, high, interior } = site.this()?;
            let nothing = low.iter().chain(high).all(|&size| size == 0) && no_gaps(site, interior);
            nothing.then(|| After::Value(site.operands[0]))
        };
    "pad_that_removes": "padding that only removes -> a slice",
        pad_that_removes;
    "pad_twice": "two paddings with one value around x -> one",
        pad_twice;
    "pad_of_padding": "the padding value, padded with itself -> more of it",
        pad_of_padding;
    "concatenate_one": "one value -> the value",
        |site| (site.this::<Concatenate>().is_some() && site.operands.len() == 1).then(|| After::Value(site.operands[0]));
    "concatenate_empty": "values among which some are empty -> the others",
        concatenate_empty;
    "concatenate_neighbours": "slices that follow each other in one value -> one slice",
        concatenate_neighbours;
    "concatenate_constants": "the same element everywhere in each -> in all",
        concatenate_constants;
    "dynamic_slice_of_all": "a slice as large as x, wherever it starts -> x",
        |site| {
            let DynamicSlice { batching_dims, slice_sizes } = site.this()?;
            let all = batching_dims.is_empty() && *slice_sizes == site.shape(site.operands[0]);
            all.then(|| After::Value(site.operands[0]))
        };
    "dynamic_slice_at_constants": "a slice whose start is known -> a slice",
        dynamic_slice_at_constants;
    "dynamic_update_of_all": "an update as large as x, wherever it starts -> the update",
        |site| {
            let DynamicUpdateSlice { batching_dims } = site.this()?;
            let all = batching_dims.is_empty() && site.shape(site.operands[0]) == site.shape(site.operands[1]);
            all.then(|| After::Value(site.operands[1]))
        };
    "gather_of_one_slice": "a gather of one slice whose start is known -> that slice",
        gather_of_one_slice;
};

fn slice_twice(site: &Site<'_>) -> Option<After> {
    let outer = site.this::<Slice>()?;
    let (inner, x) = site.view::<Slice>(site.operands[0])?;
    let mut slice = outer.clone();
    for (dim, size) in outer.result_shape().into_iter().enumerate() {
        let place = |at: usize| inner.start[dim].saturating_add(at.saturating_mul(inner.strides[dim]));
        slice.start[dim] = place(outer.start[dim]).min(inner.limit[dim]);
        // One element has no stride, and more than one lie within x.
        slice.strides[dim] = if size > 1 { outer.strides[dim] * inner.strides[dim] } else { 1 };
        slice.limit[dim] = slice.start[dim] + size.saturating_sub(1) * slice.strides[dim] + size.min(1);
    }
    Some(After::op(slice, &[x]))
}

/// Whether a slice takes all of a dimension of this size.
fn takes_all(slice: &Slice, dim: usize, size: usize) -> bool {
    (slice.start[dim], slice.limit[dim], slice.strides[dim]) == (0, size, 1)
}

fn slice_of_broadcast(site: &Site<'_>) -> Option<After> {
    let slice = site.this::<Slice>()?;
    let (BroadcastInDim { shape, dims }, x) = site.view(site.operands[0])?;
    let is_repeated = |dim: usize| match dims.iter().position(|&to| to == dim) {
        Some(from) => site.shape(x)[from] == 1,
        None => true,
    };
    let fits = (0..shape.len()).all(|dim| takes_all(slice, dim, shape[dim]) || is_repeated(dim));
    // A dimension of size 1 must stay one of size 1.
    let result = slice.result_shape();
    fits.then(|| After::op(BroadcastInDim { shape: result, dims: dims.clone() }, &[x]))
}

fn slice_of_concatenation(site: &Site<'_>) -> Option<After> {
    let slice = site.this::<Slice>()?;
    let (&Concatenate { dimension }, parts) = site.made_by(site.operands[0])?;
    let mut first = 0;
    for part in parts {
        let next = first + site.shape(part)[dimension];
        let (start, limit) = (slice.start[dimension], slice.limit[dimension]);
        if first <= start && limit <= next && start < limit {
            let mut slice = slice.clone();
            slice.start[dimension] -= first;
            slice.limit[dimension] -= first;
            return Some(After::op(slice, &[part]));
        }
        first = next;
    }
    None
}

/// Whether there is nothing between elements.
fn no_gaps(site: &Site<'_>, interior: &[usize]) -> bool {
    interior.iter().zip(site.shape(site.operands[0])).all(|(&gap, &size)| gap == 0 || size <= 1)
}

fn pad_that_removes(site: &Site<'_>) -> Option<After> {
    let Pad { low, high, interior } = site.this()?;
    let shape = site.shape(site.operands[0]);
    let removes = low.iter().chain(high).all(|&size| size <= 0) && no_gaps(site, interior);
    let removed = |size: i64| usize::try_from(size.unsigned_abs()).ok();
    let start: Vec<usize> =
        low.iter().filter(|_| removes).map(|&size| removed(size)).collect::<Option<_>>()?;
    let limit = high.iter().zip(shape).map(|(&high, &size)| size.checked_sub(removed(high)?));
    let limit: Vec<usize> = limit.collect::<Option<_>>()?;
    let fits = start.len() == shape.len() && start.iter().zip(&limit).all(|(start, limit)| start <= limit);
    fits.then(|| After::op(Slice { start, limit, strides: vec![1; shape.len()] }, &site.operands[..1]))
}

fn pad_twice(site: &Site<'_>) -> Option<After> {
    let outer = site.this::<Pad>()?;
    let (inner, operands) = site.made_by::<Pad>(site.operands[0])?;
    let is_plain = |pad: &Pad| {
        pad.low.iter().chain(&pad.high).all(|&size| size >= 0) && pad.interior.iter().all(|&gap| gap == 0)
    };
    if operands[1] != site.operands[1] || !is_plain(outer) || !is_plain(inner) {
        return None;
    }
    let sum = |outer: &[i64], inner: &[i64]| -> Option<Vec<i64>> {
        outer.iter().zip(inner).map(|(outer, inner)| outer.checked_add(*inner)).collect()
    };
    let (low, high) = (sum(&outer.low, &inner.low)?, sum(&outer.high, &inner.high)?);
    Some(After::op(Pad { low, high, interior: outer.interior.clone() }, &operands))
}

fn pad_of_padding(site: &Site<'_>) -> Option<After> {
    site.this::<Pad>()?;
    let [x, value] = [site.splat(site.operands[0])?, site.splat(site.operands[1])?];
    (bits(x) == bits(value)).then(|| Some(After::Constant(x.clone(), site.result()?)))?
}

fn concatenate_empty(site: &Site<'_>) -> Option<After> {
    let concatenate = site.this::<Concatenate>()?;
    let is_empty = |value: &Value| site.shape(*value)[concatenate.dimension] == 0;
    let full: Vec<Value> = site.operands.iter().copied().filter(|value| !is_empty(value)).collect();
    (1..site.operands.len()).contains(&full.len()).then(|| After::op(concatenate.clone(), &full))
}

fn concatenate_neighbours(site: &Site<'_>) -> Option<After> {
    let &Concatenate { dimension } = site.this()?;
    let (first, x) = site.view::<Slice>(*site.operands.first()?)?;
    let mut joined = first.clone();
    for &operand in &site.operands[1..] {
        let (next, of) = site.view::<Slice>(operand)?;
        let follows = of == x && next.start[dimension] == joined.limit[dimension];
        joined.limit[dimension] = next.limit[dimension];
        let alike = Slice { start: joined.start.clone(), ..next.clone() };
        let others = |dims: &[usize]| settled(dims, dimension);
        let is_alike = alike == joined && others(&next.start) == others(&joined.start);
        if !follows || !is_alike || joined.strides[dimension] != 1 {
            return None;
        }
    }
    (site.operands.len() > 1).then(|| After::op(joined, &[x]))
}

/// A list without the entry of one dimension.
fn settled(list: &[usize], dimension: usize) -> Vec<usize> {
    list.iter().enumerate().filter(|&(dim, _)| dim != dimension).map(|(_, &entry)| entry).collect()
}

fn concatenate_constants(site: &Site<'_>) -> Option<After> {
    site.this::<Concatenate>()?;
    let first = site.splat(*site.operands.first()?)?;
    let same = |&value: &Value| site.splat(value).is_some_and(|tensor| bits(tensor) == bits(first));
    site.operands.iter().all(same).then(|| Some(After::Constant(first.clone(), site.result()?)))?
}

/// The whole numbers of a constant.
fn whole_numbers(tensor: &Tensor) -> Option<Vec<i64>> {
    tensor.dtype().is_integer().then(|| tensor.to_dtype(DType::I64))?.as_slice().map(<[i64]>::to_vec).ok()
}

/// Where a slice of this size lies that would start here, within a dimension.
fn clamped(start: i64, slice: usize, size: usize) -> usize {
    usize::try_from(start.max(0)).unwrap_or(usize::MAX).min(size - slice)
}

/// The slice of these sizes that starts here.
fn slice_at(start: Vec<usize>, sizes: &[usize]) -> Slice {
    let limit = start.iter().zip(sizes).map(|(start, size)| start + size).collect();
    Slice { strides: vec![1; start.len()], start, limit }
}

fn dynamic_slice_at_constants(site: &Site<'_>) -> Option<After> {
    let DynamicSlice { batching_dims, slice_sizes } = site.this()?;
    let shape = site.shape(site.operands[0]);
    if !batching_dims.is_empty() {
        return None;
    }
    let start = |(dim, &value): (usize, &Value)| {
        // What covers the dimension starts at its start.
        if slice_sizes[dim] == shape[dim] {
            return Some(0);
        }
        Some(clamped(*whole_numbers(site.constant(value)?)?.first()?, slice_sizes[dim], shape[dim]))
    };
    let start: Vec<usize> = site.operands[1..].iter().enumerate().map(start).collect::<Option<_>>()?;
    Some(After::op(slice_at(start, slice_sizes), &site.operands[..1]))
}

fn gather_of_one_slice(site: &Site<'_>) -> Option<After> {
    let gather = site.this::<Gather>()?;
    let &[x, indices] = site.operands else { return None };
    let (shape, result) = (site.shape(x), site.result()?);
    let sizes = &gather.slice_sizes;
    let is_one = sizes.iter().product::<usize>() == result.len() && !result.is_empty();
    let plain = gather.operand_batching_dims.is_empty();
    let tensor = site.constant(indices).filter(|_| is_one && plain)?;
    let mut numbers = whole_numbers(tensor)?;
    if tensor.shape().is_empty() {
        numbers.resize(gather.start_index_map.len(), *numbers.first()?);
    }
    let mut start = vec![0; sizes.len()];
    for (&dim, &number) in gather.start_index_map.iter().zip(&numbers) {
        start[dim] = clamped(number, sizes[dim], shape[dim]);
    }
    // Dimensions of the one index have size 1, and so have those that are left out.
    let slice = After::op(slice_at(start, sizes), &[x]);
    (gather.offset_dims.is_sorted()).then(|| slice.then(Reshape { shape: result.shape }))
}
