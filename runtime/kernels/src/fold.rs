//! Kernels of folds by a body: any number of operands, folded together by an expression, over windows of any kind.
//!
//! What [`Window`](crate::Window), [`Extreme`](crate::Extreme) and the folds of [`Rows`](crate::Rows) have no loops for.
//!
//! | of the op | of the kernel |
//! |---|---|
//! | `stablehlo.reduce` along some dimensions | windows that span these, of 1 along the others; results of size 1 along the spanned ones |
//! | `stablehlo.reduce_window` | its windows, as [`Window`](crate::Window) has them |
//! | body `(accumulators.., elements..) -> accumulators..` | [`Fold::body`] |
//! | initial values | one of each operand, in the dimensions of the results |
//!
//! Must not live here: how they are folded ([`crate::cpu::fold`]).

use crate::Number;
use crate::access::Elements;
use crate::expression::Expression;
use crate::window::{Initial, WindowDim};

/// An operand of a fold, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The type in memory of elements, initial values and results.
    pub number: Number,
    /// Its elements.
    pub input: Elements,
    /// What its accumulator starts from, and what stands outside the elements.
    pub initial: Initial,
    /// Where its last accumulators go; they overlap nothing that is read, nor one another.
    pub result: Elements,
}

/// A kernel that folds every window of the padded and dilated operands to one result of each.
///
/// Accumulators start at the initial values and take the window's elements in row-major order, each time by the body.
/// Places in the padding and between dilated elements count as the initial values, which are folded in there. A window
/// without places gives the initial values.
#[derive(Debug, Clone)]
pub struct Fold {
    /// What is folded, all of one shape.
    pub operands: Vec<Folded>,
    /// Windows along each dimension of operands and results.
    pub windows: Vec<WindowDim>,
    /// `(accumulators.., elements..) -> accumulators..`.
    pub body: Expression,
}

impl Fold {
    /// The sizes of a dimension in operands and results.
    pub fn sizes(&self, dim: usize) -> [usize; 2] {
        self.operands
            .first()
            .map_or([0; 2], |of| [&of.input, &of.result].map(|elements| elements.access.dims[dim].0))
    }

    /// How many places a window has.
    pub fn places(&self) -> usize {
        self.windows.iter().fold(1, |all: usize, dim| all.saturating_mul(dim.window))
    }
}
