//! Random bits.

use choral_ir::op::{RngAlgorithm, RngBitGenerator};
use choral_kernels::access::Elements;
use choral_kernels::random::{Algorithm, Random};

use super::number;

/// A draw: the bits of each state lie one after another in `bits`.
pub fn random(op: &RngBitGenerator, [state, next, mut bits]: [Elements; 3]) -> Random {
    bits.access.dims.truncate(op.batching_dims);
    Random {
        algorithm: match op.algorithm {
            RngAlgorithm::ThreeFry => Algorithm::ThreeFry,
            RngAlgorithm::Default | RngAlgorithm::Philox => Algorithm::Philox,
        },
        state,
        next,
        bits,
        shape: op.shape.clone(),
        number: number::of(op.dtype),
        narrow: op.dtype.is_narrow().then(|| op.dtype.bits() as u32),
    }
}
