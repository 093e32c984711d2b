//! Kernels of random bits: `stablehlo.rng_bit_generator`.
//!
//! The counter-based generators of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011), laid out as XLA
//! lays them out. `algorithm`, `shape` and the result's type are the kernel's; leading dimensions of the state, each of
//! which draws by itself (members, of a mapped op), are those of its accesses. Must not live here: the generators' loops
//! ([`crate::cpu::random`]).

use crate::Number;
use crate::access::Elements;

/// How bits are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Threefry-2x32 with 20 rounds.
    ThreeFry,
    /// Philox-4x32 with 10 rounds: `PHILOX` and `DEFAULT`.
    Philox,
}

/// A kernel that draws bits from states of words of 64 bits, and moves these on.
#[derive(Debug, Clone)]
pub struct Random {
    /// How they are drawn.
    pub algorithm: Algorithm,
    /// The states: dimensions of states, then the words of one: 2, and 2 or 3 of philox.
    pub state: Elements,
    /// Where the next states go, in the same dimensions; they overlap nothing that is read.
    pub next: Elements,
    /// Where bits go: dimensions of states alone. The bits of one state lie there in row-major order, one after another.
    pub bits: Elements,
    /// The shape of the bits of one state.
    pub shape: Vec<usize>,
    /// The type of the results.
    pub number: Number,
    /// Their bits, if they are integers of fewer than eight.
    pub narrow: Option<u32>,
}
