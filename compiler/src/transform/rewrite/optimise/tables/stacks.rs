//! Stacks of a few components, such as a state of positions and velocities: each component is computed by itself.
//!
//! What reads one component then reads no stack, and all of a step of such a state is over one shape: one kernel,
//! whose values lie one after another. Elements are made by the same operations, so all rows hold for every element type.

use choral_ir::op::{Binary, BroadcastInDim, Concatenate, Elementwise, Reduce, Reshape, Slice};
use choral_ir::{Op, Value};

use super::{Rewrite, table};
use crate::transform::rewrite::optimise::site::{After, Site};

pub(super) const TABLE: &[Rewrite] = table! {
    "elementwise_of_stack": "an op on a stack of a few components -> a stack of the op on each",
        elementwise_of_stack;
    "extreme_of_stack": "the greatest or least of a stack of a few components -> the greater or lesser of each two",
        extreme_of_stack;
};

/// Components of a stack, at most.
const FEW: usize = 8;

/// Elements of a stack, at most: of more, whoever runs it has rows long enough as it is.
const SMALL: usize = 1 << 15;

/// The dimension of a stack, and its components: values of size 1 along it.
fn stack(site: &Site<'_>, value: Value) -> Option<(usize, Vec<Value>)> {
    let (&Concatenate { dimension }, parts) = site.made_by(value)?;
    let is_stack = (2..=FEW).contains(&parts.len())
        && parts.iter().all(|&part| site.shape(part)[dimension] == 1)
        && site.ty(value).len() <= SMALL;
    is_stack.then_some((dimension, parts))
}

/// A shape without a dimension.
fn without(shape: &[usize], dimension: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape.remove(dimension);
    shape
}

/// A component of a value along a dimension, without that.
fn component(site: &Site<'_>, value: Value, dimension: usize, at: usize) -> After {
    let shape = site.shape(value);
    let part = match stack(site, value) {
        Some((along, parts)) if along == dimension => After::Value(parts[at]),
        Some(_) | None => {
            let mut slice =
                Slice { start: vec![0; shape.len()], limit: shape.to_vec(), strides: vec![1; shape.len()] };
            (slice.start[dimension], slice.limit[dimension]) = (at, at + 1);
            After::op(slice, &[value])
        }
    };
    part.then(Reshape { shape: without(shape, dimension) })
}

fn elementwise_of_stack(site: &Site<'_>) -> Option<After> {
    let op = site.this::<Elementwise>()?;
    let (dimension, parts) = site.operands.iter().find_map(|&value| stack(site, value))?;
    let mut unit = site.shape(parts[0]).to_vec();
    unit[dimension] = 1;
    let each = |at: usize| {
        let operands = site.operands.iter().map(|&value| component(site, value, dimension, at));
        After::Op(op.clone().into(), operands.collect()).then(Reshape { shape: unit.clone() })
    };
    Some(After::Op(Concatenate { dimension }.into(), (0..parts.len()).map(each).collect()))
}

fn extreme_of_stack(site: &Site<'_>) -> Option<After> {
    let Op::Reduce(Reduce { dimensions, body }) = site.op else { return None };
    let (&[value, initial], &[along]) = (site.operands, dimensions.as_slice()) else { return None };
    let op = body.binary().filter(|op| matches!(op, Binary::Maximum | Binary::Minimum))?;
    let (dimension, parts) = stack(site, value)?;
    let shape = without(site.shape(value), dimension);
    let first = match site.shape(initial).is_empty() {
        true => After::op(BroadcastInDim { shape, dims: Vec::new() }, &[initial]),
        false => After::Value(initial),
    };
    let both = |sofar: After, next: After| After::Op(Elementwise::Binary(op).into(), vec![sofar, next]);
    let each = (0..parts.len()).map(|at| component(site, value, dimension, at));
    (dimension == along).then(|| each.fold(first, both))
}
