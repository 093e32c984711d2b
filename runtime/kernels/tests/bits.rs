//! One function, one list of operations: the bits do not depend on the instruction set, the length, or the place.

use choral_kernels::Level;
use choral_kernels::functions::{Function, FunctionOfTwo, Fused, Hardware, Real, Software};

/// Numbers with random bits, and special ones between.
fn numbers<T: Real>(count: usize) -> Vec<T> {
    todo!()
}
