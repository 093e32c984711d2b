//! Tests of the kernels: what functions give, and that the bits are the same at every width.
#![allow(clippy::unwrap_used)]

mod accuracy;
mod bits;
mod speed;
//! Tests of the kernels: the bits of their results at every level.
#![allow(clippy::unwrap_used)]

mod convolution;
mod product;
mod product_speed;
