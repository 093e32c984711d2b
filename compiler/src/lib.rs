//! The compiler: from Rust functions to graphs, and from graphs to graphs.
//!
//! Two wings: [`front`] is what users write, [`transform`] rewrites graphs. The front knows the
//! transforms, which know nothing but the IR.
//!
//! Must not live here: evaluation. This crate does not know the runtime.
#![forbid(unsafe_code)]

// `derive(Module)` names the traits of this crate by the facade's path.
extern crate self as choral;

pub mod front;
pub mod transform;

/// Makes a struct over a leaf type `T` a module, and a tree.
pub use choral_derive::Module;
pub use front::dims::{Dims, IntoDims};
pub use front::ensemble::{combine_state_for_ensemble, functional_call, stack_module_state};
pub use front::error::Error;
pub use front::grad::{grad, hessian, hvp, jacfwd, jacrev, jvp, linearize, value_and_grad, vjp};
pub use front::nn::Forward;
pub use front::state::{Module, ModuleState, State};
pub use front::trace::control::{cond, fori_loop, scan, scan_length, scan_reverse, switch, while_loop};
pub use front::trace::einsum::einsum;
pub use front::trace::function::{Function, Traced, trace};
pub use front::trace::random::implicit::{Randomness, with_key};
pub use front::trace::var::Var;
pub use front::tree::{Leaf, Path, Tree};
pub use front::vmap::{Vmap, vmap};
pub use front::{custom, dims, ensemble, error, grad, nn, state, trace, tree};
