//! Folding dimensions away.

use choral_ir::op::{Binary, Reduce};
use choral_ir::{Reducer, Storage, Tensor, TensorType, with_storage};

use super::bodies::RunBody;
use super::places::{indices, place};
use super::scalar::Scalar;
use crate::error::Error;

/// The results of `reduce`: elements are taken in row-major order; sums and products are grouped as `tree` says.
///
/// # Errors
/// Those of `run`; that of a tensor that does not hold what its type says.
pub fn evaluate(
    op: &Reduce,
    operands: &[&Tensor],
    types: &[TensorType],
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    let Reduce { dimensions, body } = op;
    // Row-major order, whatever order the op lists them in.
    let mut dimensions = dimensions.clone();
    dimensions.sort_unstable();
    let input = operands[0].shape();
    let folded: Vec<usize> = dimensions.iter().map(|&dim| input[dim]).collect();
    let kept: Vec<usize> = (0..input.len()).filter(|dim| !dimensions.contains(dim)).collect();
    let mut places = indices(&types[0].shape).map(|index| {
        let mut source = vec![0; input.len()];
        kept.iter().zip(&index).for_each(|(&dim, &at)| source[dim] = at);
        let mut places = Vec::new();
        for at in indices(&folded) {
            dimensions.iter().zip(&at).for_each(|(&dim, &at)| source[dim] = at);
            places.push(Some(place(input, &source)));
        }
        places
    });
    fold(body, Grouping::Tree, operands, types, &mut places, run)
}

/// In which order a fold with a binary op takes its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// From the initial value on, one after another.
    InOrder,
    /// Sums and products as [`tree`] groups them, the initial value last; others in order.
    Tree,
}

impl Grouping {
    fn fold<T: Scalar>(self, op: Binary, init: T, elements: &[T]) -> T {
        if self == Grouping::Tree && matches!(op, Binary::Add | Binary::Multiply) {
            return T::binary(op, init, tree(op, elements));
        }
        elements.iter().fold(init, |sofar, &element| T::binary(op, sofar, element))
    }
}

/// Elements that fold side by side.
const LANES: usize = 32;
/// Elements that fold in order before the lanes are kept.
const BLOCK: usize = 2048;

/// A sum or product in the order that every device follows: element `i` goes to lane `i % 32`; lanes fold in order in
/// blocks of 2,048 elements; block `b` is joined with the last one kept while low bits of `b` are 1, the older on the left;
/// what is left is joined from the last one down; then lanes halve.
fn tree<T: Scalar>(op: Binary, elements: &[T]) -> T {
    // -0.0 keeps the sign of a zero.
    let identity = T::from_f64(if op == Binary::Add { -0.0 } else { 1.0 });
    let join = |older: &[T], newer: &mut [T]| {
        for (newer, &older) in newer.iter_mut().zip(older) {
            *newer = T::binary(op, older, *newer);
        }
    };
    let mut kept: Vec<Vec<T>> = Vec::new();
    for (block, elements) in elements.chunks(BLOCK).enumerate() {
        let mut lanes = vec![identity; LANES];
        for (at, &element) in elements.iter().enumerate() {
            lanes[at % LANES] = T::binary(op, lanes[at % LANES], element);
        }
        let joined = kept.split_off(kept.len() - block.trailing_ones() as usize);
        joined.iter().rev().for_each(|older| join(older, &mut lanes));
        kept.push(lanes);
    }
    let mut lanes = kept.pop().unwrap_or_else(|| vec![identity; LANES]);
    kept.iter().rev().for_each(|older| join(older, &mut lanes));
    while lanes.len() > 1 {
        let mut right = lanes.split_off(lanes.len() / 2);
        join(&lanes, &mut right);
        lanes = right;
    }
    lanes[0]
}

/// Folds, for every result element, the inputs' elements at these places (`None`: the initial
/// value itself), starting from the initial value.
pub(crate) fn fold(
    body: &Reducer,
    order: Grouping,
    operands: &[&Tensor],
    types: &[TensorType],
    places: &mut dyn Iterator<Item = Vec<Option<usize>>>,
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    let (inputs, inits) = operands.split_at(operands.len() / 2);
    if let Some(op) = body.binary() {
        let data = fold_with(op, order, inputs[0], inits[0], places)?;
        return Ok(vec![Tensor::from_storage(types[0].shape.as_slice(), data)?]);
    }
    let mut results: Vec<Vec<Tensor>> = vec![Vec::new(); inputs.len()];
    for (at, places) in places.enumerate() {
        let first: Vec<Tensor> =
            inits.iter().map(|init| element(init, at % init.len())).collect::<Result<_, _>>()?;
        let mut sofar = first.clone();
        for place in places {
            let taken: Vec<Tensor> = match place {
                Some(place) => inputs.iter().map(|input| element(input, place)).collect::<Result<_, _>>()?,
                None => first.clone(),
            };
            sofar.extend(taken);
            sofar = run(0, &sofar)?;
        }
        results.iter_mut().zip(sofar).for_each(|(result, element)| result.push(element));
    }
    let gather = |(elements, ty): (Vec<Tensor>, &TensorType)| match elements.as_slice() {
        [] => Ok(Tensor::zeros(ty.clone())),
        elements => Ok(Tensor::stack(elements)?.reshape(ty.shape.clone())?),
    };
    results.into_iter().zip(types).map(gather).collect()
}

fn fold_with(
    op: Binary,
    order: Grouping,
    input: &Tensor,
    init: &Tensor,
    places: &mut dyn Iterator<Item = Vec<Option<usize>>>,
) -> Result<Storage, Error> {
    fn folded<T: Scalar>(
        op: Binary,
        order: Grouping,
        values: &[T],
        inits: &[T],
        places: &mut dyn Iterator<Item = Vec<Option<usize>>>,
    ) -> Storage {
        let mut results = Vec::new();
        let mut elements = Vec::new();
        for (at, places) in places.enumerate() {
            let init = inits[at % inits.len()];
            elements.clear();
            elements.extend(places.iter().map(|place| place.map_or(init, |place| values[place])));
            results.push(order.fold(op, init, &elements));
        }
        T::store(results)
    }
    Ok(with_storage!(input.storage(), values => folded(op, order, values, init.as_slice()?, places)))
}

/// One element as a scalar tensor.
pub(crate) fn element(tensor: &Tensor, place: usize) -> Result<Tensor, Error> {
    Ok(Tensor::pick(&[tensor], [], &[place])?)
}
