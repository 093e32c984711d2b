//! The compiler: from Rust functions to graphs, and from graphs to graphs.
#![forbid(unsafe_code)]
