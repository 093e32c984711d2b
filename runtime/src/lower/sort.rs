//! Ops that order elements.

use choral_ir::op::{Compare, ComparisonDirection, ComparisonType, Sort, TopK};
use choral_ir::{Comparator, DType, Order};
use choral_kernels::Access;
use choral_kernels::access::Elements;
use choral_kernels::sort::{self, Sorted};

use super::{expression, number};

/// A sort of operands of these element types; `None` if its comparator is more than elementwise ops.
pub fn sort(op: &Sort, operands: &[(Elements, DType)], results: &[Elements]) -> Option<sort::Sort> {
    let by_rows = |place: &Elements| rows_first(place, op.dimension);
    let sorted = |((from, dtype), out): (&(Elements, DType), &Elements)| Sorted {
        number: number::of(*dtype),
        from: by_rows(from),
        out: by_rows(out),
    };
    let (rows, length) = rows(&by_rows(&operands[0].0).access);
    Some(sort::Sort {
        rows,
        length,
        operands: operands.iter().zip(results).map(sorted).collect(),
        comparator: comparator(&op.comparator)?,
        taken: length,
        places: None,
    })
}

/// The greatest elements of an operand of this element type, and their places.
pub fn top_k(op: TopK, (operand, dtype): (&Elements, DType), [values, places]: [Elements; 2]) -> sort::Sort {
    let (rows, length) = rows(&operand.access);
    sort::Sort {
        rows,
        length,
        operands: vec![Sorted { number: number::of(dtype), from: operand.clone(), out: values }],
        comparator: by_keys(sort::Order::Total, true, false),
        taken: op.k,
        places: Some(places),
    }
}

/// Whether of two places the first comes before the second; `None` if that takes more than elementwise ops.
pub fn comparator(comparator: &Comparator) -> Option<sort::Comparator> {
    let named = match comparator.order() {
        Order::Compared(compare) => by_comparison(compare),
        Order::NanGreatest { descending } => Some(by_keys(sort::Order::NanGreatest, descending, false)),
        Order::Body => None,
    };
    named.or_else(|| expression::expression(comparator.graph()).map(sort::Comparator::Body))
}

/// `None` for comparisons that order nothing.
fn by_comparison(Compare { direction, compare_type }: Compare) -> Option<sort::Comparator> {
    let order = match compare_type {
        ComparisonType::Natural => sort::Order::Natural,
        ComparisonType::TotalOrder => sort::Order::Total,
    };
    match direction {
        ComparisonDirection::Lt => Some(by_keys(order, false, false)),
        ComparisonDirection::Le => Some(by_keys(order, false, true)),
        ComparisonDirection::Gt => Some(by_keys(order, true, false)),
        ComparisonDirection::Ge => Some(by_keys(order, true, true)),
        ComparisonDirection::Eq | ComparisonDirection::Ne => None,
    }
}

fn by_keys(order: sort::Order, descending: bool, or_equal: bool) -> sort::Comparator {
    sort::Comparator::Keys { order, descending, or_equal }
}

/// The same elements with this dimension last.
fn rows_first(Elements { buffer, access }: &Elements, dimension: usize) -> Elements {
    let mut dims = access.dims.clone();
    let row = dims.remove(dimension);
    dims.push(row);
    Elements { buffer: *buffer, access: Access { offset: access.offset, dims } }
}

/// Sizes of the dimensions before the last one, and of that.
fn rows(access: &Access) -> (Vec<usize>, usize) {
    let mut sizes: Vec<usize> = access.dims.iter().map(|&(size, _)| size).collect();
    let length = sizes.pop().unwrap_or(1);
    (sizes, length)
}
