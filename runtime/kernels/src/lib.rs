//! Kernels: what plans are made of, and the loops that run them on this processor.
//!
//! | module | holds |
//! |---|---|
//! | [`level`] | the instruction sets that loops are compiled for, and which of them this processor has |
//!
//! Must not live here: graphs and ops. This crate does not know `choral-ir`: what a kernel does is said in
//! numbers, accesses and scalar expressions, and the runtime lowers graphs to these.

pub mod cpu;
pub mod level;
pub mod number;
pub mod product;

pub use level::Level;
pub use number::Number;
