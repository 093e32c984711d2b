//! Kernels on NVIDIA GPUs: CUDA source from what plans are made of, and the driver that runs it.
//!
//! | module | holds |
//! |---|---|
//! | [`program`] | what runs: kernels, loops and branches over a table of buffers |
//! | [`parts`] | parts of programs that blocks run by themselves |
//! | `show` | programs as text |
//! | [`source`] | CUDA C++ from programs: text, made on any machine |
//! | `libraries` | NVIDIA's libraries, found when the program runs |
//! | [`gpu`] | a GPU |
//! | [`compile`](mod@compile) | NVIDIA's runtime compiler |
//! | [`library_product`], `cublaslt` | products that cuBLASLt does, if that is asked for; the library |
//! | [`module`], [`session`] | a program on a GPU, and its runs |
//! | [`line`](mod@line), [`memory`], `staging` | work in order; memory, and who waits for whom; copies from and to the host |
//! | [`gather`], `nccl` | results of several GPUs on one of them |
//!
//! Must not live here: graphs and ops. This crate does not know `choral-ir`, as `choral-kernels` does not.

pub mod compile;
mod cublaslt;
pub mod error;
pub mod gather;
pub mod gpu;
mod libraries;
pub mod library_product;
pub mod line;
pub mod memory;
pub mod module;
mod nccl;
pub mod parts;
pub mod program;
pub mod session;
mod show;
pub mod source;
mod staging;

pub use error::Error;
pub use gather::Gather;
pub use gpu::Gpu;
pub use line::Line;
pub use memory::Memory;
pub use module::Module;
pub use program::Program;
pub use session::Session;
pub use source::Unit;
