//! `argmax` and `argmin` with their values: folds of elements and places.

use choral_ir::op::{ComparisonType, Reduce};
use choral_ir::{Element, Extreme, Fold, Storage, Tensor, TensorType, with_storage};

use super::view::View;
use crate::ops::places::strides;
use crate::ops::scalar::Scalar;

/// The elements and the places of the result; `None` for other bodies, for places that are not
/// `i32` and for initial values that are not scalars.
pub fn evaluate(op: &Reduce, operands: &[&Tensor], types: &[TensorType]) -> Option<Vec<Storage>> {
    let [values, places, value, place] = operands else { return None };
    let Fold::Extreme(extreme) = op.body.fold() else { return None };
    if value.len() != 1 || place.len() != 1 {
        return None;
    }
    let result = result_places(values.shape(), &op.dimensions);
    let (places, place) = (i32::view(places.storage())?, i32::view(place.storage())?[0]);
    with_storage!(values.storage(), elements => {
        let mut best = vec![(Element::view(value.storage())?[0], place); types[0].len()];
        for ((&element, &place), at) in elements.iter().zip(places).zip(result) {
            best[at] = better(extreme, best[at], (element, place));
        }
        let (elements, places) = best.into_iter().unzip();
        Some(vec![Element::store(elements), i32::store(places)])
    })
}

/// The place in the result that each element is folded into.
fn result_places(shape: &[usize], dimensions: &[usize]) -> Vec<usize> {
    let kept: Vec<usize> =
        (0..shape.len()).map(|dim| if dimensions.contains(&dim) { 1 } else { shape[dim] }).collect();
    let steps = strides(&kept);
    let step = |dim: usize| if dimensions.contains(&dim) { 0 } else { steps[dim] };
    View::strided(shape.iter().enumerate().map(|(dim, &size)| (size, step(dim)))).places()
}

/// Of two elements with places: NaN before all, then the extreme one, then the lower place.
fn better<T: Scalar>(extreme: Extreme, sofar: (T, i32), other: (T, i32)) -> (T, i32) {
    let compare = |x, y| T::order(ComparisonType::Natural, x, y);
    let (order, is_nan) = (compare(sofar.0, other.0), compare(sofar.0, sofar.0).is_none());
    let wins = order.is_some_and(|order| order == extreme.order());
    let value = if wins || is_nan { sofar.0 } else { other.0 };
    let earlier = order.is_some_and(|order| order.is_eq()) && sofar.1 < other.1;
    let place = if wins || is_nan || earlier { sofar.1 } else { other.1 };
    (value, place)
}
