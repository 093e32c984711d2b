//! Views: broadcasts, reshapes, transposes and reversals that do nothing, or are one.
//!
//! They move elements and make none, so all rows hold for every element type.

use choral_ir::TensorType;
use choral_ir::op::{BroadcastInDim, Iota, Reshape, Reverse, ShapeOp, Transpose};

use super::{Rewrite, table};
use crate::transform::rewrite::optimise::number::Number;
use crate::transform::rewrite::optimise::site::{After, Site, is_in_order};

pub(super) const TABLE: &[Rewrite] = table! {
    "constant_moved": "a broadcast, reshape, transpose, reversal or slice of one element everywhere -> the element there",
        constant_moved;
    "reshape_to_itself": "x in its own shape -> x",
        |site| (site.this::<Reshape>()?.shape == site.shape(site.operands[0])).then(|| After::Value(site.operands[0]));
    "reshape_twice": "x in one shape, then in another -> in the other",
        |site| {
            let reshape = site.this::<Reshape>()?.clone();
            Some(After::op(reshape, &[site.view::<Reshape>(site.operands[0])?.1]))
        };
    "transpose_to_itself": "dimensions in their own order -> x",
        |site| is_in_order(&site.this::<Transpose>()?.permutation).then(|| After::Value(site.operands[0]));
    "transpose_twice": "two transposes -> one",
        transpose_twice;
    "transpose_of_broadcast": "a transpose of a broadcast -> the broadcast to where that leads",
        transpose_of_broadcast;
    "transpose_of_units": "a transpose that moves dimensions of size 1 alone -> a reshape",
        transpose_of_units;
    "broadcast_to_itself": "x in its own shape -> x",
        |site| {
            let BroadcastInDim { shape, dims } = site.this()?;
            let stays = is_in_order(dims) && *shape == site.shape(site.operands[0]);
            stays.then(|| After::Value(site.operands[0]))
        };
    "broadcast_twice": "two broadcasts -> one",
        broadcast_twice;
    "broadcast_of_transpose": "a broadcast of a transpose -> the broadcast from where that began",
        broadcast_of_transpose;
    "broadcast_of_units": "a broadcast of a reshape that adds dimensions of size 1 -> a broadcast",
        broadcast_of_units;
    "broadcast_to_units": "a broadcast that repeats nothing and keeps the order -> a reshape",
        broadcast_to_units;
    "broadcast_of_counted": "a broadcast of an iota -> an iota",
        broadcast_of_counted;
    "counted_to_one": "an iota along a dimension of size 1 -> 0",
        |site| {
            let iota = site.this::<Iota>()?;
            (iota.shape[iota.dimension] == 1).then(|| site.number(Number::Zero, &site.result()?))?
        };
    "reverse_nothing": "x reversed along no dimension, or along those of size 1 -> x",
        |site| {
            let Reverse { dims } = site.this()?;
            let shape = site.shape(site.operands[0]);
            dims.iter().all(|&dim| shape[dim] <= 1).then(|| After::Value(site.operands[0]))
        };
    "reverse_twice": "two reversals -> one, along what only one of them reverses",
        reverse_twice;
};

fn constant_moved(site: &Site<'_>) -> Option<After> {
    let moves = match site.this::<ShapeOp>()? {
        ShapeOp::BroadcastInDim(_)
        | ShapeOp::Reshape(_)
        | ShapeOp::Transpose(_)
        | ShapeOp::Reverse(_)
        | ShapeOp::Slice(_) => true,
        ShapeOp::Iota(_) | ShapeOp::BitcastConvert(_) | ShapeOp::Pad(_) | ShapeOp::Concatenate(_) => false,
    };
    let scalar = site.splat(*site.operands.first()?).filter(|_| moves)?;
    Some(After::Constant(scalar.clone(), site.result()?))
}

fn transpose_twice(site: &Site<'_>) -> Option<After> {
    let Transpose { permutation } = site.this()?;
    let (inner, x) = site.view::<Transpose>(site.operands[0])?;
    let permutation = permutation.iter().map(|&dim| inner.permutation[dim]).collect();
    Some(After::op(Transpose { permutation }, &[x]))
}

fn transpose_of_broadcast(site: &Site<'_>) -> Option<After> {
    let Transpose { permutation } = site.this()?;
    let (BroadcastInDim { shape, dims }, x) = site.view(site.operands[0])?;
    let place = |dim: &usize| permutation.iter().position(|from| from == dim);
    let dims = dims.iter().map(place).collect::<Option<Vec<usize>>>()?;
    let shape = permutation.iter().map(|&dim| shape[dim]).collect();
    Some(After::op(BroadcastInDim { shape, dims }, &[x]))
}

fn transpose_of_units(site: &Site<'_>) -> Option<After> {
    let Transpose { permutation } = site.this()?;
    let shape = site.shape(site.operands[0]);
    let moved: Vec<usize> = permutation.iter().copied().filter(|&dim| shape[dim] != 1).collect();
    let shape = permutation.iter().map(|&dim| shape[dim]).collect();
    (moved.is_sorted() && !is_in_order(permutation)).then(|| After::op(Reshape { shape }, site.operands))
}

fn broadcast_twice(site: &Site<'_>) -> Option<After> {
    let BroadcastInDim { shape, dims } = site.this()?;
    let (inner, x) = site.view::<BroadcastInDim>(site.operands[0])?;
    let dims = inner.dims.iter().map(|&dim| dims[dim]).collect();
    Some(After::op(BroadcastInDim { shape: shape.clone(), dims }, &[x]))
}

fn broadcast_of_transpose(site: &Site<'_>) -> Option<After> {
    let BroadcastInDim { shape, dims } = site.this()?;
    let (Transpose { permutation }, x) = site.view(site.operands[0])?;
    let mut from = vec![0; dims.len()];
    permutation.iter().zip(dims).for_each(|(&dim, &to)| from[dim] = to);
    Some(After::op(BroadcastInDim { shape: shape.clone(), dims: from }, &[x]))
}

fn broadcast_of_units(site: &Site<'_>) -> Option<After> {
    let BroadcastInDim { shape, dims } = site.this()?;
    let (Reshape { shape: between }, x) = site.view(site.operands[0])?;
    let kept = kept_of_units(site.shape(x), between)?;
    let dims = kept.into_iter().map(|dim| dims[dim]).collect();
    Some(After::op(BroadcastInDim { shape: shape.clone(), dims }, &[x]))
}

/// Where the dimensions of a shape stand in one that only adds dimensions of size 1.
fn kept_of_units(from: &[usize], to: &[usize]) -> Option<Vec<usize>> {
    let mut places = Vec::with_capacity(from.len());
    for (place, &size) in to.iter().enumerate() {
        if from.get(places.len()) == Some(&size) {
            places.push(place);
        } else if size != 1 {
            return None;
        }
    }
    (places.len() == from.len() && from.len() < to.len()).then_some(places)
}

fn broadcast_to_units(site: &Site<'_>) -> Option<After> {
    let BroadcastInDim { shape, dims } = site.this()?;
    let ty = site.ty(site.operands[0]);
    let repeats_nothing = ty.len() == TensorType::new(shape.clone(), ty.dtype).len();
    let keeps_order =
        dims.iter().zip(&ty.shape).filter(|&(_, &size)| size != 1).is_sorted_by_key(|(&dim, _)| dim);
    let changes = *shape != ty.shape;
    (repeats_nothing && keeps_order && changes && !ty.is_empty())
        .then(|| After::op(Reshape { shape: shape.clone() }, site.operands))
}

fn broadcast_of_counted(site: &Site<'_>) -> Option<After> {
    let BroadcastInDim { shape, dims } = site.this()?;
    let (Iota { shape: small, dtype, dimension }, _) = site.made_by(site.operands[0])?;
    let to = dims[*dimension];
    (small[*dimension] == shape[to])
        .then(|| After::op(Iota { shape: shape.clone(), dtype: *dtype, dimension: to }, &[]))
}

fn reverse_twice(site: &Site<'_>) -> Option<After> {
    let Reverse { dims } = site.this()?;
    let (inner, x) = site.view::<Reverse>(site.operands[0])?;
    let once = |dim: &usize| dims.contains(dim) != inner.dims.contains(dim);
    let dims = (0..site.ty(x).rank()).filter(once).collect();
    Some(After::op(Reverse { dims }, &[x]))
}
