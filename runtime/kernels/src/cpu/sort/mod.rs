//! Rows in order on this processor.
//!
//! | module | holds |
//! |---|---|
//! | [`run`] | rows of a sort, one after another |
//! | `keys` | elements as unsigned integers in the order that is asked for |
//! | `radix` | unsigned integers in order |
//! | `merge` | places in the order of a comparator |
//!
//! Must not live here: what is sorted by what ([`crate::sort`]).

mod keys;
mod merge;
mod radix;
pub mod run;
