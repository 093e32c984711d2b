//! The compiler: from Rust functions to graphs, and from graphs to graphs.
//!
//! | module | holds |
//! |---|---|
//! | [`tree`] | structures of tensors: tuples, maps, modules |
//! | [`mod@trace`] | [`Var`], and how a function of them becomes a graph |
//! | [`nn`], [`state`] | layers, and what their tensors are called |
//! | [`ensemble`] | many models as one function of stacked state |
//! | [`mod@vmap`], [`batch`] | the transform as users call it, and the pass over graphs |
//! | `walk`, `numbers`, `chunk`, `rules` | the pass's walk over a graph, members' numbers in regions, members in chunks, and one file of batching rules per op family |
//! | `threefry` | random bits as ops of a graph |
//! | [`custom`] | functions that carry their own batching rule |
//! | [`explain`] | what `vmap` did, op by op |
//! | [`rewrite`] | clean-up of graphs, and their export |
//!
//! Must not live here: evaluation. This crate does not know the runtime.
#![forbid(unsafe_code)]

// `derive(Module)` names the traits of this crate by the facade's path.
extern crate self as choral;

pub mod batch;
mod between;
mod chunk;
pub mod custom;
mod dependence;
pub mod dims;
pub mod ensemble;
pub mod error;
pub mod explain;
pub mod nn;
mod numbers;
pub mod rewrite;
mod rules;
pub mod state;
mod threefry;
pub mod trace;
pub mod tree;
mod views;
pub mod vmap;
mod walk;

/// Makes a struct over a leaf type `T` a module, and a tree.
pub use choral_derive::Module;
pub use dims::{Dims, IntoDims};
pub use ensemble::{combine_state_for_ensemble, functional_call, stack_module_state};
pub use error::Error;
pub use nn::Forward;
pub use state::{Module, ModuleState, State};
pub use trace::control::{cond, fori_loop, scan, scan_reverse, switch, while_loop};
pub use trace::einsum::einsum;
pub use trace::function::{Function, Traced, trace};
pub use trace::random::implicit::{Randomness, with_key};
pub use trace::var::Var;
pub use tree::{Leaf, Path, Tree};
pub use vmap::{Vmap, vmap};
