//! Tests of the kernels: what functions give, and that the bits of every result are the same at every level.
#![allow(clippy::unwrap_used)]

mod accuracy;
mod arrays;
mod bits;
mod convolution;
mod elements;
mod extreme;
mod fold;
mod linalg;
mod moves;
mod moves_speed;
mod parallel;
mod pool;
mod pool_speed;
mod product;
mod product_speed;
mod random;
mod rows;
mod select_and_scatter;
mod sort;
mod speed;
mod window;
mod window_speed;
