//! Folding dimensions away.

use choral_ir::op::{Binary, Reduce};
use choral_ir::{Reducer, Storage, Tensor, TensorType, with_storage};

use super::bodies::RunBody;
use super::places::{indices, place};
use super::scalar::Scalar;
use crate::error::Error;

/// The results of `reduce`: elements are folded in row-major order.
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
    let places = indices(&types[0].shape).map(|index| {
        let mut source = vec![0; input.len()];
        kept.iter().zip(&index).for_each(|(&dim, &at)| source[dim] = at);
        let mut places = Vec::new();
        for at in indices(&folded) {
            dimensions.iter().zip(&at).for_each(|(&dim, &at)| source[dim] = at);
            places.push(Some(place(input, &source)));
        }
        places
    });
    fold(body, operands, types, places, run)
}

/// Folds, for every result element, the inputs' elements at these places (`None`: the initial
/// value itself), starting from the initial value.
pub(crate) fn fold(
    body: &Reducer,
    operands: &[&Tensor],
    types: &[TensorType],
    places: impl Iterator<Item = Vec<Option<usize>>>,
    run: &RunBody<'_>,
) -> Result<Vec<Tensor>, Error> {
    let (inputs, inits) = operands.split_at(operands.len() / 2);
    if let Some(op) = body.binary() {
        let data = fold_with(op, inputs[0], inits[0], places)?;
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
    input: &Tensor,
    init: &Tensor,
    places: impl Iterator<Item = Vec<Option<usize>>>,
) -> Result<Storage, Error> {
    fn folded<T: Scalar>(
        op: Binary,
        values: &[T],
        inits: &[T],
        places: impl Iterator<Item = Vec<Option<usize>>>,
    ) -> Storage {
        let fold = |(at, places): (usize, Vec<Option<usize>>)| {
            let init = inits[at % inits.len()];
            places
                .into_iter()
                .fold(init, |sofar, place| T::binary(op, sofar, place.map_or(init, |place| values[place])))
        };
        T::store(places.enumerate().map(fold).collect())
    }
    Ok(with_storage!(input.storage(), values => folded(op, values, init.as_slice()?, places)))
}

/// One element as a scalar tensor.
pub(crate) fn element(tensor: &Tensor, place: usize) -> Result<Tensor, Error> {
    let data = with_storage!(tensor.storage(), values => choral_ir::Element::store(vec![values[place]]));
    Ok(Tensor::from_storage([], data)?)
}
