//! What users write: functions of [`Var`](trace::var::Var), modules and their state, ensembles.
//!
//! | module | holds |
//! |---|---|
//! | [`tree`] | structures of tensors: tuples, maps, modules |
//! | [`mod@trace`] | `Var`, and how a function of them becomes a graph |
//! | [`mod@vmap`], [`dims`] | the transform as users call it; `in_dims` and `out_dims` |
//! | [`mod@grad`] | differentiation as users call it |
//! | [`custom`] | functions that carry their own rules: for members, for derivatives |
//! | [`nn`], [`state`] | layers, and what their tensors are called |
//! | [`ensemble`] | many models as one function of stacked state |
//!
//! Must not live here: what makes a graph of a graph ([`crate::transform`]).

pub mod custom;
pub mod dims;
pub mod ensemble;
pub mod error;
pub mod grad;
pub mod nn;
pub mod state;
pub mod trace;
pub mod train;
pub mod tree;
pub mod vmap;
