//! choral: many models, one program.
//!
//! A graph compiler whose centre is `vmap`. This crate is the facade: it re-exports what users
//! name and holds nothing of its own.

pub use choral_ir as ir;
pub use choral_ir::{DType, Key, Tensor, TensorType};
