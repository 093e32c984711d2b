//! Normalisation over the last dimensions.

use choral_ir::DType;

use super::standardised;
use crate::Module;
use crate::front::nn::checks::Checks;
use crate::front::nn::init::constant;
use crate::front::nn::{Constant, Forward, layer};
use crate::front::trace::var::Var;

/// Normalisation over the last dimensions (Ba et al., 2016), as `torch.nn.LayerNorm`.
///
/// `weight` and `bias` have the shape of the dimensions normalised over.
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct LayerNorm<T> {
    pub weight: T,
    pub bias: Option<T>,
    pub eps: f64,
}

impl<T: Constant> LayerNorm<T> {
    /// A layer with PyTorch's defaults: eps 1e-5, weight 1, bias 0.
    #[track_caller]
    pub fn init(normalized_shape: impl Into<Vec<usize>>) -> Self {
        let shape = normalized_shape.into();
        LayerNorm { weight: constant(&shape, 1.0), bias: Some(constant(&shape, 0.0)), eps: 1e-5 }
    }
}

impl<T> LayerNorm<T> {
    /// The same layer without the bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        LayerNorm { bias: None, ..self }
    }

    /// What is added to the variance.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        LayerNorm { eps, ..self }
    }
}

impl Forward for LayerNorm<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        if !self.accepts(input) {
            return input.stand_in();
        }
        let axes = last(self.weight.rank());
        layer(&self.weight, input, || {
            let x = input.widened();
            let scaled = standardised(&x, &axes, self.eps) * self.weight.widened();
            self.bias.iter().fold(scaled, |sum, bias| sum + bias.widened()).to(input.dtype())
        })
    }
}

impl LayerNorm<Var> {
    #[track_caller]
    fn accepts(&self, input: &Var) -> bool {
        let checks = Checks::of("LayerNorm", &self.weight, input);
        checks.shapes(self.weight.shape(), [("bias", self.bias.as_ref())])
            && ends_with(&checks, input, &self.weight)
    }
}

/// Scaling by the root of the mean square over the last dimensions (Zhang and Sennrich, 2019), as
/// `torch.nn.RMSNorm`.
///
/// `weight` has the shape of the dimensions normalised over.
///
/// ```
/// use choral_compiler::nn::RMSNorm;
/// use choral_ir::Tensor;
/// let norm = RMSNorm::<Tensor>::init([64]);
/// assert_eq!((norm.weight.shape(), norm.eps), (&[64][..], None));
/// ```
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct RMSNorm<T> {
    pub weight: T,
    /// What is added to the mean square; `None` for the distance from 1 to the next number, of `f64` where
    /// the input holds these, of `f32` otherwise.
    pub eps: Option<f64>,
}

impl<T: Constant> RMSNorm<T> {
    /// A layer with PyTorch's defaults: eps `None`, weight 1.
    #[track_caller]
    pub fn init(normalized_shape: impl Into<Vec<usize>>) -> Self {
        RMSNorm { weight: constant(&normalized_shape.into(), 1.0), eps: None }
    }
}

impl<T> RMSNorm<T> {
    /// What is added to the mean square.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        RMSNorm { eps: Some(eps), ..self }
    }
}

impl Forward for RMSNorm<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        if !ends_with(&Checks::of("RMSNorm", &self.weight, input), input, &self.weight) {
            return input.stand_in();
        }
        let axes = last(self.weight.rank());
        layer(&self.weight, input, || {
            let x = input.widened();
            let mean = (&x * &x).mean(axes.as_slice()).keep_dims(input, &axes);
            let least = if x.dtype() == DType::F64 { f64::EPSILON } else { f32::EPSILON.into() };
            let scaled = &x * (mean + self.eps.unwrap_or(least)).rsqrt();
            (scaled * self.weight.widened()).to(input.dtype())
        })
    }
}

/// The last `count` dimensions, from the end.
fn last(count: usize) -> Vec<i64> {
    (1..=count as i64).map(|axis| -axis).collect()
}

/// Whether the input's last dimensions are those of the weight.
fn ends_with(checks: &Checks<'_>, input: &Var, weight: &Var) -> bool {
    let shape = weight.shape();
    checks.ensure(!shape.is_empty(), || "weight must have at least one dimension".to_owned())
        && checks.ensure(input.shape().ends_with(shape), || {
            format!("expected an input whose last dimensions are {shape:?}, got {}", input.ty())
        })
}
