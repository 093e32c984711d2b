//! The compiler: from Rust functions to graphs, and from graphs to graphs.
//!
//! | module | holds |
//! |---|---|
//! | [`tree`] | structures of tensors: tuples, maps, modules |
//! | [`trace`] | [`Var`], and how a function of them becomes a graph |
//! | [`vmap`], [`rules`] | the transform, and one file of batching rules per op family |
//! | [`rewrite`] | clean-up of graphs |
//!
//! Must not live here: evaluation. This crate does not know the runtime.
#![forbid(unsafe_code)]

// `derive(Module)` names the traits of this crate by the facade's path.
extern crate self as choral;

pub mod dims;
pub mod error;
pub mod rewrite;
pub mod rules;
pub mod trace;
pub mod tree;
mod views;
pub mod vmap;

pub use dims::{Dims, IntoDims};
pub use error::Error;
pub use trace::function::{Function, Traced, trace};
pub use trace::var::Var;
pub use tree::{Leaf, Path, Tree};
pub use vmap::{Vmap, vmap};
