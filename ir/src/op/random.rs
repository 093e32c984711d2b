//! Ops that draw random bits from a state that the program hands on.

use serde::{Deserialize, Serialize};

use super::{TypeError, arity, ensure};
use crate::{Class, DType, TensorType};

/// Random bits in a shape, and the state to draw the next ones from.
///
/// The state is a key and a counter, words of 64 bits. Leading batching dimensions of the state
/// are also those of the results: each slice of the state draws as it would alone.
///
/// (C1) the state is `ui64`, of 2 words for `THREE_FRY`, 2 or 3 for the others, after its batching
/// dimensions; (C2) the bits are integers or floats.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RngBitGenerator {
    /// How bits are drawn.
    pub algorithm: RngAlgorithm,
    /// Number of leading dimensions that hold states of their own.
    #[serde(default)]
    pub batching_dims: usize,
    /// Shape of the bits, after the batching dimensions.
    pub shape: Vec<usize>,
    /// Element type of the bits.
    pub dtype: DType,
}

/// How random bits are drawn: the counter-based generators of Salmon et al., "Parallel random
/// numbers: as easy as 1, 2, 3" (2011), laid out as XLA does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RngAlgorithm {
    /// Chosen by the compiler; here, as XLA does on a CPU, philox.
    Default,
    /// Threefry-2x32.
    ThreeFry,
    /// Philox-4x32.
    Philox,
}

impl RngAlgorithm {
    /// Every algorithm.
    pub const ALL: [RngAlgorithm; 3] = [RngAlgorithm::Default, RngAlgorithm::ThreeFry, RngAlgorithm::Philox];

    /// The keyword of StableHLO text.
    pub const fn name(self) -> &'static str {
        match self {
            RngAlgorithm::Default => "DEFAULT",
            RngAlgorithm::ThreeFry => "THREE_FRY",
            RngAlgorithm::Philox => "PHILOX",
        }
    }
}

impl From<RngBitGenerator> for crate::Op {
    fn from(op: RngBitGenerator) -> crate::Op {
        crate::Op::Random(op)
    }
}

impl RngBitGenerator {
    /// The name in text: an op of our own if there are batching dimensions.
    pub const fn name(&self) -> &'static str {
        if self.batching_dims == 0 { "stablehlo.rng_bit_generator" } else { "choral.rng_bit_generator" }
    }
}

/// Type rule of the family.
pub fn infer(op: &RngBitGenerator, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    let RngBitGenerator { algorithm, batching_dims, shape, dtype } = op;
    arity(1, operands)?;
    let state = operands[0];
    let words = match algorithm {
        RngAlgorithm::ThreeFry => 2..=2,
        RngAlgorithm::Default | RngAlgorithm::Philox => 2..=3,
    };
    let fits = state.dtype == DType::Ui64
        && state.rank().checked_sub(1) == Some(*batching_dims)
        && words.contains(&state.shape[*batching_dims]);
    let (name, most) = (algorithm.name(), words.end());
    ensure!(
        fits,
        "C1",
        "the state of {name} holds up to {most} ui64, after {batching_dims} batching dimensions, got {state}"
    );
    ensure!(Class::Number.contains(*dtype), "C2", "expected {} as bits, got {dtype}", Class::Number);
    let shape = [&state.shape[..*batching_dims], shape].concat();
    Ok(vec![state.clone(), TensorType::new(shape, *dtype)])
}

/// Where a dimension of the state goes: one of the batching dimensions stays.
pub(super) fn follow(op: &RngBitGenerator, dim: usize) -> Option<usize> {
    (dim < op.batching_dims).then_some(dim)
}
