//! Kernels of rows on this processor: assembled once, and run tile by tile.
//!
//! | module | holds |
//! |---|---|
//! | [`geometry`] | how the space is cut |
//! | [`code`] | what an assembled kernel is |
//! | `assemble` | from steps to codes over registers |
//! | `registers` | where registers lie |
//! | `run` | the loop over tiles |
//!
//! Must not live here: the loops of instructions ([`super::machine`]).

mod assemble;
pub mod code;
pub mod geometry;
mod registers;
mod run;

pub use assemble::NoLoop;
pub use code::Program;
