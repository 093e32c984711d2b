//! The affine layer.

use super::checks::Checks;
use super::{Forward, RandomKey, init, layer};
use crate::Module;
use crate::front::trace::var::Var;

/// `x W^T + b` over the last dimension, as `torch.nn.Linear`.
///
/// `weight` is `[out_features, in_features]`, `bias` `[out_features]`; `[.., in_features]` goes to
/// `[.., out_features]`.
///
/// ```
/// use choral_compiler::nn::Linear;
/// use choral_ir::Key;
/// let layer = Linear::init(3, 2, Key::new(0)).without_bias();
/// assert_eq!(layer.weight.shape(), [2, 3]);
/// ```
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct Linear<T> {
    pub weight: T,
    pub bias: Option<T>,
}

impl<T> Linear<T> {
    /// A layer with PyTorch's initial distribution.
    #[track_caller]
    pub fn init<K: RandomKey<Leaf = T>>(in_features: usize, out_features: usize, key: K) -> Self {
        let [weight, bias] = key.split();
        Linear {
            weight: init::by_fan_in(&[out_features, in_features], in_features, &weight),
            bias: Some(init::by_fan_in(&[out_features], in_features, &bias)),
        }
    }

    /// The same layer without the bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Linear { bias: None, ..self }
    }
}

impl Forward for Linear<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        let checks = Checks::of("Linear", &self.weight, input);
        let weight = self.weight.shape();
        let accepts = checks
            .ensure(weight.len() == 2, || format!("weight must be a matrix, got {}", self.weight.ty()))
            && checks.shapes(&weight[..1], [("bias", self.bias.as_ref())]);
        if !accepts {
            return input.stand_in();
        }
        layer(&self.weight, input, || input.linear(&self.weight, self.bias.as_ref()))
    }
}
