//! `derive(Module)`.
#![forbid(unsafe_code)]
