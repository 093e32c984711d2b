//! Matrix products on this processor: packed operands, register tiles, and sums in the order of
//! [`crate::product::order`] at every level.
//!
//! | module | holds |
//! |---|---|
//! | [`schedule`] | what is decided before a product runs |
//! | `choices` | how it is decided |
//! | `run` | tiles of a schedule, chunk by chunk |
//! | `sides`, `sums`, `tables` | where a run's operands, sums and offsets are |
//! | `kernel`, `levels`, `vector`, `x86` | the inner loops, compiled for every level and element type |
//! | `pack`, `transpose` | operands in the order that the inner loops read |
//! | [`sliding`] | convolutions whose windows slide over a copy of the input |
//! | `element`, `convert` | element types, and how they are kept in buffers |
//!
//! Must not live here: what a product is; that is [`crate::product`].

mod choices;
mod convert;
mod element;
mod kernel;
mod levels;
mod pack;
mod run;
pub mod schedule;
mod sides;
pub mod sliding;
mod sums;
mod tables;
#[cfg(target_arch = "x86_64")]
mod transpose;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

use element::{Element, Truth};
pub use run::{Finished, Operands};
pub use schedule::{Schedule, Setting};
pub use sliding::Sliding;

use crate::Level;
use crate::product::Compute;

/// Does with the element type of a computation what is done for every one.
macro_rules! with_element {
    ($compute:expr, $T:ident => $body:expr) => {
        match $compute {
            Compute::F32 => {
                type $T = f32;
                $body
            }
            Compute::F64 => {
                type $T = f64;
                $body
            }
            Compute::I16 => {
                type $T = i16;
                $body
            }
            Compute::I32 => {
                type $T = i32;
                $body
            }
            Compute::I64 => {
                type $T = i64;
                $body
            }
            Compute::Truth => {
                type $T = Truth;
                $body
            }
        }
    };
}
use with_element;

/// Rows and columns of a kernel's tile.
fn tile(compute: Compute, level: Level) -> (usize, usize) {
    with_element!(compute, T => {
        let kernels = T::kernels(level);
        (kernels.rows, kernels.width)
    })
}
