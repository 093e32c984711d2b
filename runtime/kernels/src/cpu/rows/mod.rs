//! Kernels of rows on this processor: assembled once, and run tile by tile.
//!
//! | module | holds |
//! |---|---|
//! | [`geometry`] | how the space is cut |
//! | [`code`] | what an assembled kernel is |
//! | `assemble` | from steps to codes over registers |
//! | `fuse` | which computations run as one loop |
//! | `stages` | which pass makes each value |
//! | `layout` | registers in the frame, codes in their stages |
//! | `registers` | where registers lie |
//! | `run` | the loop over tiles |
//!
//! Must not live here: the loops of instructions ([`super::machine`]).

mod assemble;
pub mod code;
mod fuse;
pub mod geometry;
mod layout;
mod registers;
mod run;
mod stages;

pub use assemble::NoLoop;
pub use code::Program;
