//! Running folds: `cumsum` and its like, which arrive as windows that span a whole dimension.

use choral_ir::element::{bf16, f16};
use choral_ir::op::{Binary, ReduceWindow};
use choral_ir::{Element, Storage, Tensor, with_storage};

use super::fold::Folded;
use crate::ops::scalar::Scalar;

/// Which way a running fold goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    FromStart,
    FromEnd,
}

/// The elements of the result, in one pass; `None` where windows are not the running ones of one
/// dimension, and for bodies other than a single commutative op.
pub fn evaluate(op: &ReduceWindow, operands: &[&Tensor]) -> Option<Storage> {
    let [input, init] = operands else { return None };
    let fold = op.body.binary().filter(|fold| forgets_order(*fold))?;
    let (dim, direction) = running(op, input.shape())?;
    if init.len() != 1 {
        return None;
    }
    let along = Along { shape: input.shape(), dim, direction };
    match (input.storage(), init.storage()) {
        (Storage::F16(values), Storage::F16(init)) => {
            run(values, init[0].widened(), along, fold, f16::widened, f16::rounded)
        }
        (Storage::Bf16(values), Storage::Bf16(init)) => {
            run(values, init[0].widened(), along, fold, bf16::widened, bf16::rounded)
        }
        (values, init) => with_storage!(values, values => {
            run(values, Element::view(init)?[0], along, fold, |x| x, |x| x)
        }),
    }
}

fn forgets_order(fold: Binary) -> bool {
    let folds = [
        Binary::Add,
        Binary::And,
        Binary::Maximum,
        Binary::Minimum,
        Binary::Multiply,
        Binary::Or,
        Binary::Xor,
    ];
    folds.contains(&fold)
}

/// The only dimension that windows span, if they span all of it up to each place.
fn running(op: &ReduceWindow, shape: &[usize]) -> Option<(usize, Direction)> {
    let plain = [&op.window_strides, &op.base_dilations, &op.window_dilations];
    if plain.iter().any(|list| list.iter().any(|&entry| entry != 1)) {
        return None;
    }
    let mut spanned =
        (0..shape.len()).filter(|&dim| op.window_dimensions[dim] != 1 || op.padding[dim] != (0, 0));
    let dim = spanned.next().filter(|&dim| op.window_dimensions[dim] == shape[dim])?;
    let reach = shape[dim] as i64 - 1;
    match (op.padding[dim], spanned.next()) {
        (padding, None) if padding == (reach, 0) => Some((dim, Direction::FromStart)),
        (padding, None) if padding == (0, reach) => Some((dim, Direction::FromEnd)),
        (_, _) => None,
    }
}

/// What a running fold walks along.
struct Along<'a> {
    shape: &'a [usize],
    dim: usize,
    direction: Direction,
}

/// Folds in accumulators, which `widened` makes of elements and `rounded` makes elements of.
fn run<T: Element, S: Scalar>(
    values: &[T],
    init: S,
    Along { shape, dim, direction }: Along<'_>,
    fold: Binary,
    widened: impl Fn(T) -> S,
    rounded: impl Fn(S) -> T,
) -> Option<Storage> {
    // Padding folds the initial value in again and again: it must not matter.
    if S::binary(fold, init, init).to_bits64() != init.to_bits64() {
        return None;
    }
    let (size, width) = (shape[dim], shape[dim + 1..].iter().product::<usize>());
    let mut result = values.to_vec();
    for block in result.chunks_exact_mut((size * width).max(1)) {
        let mut sofar = vec![init; width];
        let mut step = |line: &mut [T]| {
            for (sofar, value) in sofar.iter_mut().zip(line) {
                *sofar = S::binary(fold, *sofar, widened(*value));
                *value = rounded(*sofar);
            }
        };
        match direction {
            Direction::FromStart => block.chunks_exact_mut(width).for_each(&mut step),
            Direction::FromEnd => block.chunks_exact_mut(width).rev().for_each(&mut step),
        }
    }
    Some(T::store(result))
}
