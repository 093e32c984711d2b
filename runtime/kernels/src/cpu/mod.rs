//! Kernels on this processor.
//!
//! Must not live here: decisions. A kernel does what its plan says.

pub mod extreme;
pub mod machine;
pub mod parallel;
pub mod product;
pub mod random;
pub mod rows;
pub mod window;
