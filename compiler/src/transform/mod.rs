//! Transforms: `Graph` in, `Graph` out. This wing knows neither `Var` nor trees.
//!
//! | module | holds |
//! |---|---|
//! | [`vmap`] | the pass: its options, chunks, member numbers |
//! | `walk` | its walk over a graph and its regions |
//! | [`differentiate`] | tangents and cotangents: the passes and their walks |
//! | `rules` | what each op becomes in each transform: one file per op family |
//! | `lane`, `dual` | what rules build with: members; tangents and cotangents |
//! | [`explain`](mod@explain) | what `vmap` did, op by op |
//! | [`rewrite`] | clean-up of graphs |
//! | [`export`](mod@export) | the same program in StableHLO's own ops |
//! | `dependence`, `between` | questions about a graph: what depends on what, which ops are collectives |
//! | `views`, `starts`, `threefry` | broadcasts and transposes that compose; places as indices; random bits in ordinary ops |
//!
//! Must not live here: what users write ([`crate::front`]), and evaluation.

pub(crate) mod between;
mod dependence;
pub mod differentiate;
mod dual;
pub mod explain;
pub mod export;
mod lane;
pub mod rewrite;
mod rules;
mod starts;
pub(crate) mod threefry;
pub(crate) mod views;
pub mod vmap;
mod walk;

pub use differentiate::{
    DifferentiationError, grad_graph, jacobian_graph, jvp_graph, linearize_graph, value_and_grad_graph,
    vjp_graph,
};
pub use explain::explain;
pub use export::export;
pub use vmap::{Axis, Chunks, MemoryLimit, VmapError, VmapOptions, vmap_graph};
