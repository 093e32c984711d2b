//! Kernels on this processor.
//!
//! Must not live here: decisions. A kernel does what its plan says.

pub mod extreme;
pub mod fold;
pub mod linalg;
pub mod machine;
pub mod moves;
pub mod parallel;
pub mod pool;
pub mod product;
pub mod program;
pub mod random;
pub mod rows;
pub mod scalar;
pub mod select_and_scatter;
pub mod sort;
pub mod window;

pub use program::Program;
