//! The runtime: graphs become results.
//!
//! | module | holds |
//! |---|---|
//! | [`reference`](mod@reference), [`ops`] | the interpreter: one op at a time, one file per op family, as simple as possible |
//! | `legal` | ops that kernels lack as others |
//! | [`lower`] | ops as kernels (`choral_kernels`) |
//! | [`plan`] | which kernel runs each op, and where its values lie |
//! | `memory` | how much of it a run needs |
//! | `gpu` | graphs on a GPU (`choral_cuda`) |
//! | [`device_tensor`], `gather` | tensors that stay on a device; parts on several devices as one |
//! | [`special`] | special functions of real numbers, within 2 units in the last place |
//! | [`executable`], [`session`], [`device`], [`setting`] | what a caller holds |
//!
//! Must not live here: tracing and transforms. This crate knows graphs alone.

pub mod device;
pub mod device_tensor;
pub mod error;
pub mod executable;
mod gather;
mod gpu;
mod legal;
pub mod lower;
mod memory;
pub mod ops;
pub mod plan;
pub mod reference;
pub mod session;
pub mod setting;
pub mod special;

pub use choral_cuda as cuda;
pub use choral_kernels::Level;
pub use choral_kernels::cpu::pool::Pool;
pub use device::Device;
pub use device_tensor::{DeviceInput, DeviceTensor};
pub use error::Error;
pub use executable::{Executable, peak_bytes};
pub use gpu::{cuda_plan, cuda_source, cuda_source_with, ptx};
pub use reference::evaluate;
pub use session::Session;
pub use setting::{Precision, Setting};
