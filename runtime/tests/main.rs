//! Tests of the runtime: what ops mean, special functions, plans and the memory that runs take.
#![allow(clippy::unwrap_used)]

mod executable;
mod folds;
mod functions;
mod halves;
mod legal;
mod lowering;
mod memory;
mod products;
mod random;
mod reference;
mod strips;
mod updates;
