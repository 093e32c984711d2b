//! Tests of the kernels: what functions give, and that the bits of every result are the same at every level.
#![allow(clippy::unwrap_used)]

mod accuracy;
mod bits;
mod convolution;
mod parallel;
mod pool;
mod pool_speed;
mod product;
mod product_speed;
mod speed;
