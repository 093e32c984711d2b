//! Kernels that order rows of elements.
//!
//! Must not live here: how rows are ordered ([`crate::cpu::sort`]).

use crate::Number;
use crate::access::Elements;
use crate::expression::Expression;

/// An order of numbers. Integers have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// That of IEEE comparisons: zeros are equal, and a NaN compares with nothing.
    Natural,
    /// The total order of floats: by sign, then by size, with NaN beyond infinity.
    Total,
    /// The natural one, in which every NaN is greater than all numbers and equal to every other.
    NanGreatest,
}

/// Whether of two places the first comes before the second.
#[derive(Debug, Clone)]
pub enum Comparator {
    /// By the first operand's elements.
    Keys {
        /// The order.
        order: Order,
        /// Whether greater elements come first.
        descending: bool,
        /// Whether an equal one comes before, too: then equal elements are turned round.
        or_equal: bool,
    },
    /// By an expression of `(left, right)` of each operand in turn, whose only result is a truth value.
    Body(Expression),
}

/// An operand that is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted {
    /// The type of its elements.
    pub number: Number,
    /// Its elements: dimensions of `rows`, then that of the row.
    pub from: Elements,
    /// Those of the result, of which a row has the first `taken` alone.
    pub out: Elements,
}

/// Orders the rows of operands together, by merging in the order of the rows: equal elements keep their order, and what
/// an inconsistent comparator gives is that of the merge sort that halves a row, the shorter half first, and takes
/// from the right half only what comes before the left one's next.
///
/// # As `stablehlo.sort`
/// `rows` are the dimensions but for the sorted one, which comes last in every access. `Order::Compared` of `LT`
/// is [`Comparator::Keys`], `GT` descends, `LE` and `GE` are `or_equal`; natural and total order are
/// [`Order::Natural`] and [`Order::Total`]. `Order::NanGreatest` is [`Order::NanGreatest`]. `EQ`, `NE` and
/// `Order::Body` are a [`Comparator::Body`]. `taken` is `length`, and there are no `places`.
///
/// # As `chlo.top_k`
/// The last dimension in [`Order::Total`], descending; `taken` is k, and `places` are those of the second result.
#[derive(Debug, Clone)]
pub struct Sort {
    /// Sizes of the dimensions that number the rows.
    pub rows: Vec<usize>,
    /// Elements of a row.
    pub length: usize,
    /// What is ordered.
    pub operands: Vec<Sorted>,
    /// By what.
    pub comparator: Comparator,
    /// How many elements of each row are wanted, the first ones.
    pub taken: usize,
    /// Where to write the places that these had in their row, as `i32`.
    pub places: Option<Elements>,
}
