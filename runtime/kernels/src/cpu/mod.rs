//! Kernels on this processor.
//!
//! Must not live here: decisions. A kernel does what its plan says.

pub mod machine;
pub mod moves;
pub mod parallel;
pub mod product;
pub mod rows;
pub mod scalar;
pub mod sort;
