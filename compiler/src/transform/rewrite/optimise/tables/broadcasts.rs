//! Broadcasts sunk: what is the same along a dimension is worked out once, and repeated afterwards.
//!
//! Each element comes from the same elements by the same op, so both rows hold for every element type.

use choral_ir::op::{BroadcastInDim, DotGeneral, Elementwise, Reshape, dot::free};
use choral_ir::{TensorType, Value};

use super::{Rewrite, table};
use crate::transform::rewrite::optimise::site::{After, Site, is_in_order};

pub(super) const TABLE: &[Rewrite] = table! {
    "elementwise_of_broadcasts": "op(broadcast(x), broadcast(y)) -> broadcast(op(x, y)) along what both repeat",
        elementwise_of_broadcasts;
    "product_of_broadcast": "broadcast(x) . y -> broadcast(x . y), of free dimensions that are repeated",
        product_of_broadcast;
};

/// An operand by what it does not repeat.
enum Part<'a> {
    /// One element everywhere.
    Everywhere(&'a choral_ir::Tensor),
    /// A value, and the dimension of the result for each of its own.
    Broadcast(Value, &'a [usize]),
}

fn part<'a>(site: &Site<'a>, value: Value) -> Option<Part<'a>> {
    if let Some(scalar) = site.splat(value) {
        return Some(Part::Everywhere(scalar));
    }
    let (op, from) = site.view::<BroadcastInDim>(value)?;
    Some(Part::Broadcast(from, &op.dims))
}

/// The dimensions of a broadcast's result along which its operand is not repeated.
fn varying(site: &Site<'_>, from: Value, dims: &[usize], shape: &[usize]) -> Vec<usize> {
    let sizes = site.shape(from).iter().zip(dims);
    sizes.filter(|&(&size, &to)| size == shape[to] && size != 1).map(|(_, &to)| to).collect()
}

fn elementwise_of_broadcasts(site: &Site<'_>) -> Option<After> {
    site.this::<Elementwise>()?;
    let shape = site.shape(*site.operands.first()?);
    let parts: Vec<Part<'_>> = site.operands.iter().map(|&value| part(site, value)).collect::<Option<_>>()?;
    let mut kept: Vec<usize> = Vec::new();
    for part in &parts {
        match part {
            Part::Everywhere(_) => {}
            Part::Broadcast(from, dims) => kept.extend(varying(site, *from, dims, shape)),
        }
    }
    kept.sort_unstable();
    kept.dedup();
    let small: Vec<usize> = kept.iter().map(|&dim| shape[dim]).collect();
    let is_smaller = small.iter().product::<usize>() < shape.iter().product::<usize>();
    let is_constant = parts.iter().all(|part| matches!(part, Part::Everywhere(_)));
    if !is_smaller || is_constant {
        return None;
    }
    let operand = |(part, &value): (&Part<'_>, &Value)| match part {
        Part::Everywhere(scalar) => {
            After::Constant((*scalar).clone(), site.ty(value).with_shape(small.clone()))
        }
        Part::Broadcast(from, dims) => narrowed(site, *from, dims, &kept, &small),
    };
    let operands = parts.iter().zip(site.operands).map(operand).collect();
    let whole = BroadcastInDim { shape: shape.to_vec(), dims: kept.clone() };
    Some(After::Op(site.op.clone(), operands).then(whole))
}

/// A broadcast along the dimensions that are kept alone.
fn narrowed(site: &Site<'_>, from: Value, dims: &[usize], kept: &[usize], small: &[usize]) -> After {
    let ty = site.ty(from);
    let place = |dim: &usize| kept.iter().position(|at| at == dim);
    // A dimension of size 1 whose place is not kept goes.
    let places: Vec<Option<usize>> = dims.iter().map(place).collect();
    let shape: Vec<usize> =
        ty.shape.iter().zip(&places).filter(|(_, place)| place.is_some()).map(|(&size, _)| size).collect();
    let dims: Vec<usize> = places.into_iter().flatten().collect();
    let is_all = is_in_order(&dims) && shape == small;
    let value = reshaped(After::Value(from), ty, shape);
    if is_all { value } else { value.then(BroadcastInDim { shape: small.to_vec(), dims }) }
}

fn reshaped(value: After, ty: &TensorType, shape: Vec<usize>) -> After {
    if ty.shape == shape { value } else { value.then(Reshape { shape }) }
}

fn product_of_broadcast(site: &Site<'_>) -> Option<After> {
    (0..2).find_map(|side| without_repeats(site, side))
}

/// The product of what the operand on one side repeats, repeated.
fn without_repeats(site: &Site<'_>, side: usize) -> Option<After> {
    let dot = site.this::<DotGeneral>()?;
    let (BroadcastInDim { shape, dims }, from) = site.view(site.operands[side])?;
    let own = if side == 0 {
        [&dot.lhs_batching, &dot.lhs_contracting]
    } else {
        [&dot.rhs_batching, &dot.rhs_contracting]
    };
    let varying = varying(site, from, dims, shape);
    let is_free = |dim: &usize| !own.iter().any(|dims| dims.contains(dim));
    let is_kept = |dim: &usize| !is_free(dim) || varying.contains(dim) || shape[*dim] == 1;
    let kept: Vec<usize> = (0..shape.len()).filter(is_kept).collect();
    let is_smaller = (0..shape.len()).any(|dim| !is_kept(&dim) && shape[dim] > 1);
    if !is_smaller {
        return None;
    }
    let small: Vec<usize> = kept.iter().map(|&dim| shape[dim]).collect();
    let settled = |dims: &[usize]| -> Option<Vec<usize>> {
        dims.iter().map(|dim| kept.iter().position(|at| at == dim)).collect()
    };
    let (batching, contracting) = (settled(own[0])?, settled(own[1])?);
    let mut product = dot.clone();
    if side == 0 {
        (product.lhs_batching, product.lhs_contracting) = (batching, contracting);
    } else {
        (product.rhs_batching, product.rhs_contracting) = (batching, contracting);
    }
    let mut operands: Vec<After> = site.operands.iter().map(|&value| After::Value(value)).collect();
    operands[side] = narrowed(site, from, dims, &kept, &small);
    let result = site.result()?.shape;
    let places = result_places(site, dot, side, &kept, result.len());
    Some(After::Op(product.into(), operands).then(BroadcastInDim { shape: result, dims: places }))
}

/// Where the dimensions of the smaller product stand in the result.
fn result_places(site: &Site<'_>, dot: &DotGeneral, side: usize, kept: &[usize], rank: usize) -> Vec<usize> {
    let rank_of = |side: usize| site.shape(site.operands[side]).len();
    let lhs = free(rank_of(0), &dot.lhs_batching, &dot.lhs_contracting);
    let rhs = free(rank_of(1), &dot.rhs_batching, &dot.rhs_contracting);
    let batch = dot.lhs_batching.len();
    let (first, own) = if side == 0 { (batch, &lhs) } else { (batch + lhs.len(), &rhs) };
    let is_gone = |place: usize| {
        place.checked_sub(first).and_then(|at| own.get(at)).is_some_and(|dim| !kept.contains(dim))
    };
    (0..rank).filter(|&place| !is_gone(place)).collect()
}
