//! Loops that run kernels on this processor.
//!
//! | module | holds |
//! |---|---|
//! | [`product`] | matrix products |
//!
//! Must not live here: what a kernel is.

pub mod product;
