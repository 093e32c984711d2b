//! Kernels of windows: pooling, and running folds such as cumulative sums.
//!
//! `stablehlo.reduce_window` of one input by an op of two operands is a [`Window`], with one entry of
//! [`Window::windows`] for each dimension, members' ones too:
//!
//! | of the op | of the kernel |
//! |---|---|
//! | `window_dimensions[d]`, `window_strides[d]`, `base_dilations[d]`, `window_dilations[d]` | the entry's [`WindowDim::window`], [`WindowDim::stride`], .. |
//! | `padding[d]` | [`WindowDim::padding`] is what is added before; what is added behind shows in the result's size |
//! | body | [`Combine`] |
//! | a dimension that is mapped | a window of 1, strides and dilations of 1, padding 0 |
//! | an initial value that all results share and that is a constant | [`Initial::Constant`], so that sums run |
//! | other initial values | [`Initial::Load`] through an access in the result's dimensions, with strides of 0 |
//!
//! Must not live here: how windows are folded ([`crate::cpu::window`]).

use crate::access::Elements;
use crate::instruction::{Binary, Instruction};
use crate::{Access, Number};

/// How an element is folded into what there is: `accumulator = narrowing(instruction(accumulator, element))`.
///
/// Sums and products of 16-bit floats are made in `f32` and rounded once at the end: they have no narrowing. Other
/// instructions on these that round at every step have `Instruction::Round`; integers of fewer than eight bits have
/// `Instruction::Wrap`.
#[derive(Debug, Clone, Copy)]
pub struct Combine {
    /// An instruction of two operands.
    pub instruction: Instruction,
    /// What brings its result back to a type of fewer bits.
    pub narrowing: Option<Instruction>,
}

impl Combine {
    /// The fold by an instruction of two operands.
    pub const fn of(op: Binary) -> Combine {
        Combine { instruction: Instruction::Binary(op), narrowing: None }
    }

    /// The instruction, if it forgets the order of its operands, in which running folds may then go.
    pub const fn unordered(&self) -> Option<Binary> {
        match self.instruction {
            Instruction::Binary(
                op @ (Binary::Add
                | Binary::And
                | Binary::Maximum
                | Binary::Minimum
                | Binary::Multiply
                | Binary::Or
                | Binary::Xor),
            ) => Some(op),
            _ => None,
        }
    }
}

/// What folds start from, and what stands outside the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initial {
    /// A number by its bits in memory.
    Constant(u64),
    /// One for each result.
    Load(Elements),
}

/// Windows along a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowDim {
    /// Elements of a window.
    pub window: usize,
    /// Distance between windows.
    pub stride: usize,
    /// Distance between elements of the input.
    pub base_dilation: usize,
    /// Distance between elements of a window.
    pub window_dilation: usize,
    /// Places added before the first element; fewer than none leave elements out.
    pub padding: isize,
}

impl WindowDim {
    /// A dimension whose elements are taken each by itself.
    pub const PLAIN: WindowDim =
        WindowDim { window: 1, stride: 1, base_dilation: 1, window_dilation: 1, padding: 0 };

    /// Whether windows that are as many as elements take these each by itself.
    pub const fn is_plain(&self) -> bool {
        self.window == 1 && self.stride == 1 && self.base_dilation == 1 && self.padding == 0
    }
}

/// A kernel that folds every window of the padded and dilated input to one result.
///
/// A fold starts at the initial value and takes the window's elements in row-major order. Places in the padding and
/// between dilated elements count as the initial value, which is folded in there.
///
/// **Backward windows** are taken from their last element to their first: those of an instruction that
/// [forgets the order](Combine::unordered), where the windows of one dimension are as long as it, as many as its
/// elements, and padded behind alone, and those of all others are plain ([`Window::running`]). So each result is the
/// next one with one element more, as it is of windows that are padded before alone, and a cumulative op costs one step
/// for each element wherever folding the initial value in once more changes nothing.
#[derive(Debug, Clone)]
pub struct Window {
    /// The type in memory of input, initial values and results.
    pub number: Number,
    /// What folds.
    pub combine: Combine,
    /// The input.
    pub input: Elements,
    /// What folds start from.
    pub initial: Initial,
    /// Where results go; they overlap nothing that is read.
    pub result: Elements,
    /// Windows along each dimension of input and result.
    pub windows: Vec<WindowDim>,
}

/// Which way a running fold goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the first element on.
    Forward,
    /// From the last element back.
    Backward,
}

impl Window {
    /// Whether windows are taken from their last element to their first.
    pub fn is_backward(&self) -> bool {
        let runs_backward = matches!(self.running(), Some((_, Direction::Backward)));
        runs_backward && self.combine.unordered().is_some()
    }

    /// The sizes of a dimension in input and result.
    pub fn sizes(&self, dim: usize) -> [usize; 2] {
        [&self.input.access, &self.result.access].map(|access: &Access| access.dims[dim].0)
    }

    /// The dimension along which results run, by the shape of the windows alone.
    pub fn running(&self) -> Option<(usize, Direction)> {
        let is_plain = |dim: &usize| {
            let [size, count] = self.sizes(*dim);
            self.windows[*dim].is_plain() && size == count
        };
        let mut spanned = (0..self.windows.len()).filter(|dim| !is_plain(dim));
        let (dim, None) = (spanned.next()?, spanned.next()) else { return None };
        let ([size, count], at) = (self.sizes(dim), &self.windows[dim]);
        let is_whole = size == count && at.window == size;
        let is_dense = at.stride == 1 && at.base_dilation == 1 && at.window_dilation == 1;
        match at.padding {
            _ if !is_whole || !is_dense => None,
            0 => Some((dim, Direction::Backward)),
            padding if padding == size as isize - 1 => Some((dim, Direction::Forward)),
            _ => None,
        }
    }
}
