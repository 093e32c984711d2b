//! Kernels that look for the greatest or the least element and its place: `argmax` and `argmin` with their values.
//!
//! `stablehlo.reduce` of values and places by the body that takes the better of two is an [`Extreme`]: dimensions that
//! stay come first in every access, then, in row-major order, those that are folded. Mapped dimensions stay. Places
//! that are an `iota` along a folded dimension are [`Places::Along`] it, which no buffer holds.
//!
//! Must not live here: how it is looked for ([`crate::cpu::extreme`]).

use crate::Number;
use crate::access::Elements;
use crate::window::Initial;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Search {
    /// The greatest element: `argmax`.
    Greatest,
    /// The least element: `argmin`.
    Least,
}

/// What stands for where an element is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Places {
    /// Its index along this folded dimension, counted among those; it fits the type of places.
    Along(usize),
    /// A number of its own, in dimensions as those of the values.
    Load(Elements),
}

/// A kernel that folds pairs of a value and a place to the better one, from the initial pair on in row-major order.
///
/// Of the pair so far and the next one, values are compared in the order of their type, where 0 and -0 are equal. The value
/// so far stays if it is better or NaN, and is replaced if not. The place so far stays with its value, or if both values are
/// equal and it is the lower place.
#[derive(Debug, Clone)]
pub struct Extreme {
    /// What is looked for.
    pub search: Search,
    /// The type of values in memory.
    pub value: Number,
    /// The type of places in memory.
    pub place: Number,
    /// The values: dimensions that stay, then folded ones.
    pub values: Elements,
    /// How many dimensions stay.
    pub kept: usize,
    /// The places.
    pub places: Places,
    /// The value and the place to start from: those that are loaded have the dimensions that stay.
    pub initial: [Initial; 2],
    /// Where the value and the place go, in the dimensions that stay; they overlap nothing that is read.
    pub results: [Elements; 2],
}
