//! Kernels on NVIDIA GPUs: CUDA source from what plans are made of, and the driver that runs it.
//!
//! | module | holds |
//! |---|---|
//! | [`source`] | CUDA C++ from kernels, loops and branches: text, made on any machine |
//!
//! Must not live here: graphs and ops. This crate does not know `choral-ir`, as `choral-kernels` does not.

pub mod source;
