//! Tensors to run programs on: a function of type and seed.

use choral::ir::{Element, with_dtype};
use choral::{DType, Graph, Tensor, TensorType};

/// Which values may occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// Small ones, with signs and zeros; sums of floats among them are exact.
    Small,
    /// Floats with all of their digits: their sums and products round.
    Rough,
    /// Also infinities, NaN, and the limits of integers.
    Wild,
}

const SMALL_FLOATS: [f64; 14] =
    [0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1.5, -0.25, 0.75, 3.0, -0.0, -1.25, 0.125];
const WILD_FLOATS: [f64; 6] = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1.0, -0.0, 30000.0];
const SMALL_INTEGERS: [f64; 10] = [0.0, 1.0, 2.0, -1.0, 3.0, -2.0, 5.0, 4.0, -3.0, 9.0];
/// The last ones saturate at the limits of every type.
const WILD_INTEGERS: [f64; 5] = [7.0, 31.0, 64.0, 1e30, -1e30];

/// A tensor of the type.
pub(crate) fn tensor(ty: &TensorType, seed: u64, values: Values) -> Tensor {
    let (small, wild): (&[f64], &[f64]) = if ty.dtype.is_float() {
        (&SMALL_FLOATS, &WILD_FLOATS)
    } else if ty.dtype == DType::I1 {
        (&[0.0, 1.0], &[1.0])
    } else {
        (&SMALL_INTEGERS, &WILD_INTEGERS)
    };
    let value = |index: usize| {
        let bits = mixed(seed ^ mixed(index as u64 + 1));
        let place = (bits >> 32) as usize;
        match values {
            Values::Rough if ty.dtype.is_float() => (bits >> 11) as f64 / (1u64 << 51) as f64 - 2.0,
            Values::Wild if bits.is_multiple_of(5) => wild[place % wild.len()],
            Values::Small | Values::Rough | Values::Wild => small[place % small.len()],
        }
    };
    with_dtype!(ty.dtype, T => Tensor::from_fn(ty.shape.as_slice(), |index| <T as Element>::from_f64(value(index))))
}

/// A tensor for every input of the graph.
pub(crate) fn tensors(graph: &Graph, seed: u64, values: Values) -> Vec<Tensor> {
    let types = graph.input_types();
    types.iter().enumerate().map(|(at, ty)| tensor(ty, mixed(seed + at as u64), values)).collect()
}

/// A number that looks nothing like the given one (SplitMix64).
pub(crate) fn mixed(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
