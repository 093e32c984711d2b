//! Ordering elements.

use std::cmp::Ordering;

use choral_ir::op::{Compare, ComparisonType, Sort, SortOp, TopK};
use choral_ir::{Element, Order, Storage, Tensor, TensorType, with_storage};

use super::bodies::RunBody;
use super::elementwise::holds;
use super::places::{indices, place, strides};
use super::reduce::element;
use super::scalar::Scalar;
use crate::error::Error;

/// The results of an op of the family.
///
/// # Errors
/// Those of `run`; that of a tensor that does not hold what its type says.
pub fn evaluate(
    op: &SortOp,
    operands: &[&Tensor],
    types: &[TensorType],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    match op {
        SortOp::Sort(op) => sort(op, operands, run),
        SortOp::TopK(op) => top_k(*op, operands[0], types),
    }
}

fn sort(op: &Sort, operands: &[&Tensor], run: &RunBody<'_>) -> Result<Vec<Tensor>, Error> {
    let Sort { dimension, is_stable: _, comparator } = op;
    let by_body = |left: usize, right: usize| -> Result<bool, Error> {
        let mut pair = Vec::with_capacity(2 * operands.len());
        for operand in operands {
            pair.extend([element(operand, left)?, element(operand, right)?]);
        }
        Ok(run(0, &pair)?[0].item::<bool>()?)
    };
    let before = |left: usize, right: usize| {
        let key =
            with_storage!(operands[0].storage(), keys => by(comparator.order(), keys[left], keys[right]));
        key.map_or_else(|| by_body(left, right), Ok)
    };
    let mut source = vec![0; operands[0].len()];
    for line in lines(operands[0].shape(), *dimension) {
        let ordered = merge_sorted(&line, &before)?;
        line.iter().zip(ordered).for_each(|(&to, from)| source[to] = from);
    }
    operands.iter().map(|operand| taken(operand, operand.shape(), &source)).collect()
}

/// What an order says of two keys; `None` where only its body can.
fn by<T: Scalar>(order: Order, left: T, right: T) -> Option<bool> {
    match order {
        Order::Compared(Compare { direction, compare_type }) => {
            Some(holds(direction, T::order(compare_type, left, right)))
        }
        Order::NanGreatest { descending: false } => Some(nan_greatest(left, right).is_lt()),
        Order::NanGreatest { descending: true } => Some(nan_greatest(left, right).is_gt()),
        Order::Body => None,
    }
}

/// The natural order, in which every NaN is greater than all numbers and equal to every other.
fn nan_greatest<T: Scalar>(left: T, right: T) -> Ordering {
    let natural = |left, right| T::order(ComparisonType::Natural, left, right);
    let is_nan = |x| natural(x, x).is_none();
    natural(left, right).unwrap_or_else(|| is_nan(left).cmp(&is_nan(right)))
}

/// The places of each line along a dimension.
fn lines(shape: &[usize], dimension: usize) -> Vec<Vec<usize>> {
    let mut starts = shape.to_vec();
    starts[dimension] = starts[dimension].min(1);
    let step = strides(shape)[dimension];
    let line = |start: Vec<usize>| {
        let first = place(shape, &start);
        (0..shape[dimension]).map(|at| first + at * step).collect()
    };
    indices(&starts).map(line).collect()
}

/// The places in order, by merging: it ends for any comparator, even an inconsistent one.
fn merge_sorted(
    places: &[usize],
    before: &impl Fn(usize, usize) -> Result<bool, Error>,
) -> Result<Vec<usize>, Error> {
    if places.len() < 2 {
        return Ok(places.to_vec());
    }
    let (left, right) = places.split_at(places.len() / 2);
    let (left, right) = (merge_sorted(left, before)?, merge_sorted(right, before)?);
    let mut merged = Vec::with_capacity(places.len());
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        // Only a strictly smaller element overtakes: equal places keep their order.
        if before(right[r], left[l])? {
            merged.push(right[r]);
            r += 1;
        } else {
            merged.push(left[l]);
            l += 1;
        }
    }
    merged.extend(&left[l..]);
    merged.extend(&right[r..]);
    Ok(merged)
}

/// The elements at these places, in a shape.
fn taken(operand: &Tensor, shape: &[usize], places: &[usize]) -> Result<Tensor, Error> {
    let data = with_storage!(operand.storage(), values => {
        Element::store(places.iter().map(|&place| values[place]).collect())
    });
    Ok(Tensor::from_storage(shape, data)?)
}

fn top_k(TopK { k }: TopK, operand: &Tensor, types: &[TensorType]) -> Result<Vec<Tensor>, Error> {
    fn greatest<T: Scalar>(line: &[T], k: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..line.len()).collect();
        let order = |&left: &usize, &right: &usize| {
            Scalar::order(ComparisonType::TotalOrder, line[right], line[left]).unwrap_or(Ordering::Equal)
        };
        places.sort_by(order);
        places.truncate(k);
        places
    }
    let width = operand.shape().last().copied().unwrap_or(1);
    let places: Vec<Vec<usize>> = with_storage!(operand.storage(), values => {
        values.chunks_exact(width.max(1)).map(|line| greatest(line, k)).collect()
    });
    let whole = |(line, places): (usize, &Vec<usize>)| {
        places.iter().map(move |at| line * width + at).collect::<Vec<_>>()
    };
    let source: Vec<usize> = places.iter().enumerate().flat_map(whole).collect();
    let within = places.concat().into_iter().map(|place| place as i32).collect();
    let shape = types[0].shape.as_slice();
    Ok(vec![taken(operand, shape, &source)?, Tensor::from_storage(shape, Storage::I32(within))?])
}
