//! Kernels: what plans are made of, and the loops that run them on this processor.
//!
//! | module | holds |
//! |---|---|
//! | [`number`], [`access`] | number types in memory and in registers; which elements of a buffer are meant |
//! | [`instruction`] | what happens to one element |
//! | [`expression`] | lists of steps on numbers: bodies of comparators, folds and scatters |
//! | [`rows`] | kernels of elementwise steps and folds over rows |
//! | [`moves`] | gathers, scatters, slices and updates at computed places |
//! | [`sort`] | kernels that order rows |
//! | [`functions`] | functions of floats: exponentials, logarithms, sines, .. |
//! | [`product`] | matrix products and convolutions |
//! | [`window`] | folds of windows, and running folds |
//! | [`fold`] | folds of several operands, and by bodies of several ops |
//! | [`extreme`] | greatest and least elements and their places |
//! | [`random`] | random bits |
//! | [`select_and_scatter`] | gradients of max-pooling |
//! | [`linalg`] | Cholesky factors and triangular solves |
//! | [`kernel`] | a kernel of any of these kinds |
//! | [`strips`] | kernels cut into parts that know nothing of each other |
//! | [`arena`] | where values lie in one block of memory |
//! | `show` | kernels as text |
//! | [`level`] | the instruction sets that loops are compiled for, and which of them this processor has |
//! | [`cpu`] | how kernels run on this processor |
//!
//! Must not live here: graphs and ops. This crate does not know `choral-ir`: what a kernel does is said in
//! numbers, accesses and scalar instructions, and the runtime lowers graphs to these.

pub mod access;
pub mod arena;
pub mod cpu;
pub mod expression;
pub mod extreme;
pub mod fold;
pub mod functions;
pub mod instruction;
pub mod kernel;
pub mod level;
pub mod linalg;
pub mod memory;
pub mod moves;
pub mod number;
pub mod product;
pub mod random;
pub mod rows;
pub mod select_and_scatter;
mod show;
pub mod sort;
pub mod strips;
pub mod window;

pub use access::Access;
pub use expression::Expression;
pub use extreme::Extreme;
pub use fold::Fold;
pub use instruction::Instruction;
pub use kernel::{Kernel, Pack, Products};
pub use level::Level;
pub use moves::{Gather, Scatter};
pub use number::Number;
pub use product::Product;
pub use random::Random;
pub use rows::Rows;
pub use select_and_scatter::SelectAndScatter;
pub use sort::Sort;
pub use window::Window;
