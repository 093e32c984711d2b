//! Training as pure functions over trees: of parameters, gradients and what an optimiser remembers.
//!
//! | module | holds |
//! |---|---|
//! | [`loss`] | losses in the names of `torch.nn.functional` |
//! | [`optim`] | optimisers, whose hyperparameters are leaves, and clipping of gradients |
//! | [`schedule`] | learning rates as functions of the step |
//! | [`freeze()`] | members that keep their state while others go on |
//! | [`checkpoint`] | trees of tensors in files that survive a crash, and members as files of their own |
//!
//! All of it is made of ordinary values, so that [`vmap`](crate::front::vmap::vmap()) maps a step of training as it maps
//! any function. Must not live here: loops over data, which are the user's, and derivatives.

pub mod checkpoint;
pub mod freeze;
pub mod loss;
pub mod optim;
pub mod schedule;

pub use freeze::{all_finite, freeze};
