//! The distributions that layers start from.

use choral_ir::{Key, Tensor};

/// Uniform in `[-1/sqrt(fan_in), 1/sqrt(fan_in))`: PyTorch's default for weights (Kaiming uniform
/// with `a = sqrt(5)`; He et al., 2015) and for biases.
pub(super) fn by_fan_in(shape: impl Into<Vec<usize>>, fan_in: usize, key: Key) -> Tensor {
    let shape = shape.into();
    let bound = if fan_in == 0 { 0.0 } else { 1.0 / (fan_in as f32).sqrt() };
    let draws = key.uniform_between(shape.iter().product(), -bound, bound);
    Tensor::from_fn(shape, |index| draws[index])
}
