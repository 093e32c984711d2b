//! Kernels for this machine's CPU.
//!
//! Each takes operands and gives the same result as the op's definition in [`crate::ops`], up to
//! the rounding of sums, and gives the same bits every time. A kernel that does not cover an
//! operand answers `None`, and the definition runs instead. Must not live here: which kernel runs
//! when; that is [`crate::plan`]'s.

pub mod cumulative;
pub mod extreme;
pub mod fold;
pub mod view;
pub mod window;
