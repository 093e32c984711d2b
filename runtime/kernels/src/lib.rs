//! Kernels: what plans are made of, and the loops that run them on this processor.
//!
//! | module | holds |
//! |---|---|
//! | [`functions`] | functions of floats: exponentials, logarithms, sines, .. |
//! | [`level`] | the instruction sets that loops are compiled for, and which of them this processor has |
//!
//! Must not live here: graphs and ops. This crate does not know `choral-ir`: what a kernel does is said in
//! numbers, accesses and scalar expressions, and the runtime lowers graphs to these.

pub mod functions;
pub mod level;

pub use level::Level;
