//! Tests of the kernels: what functions give, and that the bits are the same at every width.
#![allow(clippy::unwrap_used)]

mod accuracy;
mod bits;
mod speed;
