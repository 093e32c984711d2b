//! Kernels on this processor.
//!
//! Must not live here: decisions. A kernel does what its plan says.

pub mod machine;
pub mod parallel;
pub mod pool;
pub mod product;
pub mod rows;
