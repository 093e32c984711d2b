//! Folds of windows on this processor: scheduled once, and run box by box.
//!
//! | module | holds |
//! |---|---|
//! | `schedule` | what is decided once: boxes of results, and which elements each place of a window meets |
//! | `places` | which results find an element under a place of their window |
//! | `boxes` | the loop over boxes: every place of the windows, or one more element of running folds, for a whole box |
//! | `along` | running folds along rows whose elements are neighbours |
//!
//! Must not live here: the loops of instructions ([`super::machine`]).

mod along;
mod boxes;
pub(super) mod places;
mod schedule;

pub use schedule::{Program, running};
