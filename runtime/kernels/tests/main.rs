//! Tests of the kernels: the bits of their results at every level.
#![allow(clippy::unwrap_used)]

mod convolution;
mod product;
mod product_speed;
