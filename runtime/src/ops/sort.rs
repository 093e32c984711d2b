//! Ordering elements.

use std::cmp::Ordering;

use choral_ir::op::{Compare, ComparisonType, Sort, SortOp, TopK};
use choral_ir::{Order, Storage, Tensor, TensorType, with_storage};

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
    operands.iter().map(|operand| Ok(Tensor::pick(&[operand], operand.shape(), &source)?)).collect()
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
    before: &dyn Fn(usize, usize) -> Result<bool, Error>,
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

/// The places of the `k` greatest elements of each line, the greatest first and of equal ones the first.
fn top_k(TopK { k }: TopK, operand: &Tensor, types: &[TensorType]) -> Result<Vec<Tensor>, Error> {
    let before = |left: usize, right: usize| {
        let order = with_storage!(operand.storage(), values => {
            Scalar::order(ComparisonType::TotalOrder, values[left], values[right])
        });
        Ok(order.is_some_and(Ordering::is_gt))
    };
    let (mut source, mut within) = (Vec::new(), Vec::new());
    for line in lines(operand.shape(), operand.shape().len() - 1) {
        let ordered = merge_sorted(&line, &before)?;
        source.extend(&ordered[..k]);
        within.extend(ordered[..k].iter().map(|place| (place - line[0]) as i32));
    }
    let shape = types[0].shape.as_slice();
    let places = Tensor::from_storage(shape, Storage::I32(within.into()))?;
    Ok(vec![Tensor::pick(&[operand], shape, &source)?, places])
}
