//! Kernels that scatter a number to the selected element of every window: the gradient of max-pooling.
//!
//! `stablehlo.select_and_scatter` is a [`SelectAndScatter`] where `scatter` adds and `select` compares:
//!
//! | `select` of `(selected, other)` | [`Select`] |
//! |---|---|
//! | `GE` (max-pooling, of the first of equals) | `{ comparison: LessOrEqual, is_swapped: true }` |
//! | `GT` | `{ comparison: Less, is_swapped: true }` |
//! | `LE` | `{ comparison: LessOrEqual, is_swapped: false }` |
//! | `LT` | `{ comparison: Less, is_swapped: false }` |
//!
//! Comparisons are in natural order: none holds of NaN. Other bodies have no kernel. `window_dimensions[d]`,
//! `window_strides[d]` and `padding[d].0` are an entry of `windows`, whose dilations are 1; mapped dimensions have
//! windows of one element. The initial value is that of results before the first window. Must not live here: how it is
//! done ([`crate::cpu::select_and_scatter`]).

use crate::Number;
use crate::access::Elements;
use crate::instruction::Comparison;
use crate::window::{Initial, WindowDim};

/// Whether the element that is selected so far stays, beside another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Select {
    /// How both compare.
    pub comparison: Comparison,
    /// Whether the other one is the left operand.
    pub is_swapped: bool,
}

/// A kernel that adds, window by window in row-major order, the source's number to the result where the window's selected
/// element is. Windows begin with their first element inside the operand, and select in row-major order; one without
/// elements adds nothing. Sums of 16-bit floats are made in `f32` and rounded once.
#[derive(Debug, Clone)]
pub struct SelectAndScatter {
    /// The type of all numbers in memory.
    pub number: Number,
    /// What is selected.
    pub select: Select,
    /// What windows select from.
    pub operand: Elements,
    /// A number for each window, in dimensions as those of the operand.
    pub source: Elements,
    /// What results are before anything is added: those that are loaded have the operand's dimensions.
    pub initial: Initial,
    /// Where results go, in the operand's dimensions; they overlap nothing that is read.
    pub result: Elements,
    /// Windows along each dimension, of which dilations are 1.
    pub windows: Vec<WindowDim>,
}

impl SelectAndScatter {
    /// The sizes of a dimension in operand and source.
    pub(crate) fn sizes(&self, dim: usize) -> [usize; 2] {
        [&self.operand, &self.source].map(|of| of.access.dims[dim].0)
    }
}
