//! From ops to what kernels are made of: numbers, accesses and scalar instructions.
//!
//! | module | holds |
//! |---|---|
//! | [`number`] | how elements lie in memory and in registers |
//! | [`view`] | shape ops that only say where elements lie |
//! | [`elementwise`] | elementwise ops as instructions |
//! | [`dot`], [`convolution`] | products |
//! | [`expression`] | bodies of scalars |
//! | [`index`] | ops that index by values, as kernels that move windows |
//! | [`sort`] | ops that order elements |
//! | [`reduce`], [`extreme`] | folds with a name, and their initial values; searches |
//! | [`fold`] | folds of several operands, or by bodies of several ops |
//! | [`window`] | windowed ops |
//! | [`linalg`], [`random`] | factorisations and solves; random bits |
//!
//! Must not live here: which ops share a kernel, and where values lie ([`crate::plan`]).
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

pub mod convolution;
pub mod dot;
pub mod elementwise;
pub mod expression;
pub mod extreme;
pub mod fold;
mod functions;
pub mod index;
pub mod linalg;
pub mod number;
pub mod random;
pub mod reduce;
pub mod sort;
pub mod view;
pub mod window;
