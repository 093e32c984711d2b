//! Searches for the greatest and the least element.

use choral_ir::{DType, Extreme as Of};
use choral_kernels::Access;
use choral_kernels::access::Elements;
use choral_kernels::extreme::{Extreme, Places, Search};
use choral_kernels::window::Initial;

use super::number;

/// A search through values along these dimensions; initial pairs and results have the dimensions that stay.
/// Places that are counted along a dimension are said by its number instead.
pub fn extreme(
    of: Of,
    dimensions: &[usize],
    [value, place]: [DType; 2],
    values: &Elements,
    places: Result<usize, &Elements>,
    initial: [Initial; 2],
    results: [Elements; 2],
) -> Extreme {
    let (mut folded, kept): (Vec<usize>, Vec<usize>) =
        (0..values.access.dims.len()).partition(|dim| dimensions.contains(dim));
    folded.sort_unstable();
    let order = [kept.as_slice(), &folded].concat();
    let in_order = |elements: &Elements| Elements {
        buffer: elements.buffer,
        access: Access {
            offset: elements.access.offset,
            dims: order.iter().map(|&dim| elements.access.dims[dim]).collect(),
        },
    };
    let places = match places {
        Ok(dimension) => Places::Along(folded.partition_point(|&dim| dim < dimension)),
        Err(elements) => Places::Load(in_order(elements)),
    };
    Extreme {
        search: match of {
            Of::Greatest => Search::Greatest,
            Of::Least => Search::Least,
        },
        value: number::of(value),
        place: number::of(place),
        values: in_order(values),
        kept: kept.len(),
        places,
        initial,
        results,
    }
}

/// Whether places that are counted from 0 up to this size have the values of the type.
pub fn counts(place: DType, size: usize) -> bool {
    let bits = place.bits() - usize::from(place.is_signed_integer());
    !place.is_float()
        && place != DType::I1
        && size.saturating_sub(1).checked_ilog2().map_or(0, |bits| bits as usize + 1) <= bits
}
