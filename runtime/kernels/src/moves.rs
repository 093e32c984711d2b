//! Kernels that move windows: gathers, scatters, and slices and updates at places that are computed.
//!
//! A window is a box of an array's elements that begins where indices say. Must not live here: how elements are
//! moved ([`crate::cpu::moves`]).

use crate::access::Elements;
use crate::expression::Expression;
use crate::instruction::Binary;
use crate::rows::Buffer;
use crate::{Access, Number};

/// Where windows begin along a dimension of the array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// An index for each window: an access with the dimensions that number the windows.
    pub place: Elements,
    /// The integer type of the indices.
    pub number: Number,
    /// The array's dimension.
    pub dim: usize,
    /// The greatest start of a window that lies within: the array's size less the window's.
    pub last: usize,
}

/// Copies a window of an array for each index vector. Starts beyond the ends are clamped, so that every window lies
/// within.
///
/// # As `stablehlo.gather`
/// `windows` are the sizes of `start_indices` without `index_vector_dim`, that is those of the result's batch
/// dimensions in order. The array's dimensions are those of the operand but for `operand_batching_dims`, in order;
/// `window` has their `slice_sizes`. There is a [`Start`] for each component c: its access is that of
/// `start_indices` without `index_vector_dim`, c steps of it further on; its `dim` is the place of
/// `start_index_map[c]` among the array's dimensions; its `last` is the operand's size there less the slice's.
/// `from` has, for each batch dimension, the stride of the operand's dimension in `operand_batching_dims` that is
/// paired with it in `start_indices_batching_dims`, or 0, and then the array's strides with the window's sizes.
/// `out` has the result's batch dimensions, and then for each of the array's dimensions the offset dimension that runs
/// along it, or size 1 where it is collapsed. A collapsed dimension with a slice of size 0 gives zeros, which is
/// a splat and no gather.
///
/// # As `stablehlo.dynamic_slice`
/// `windows` are the batching dimensions, none without any; the array's dimensions are the sliced ones. There is a
/// start for each of these, with an access to its own operand. `from` has the strides of the batching dimensions, 0
/// where all slices are of the same operand, and then those of the sliced ones; `out` is the result as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    /// Sizes of the dimensions that number the windows.
    pub windows: Vec<usize>,
    /// The window's size along each dimension of the array.
    pub window: Vec<usize>,
    /// Where windows begin; along other dimensions at 0.
    pub starts: Vec<Start>,
    /// The type of the elements.
    pub number: Number,
    /// The windows as they would be if all began at 0: dimensions of `windows`, then of `window`.
    pub from: Elements,
    /// The same dimensions of the result.
    pub out: Elements,
}

/// What becomes of a window that does not lie within the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// It is left out.
    Dropped,
    /// It is moved to lie within.
    Clamped,
}

/// What becomes of an element and its update.
#[derive(Debug, Clone)]
pub enum Combine {
    /// The update. Of one operand.
    Overwrite,
    /// An instruction of element and update. Of one operand.
    Binary(Binary),
    /// An expression of all operands' elements and then of all updates, with a result for each operand.
    Body(Expression),
}

/// A dimension that numbers the windows of a scatter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    /// Its size.
    pub size: usize,
    /// The dimension of the array along which its windows lie one after another; `None` if indices alone say
    /// where they lie.
    pub along: Option<usize>,
}

/// An array that windows are written into, and their elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scattered {
    /// The type of the elements.
    pub number: Number,
    /// What the result starts from: dimensions of `members`, then of `shape`.
    pub input: Elements,
    /// The updates: dimensions of `members`, of `windows`, then of `window`.
    pub updates: Elements,
    /// The buffer of the result.
    pub out: Buffer,
}

/// Writes a window into an array for each index vector, or combines it with what is there.
///
/// Each element takes its updates in the row-major order of `windows`; the order within a window is of no account,
/// since its elements are different ones.
///
/// If an operand's `input` is the same place as its result, it is written in place; otherwise the input is copied first.
///
/// # As `stablehlo.scatter`
/// `members` are the sizes of `input_batching_dims`, and the array's dimensions (`shape`) are the input's other ones
/// in order. `window` has the updates' sizes along the array's dimensions, 1 where they are inserted. `windows` are the
/// updates' scatter dimensions but for those that are paired with members.
/// There is a [`Start`] for each component c, as in [`Gather`], with dimensions of `members` and `windows`: its `last`
/// is the input's size less that of the updates' window.
/// The access of `out` is the result's, members first; that of `updates` is theirs, with stride 0 where a window's
/// dimension is inserted. [`Beyond::Dropped`].
///
/// *Order.* The order of updates is that of their own dimensions. If an update window dimension of a size above 1 that
/// an index moves stands before a scatter dimension of a size above 1 which is not a member's, it numbers windows
/// too: it is one of `windows`, in the order of the updates' dimensions, `along` the array's dimension, with
/// stride 0 in the accesses of starts, and `window` has a 1 there; `last` stays.
///
/// *Body.* A `Fold::Second` overwrites; a `Fold::Binary` is a [`Combine::Binary`], if the element type fills its bytes;
/// all others, and integers of fewer than eight bits, which wrap, are a [`Combine::Body`]: its inputs are those of the
/// body, its steps its ops, as in kernels of rows. Sums and products of 16-bit floats accumulate in `f32`
/// (`Op::accumulating`): operands are converted, the scatter is one of `f32`, and its result is rounded, which are
/// kernels of rows before and after; any other body on 16-bit floats rounds each time, as it does here.
///
/// # As `stablehlo.dynamic_update_slice`
/// `members` are the batching dimensions, `windows` none, `window` the update's sizes along the sliced dimensions. There
/// is a start for each of these, with an access to its own operand. [`Beyond::Clamped`], [`Combine::Overwrite`].
#[derive(Debug, Clone)]
pub struct Scatter {
    /// Sizes of the dimensions whose elements are independent: each has an array and windows of its own.
    pub members: Vec<usize>,
    /// The dimensions that number the windows of a member.
    pub windows: Vec<Numbering>,
    /// Sizes of the array of a member.
    pub shape: Vec<usize>,
    /// The window's size along each dimension of the array.
    pub window: Vec<usize>,
    /// Where windows begin; along other dimensions at 0.
    pub starts: Vec<Start>,
    /// The arrays, all of one shape.
    pub operands: Vec<Scattered>,
    /// Where the results' elements lie in their buffers: dimensions of `members`, then of `shape`.
    pub out: Access,
    /// What becomes of windows that do not lie within.
    pub beyond: Beyond,
    /// What becomes of elements and their updates.
    pub combine: Combine,
}
