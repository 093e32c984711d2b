//! CUDA C++ from kernels.
//!
//! Every kernel is a `__device__` function of a *team*: the threads of a whole launch, or those of one block. A team splits
//! the kernel's items among its threads, its warps or its blocks, and waits for itself between two kernels. So the same
//! functions run a plan step by step, a loop with all its rounds in one launch, and whole members in a block each.
//!
//! Must not live here: launching ([`crate`]'s driver modules), and anything that bits depend on: the order of operations
//! is that of `choral_kernels`.

pub mod functions;
