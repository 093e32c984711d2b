//! Tests of the CUDA back end, on stand-ins for NVIDIA's libraries: no GPU is needed, but g++ is.
#![allow(clippy::unwrap_used)]

mod host;
mod kernels;
mod stand_in;
