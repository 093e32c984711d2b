//! Batch normalisation, whose statistics are those of the batch or running ones.

use choral_ir::DType;

use crate::Module;
use crate::front::nn::checks::Checks;
use crate::front::nn::init::constant;
use crate::front::nn::{Constant, Forward, layer};
use crate::front::trace::operators::Operand;
use crate::front::trace::var::Var;

/// `torch.nn.BatchNorm1d`: `[N, C]` or `[N, C, L]`.
pub type BatchNorm1d<T> = BatchNorm<T, 1>;

/// `torch.nn.BatchNorm2d`: `[N, C, H, W]`.
pub type BatchNorm2d<T> = BatchNorm<T, 2>;

/// Batch normalisation over every dimension but the channels, dimension 1 (Ioffe and Szegedy, 2015).
///
/// All parameters and buffers are `[num_features]` but `num_batches_tracked`, a scalar `i64`.
/// In training mode a forward pass normalises by the batch and leaves new running statistics in the
/// buffers; in evaluation mode it normalises by the running statistics. As in PyTorch, training mode
/// takes more than one value per channel: the variance of a single value is not defined.
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct BatchNorm<T, const D: usize> {
    pub weight: Option<T>,
    pub bias: Option<T>,
    #[module(buffer)]
    pub running_mean: T,
    #[module(buffer)]
    pub running_var: T,
    #[module(buffer)]
    pub num_batches_tracked: T,
    pub eps: f64,
    /// Weight of the newest batch in the running statistics; `None` weighs all batches alike.
    pub momentum: Option<f64>,
    pub training: bool,
}

impl<T: Constant, const D: usize> BatchNorm<T, D> {
    /// A layer with PyTorch's defaults: momentum 0.1, eps 1e-5, weight 1, bias 0, in training mode.
    #[track_caller]
    pub fn init(num_features: usize) -> Self {
        BatchNorm {
            weight: Some(constant(&[num_features], 1.0)),
            bias: Some(constant(&[num_features], 0.0)),
            running_mean: constant(&[num_features], 0.0),
            running_var: constant(&[num_features], 1.0),
            num_batches_tracked: T::full(&[], 0.0, DType::I64),
            eps: 1e-5,
            momentum: Some(0.1),
            training: true,
        }
    }
}

impl<T, const D: usize> BatchNorm<T, D> {
    /// The same layer without weight and bias.
    #[must_use]
    pub fn without_affine(self) -> Self {
        BatchNorm { weight: None, bias: None, ..self }
    }

    /// What is added to the variance.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        BatchNorm { eps, ..self }
    }

    /// The weight of the newest batch in the running statistics.
    #[must_use]
    pub fn momentum(self, momentum: Option<f64>) -> Self {
        BatchNorm { momentum, ..self }
    }
}

impl<const D: usize> Forward for BatchNorm<Var, D> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        if !self.accepts(input) {
            return input.stand_in();
        }
        let anchor = self.running_mean.clone();
        layer(&anchor, input, || {
            let x = input.widened();
            let (mean, var) = if self.training {
                self.batch_statistics(&x)
            } else {
                (self.running_mean.widened(), self.running_var.widened())
            };
            self.normalize(&x, &mean, &var).to(input.dtype())
        })
    }
}

impl<const D: usize> BatchNorm<Var, D> {
    #[track_caller]
    fn accepts(&self, input: &Var) -> bool {
        let checks = Checks::of(format!("BatchNorm{D}d"), &self.running_mean, input);
        let (ranks, meaning) = if D == 1 {
            (2..=3, "rank 2 or 3".to_owned())
        } else {
            (D + 2..=D + 2, format!("rank {}", D + 2))
        };
        let features = self.running_mean.shape();
        let state = [
            ("running_var", Some(&self.running_var)),
            ("weight", self.weight.as_ref()),
            ("bias", self.bias.as_ref()),
        ];
        checks.rank(ranks, &meaning)
            && checks.ensure(features.len() == 1, || {
                format!("running_mean must be a vector, got {}", self.running_mean.ty())
            })
            && checks.shapes(features, state)
            && checks.shapes(&[], [("num_batches_tracked", Some(&self.num_batches_tracked))])
            && checks.channels(1, features[0])
            && checks.ensure(!self.training || values_per_channel(input) > 1, || {
                format!("training mode needs more than 1 value per channel, got {}", input.ty())
            })
    }

    /// Mean and variance of the batch; the running statistics move towards them.
    fn batch_statistics(&mut self, input: &Var) -> (Var, Var) {
        let axes: Vec<i64> = (0..input.rank() as i64).filter(|&axis| axis != 1).collect();
        let mean = input.mean(axes.as_slice());
        let distance = input - mean.along(input, &[1]);
        let squares = (&distance * &distance).sum(axes.as_slice());
        let count = values_per_channel(input) as f64;
        self.num_batches_tracked = &self.num_batches_tracked + 1;
        let weight: Box<dyn Operand> = match self.momentum {
            Some(momentum) => Box::new(momentum),
            None => Box::new(1.0 / self.num_batches_tracked.to(input.dtype())),
        };
        // As in PyTorch the running variance is the unbiased one, the batch's own is not.
        let unbiased = &squares / (count - 1.0);
        self.running_mean = towards(&self.running_mean, &mean, &*weight);
        self.running_var = towards(&self.running_var, &unbiased, &*weight);
        (mean, squares / count)
    }

    /// `(x - mean) / sqrt(var + eps) * weight + bias` as one product and one sum per element.
    fn normalize(&self, input: &Var, mean: &Var, var: &Var) -> Var {
        let scale = (var + self.eps).rsqrt();
        let scale = self.weight.iter().fold(scale, |scale, weight| scale * weight.widened());
        let shift = self.bias.iter().fold(-(mean * &scale), |shift, bias| shift + bias.widened());
        input * scale.along(input, &[1]) + shift.along(input, &[1])
    }
}

/// How many elements of a batch each channel has.
fn values_per_channel(input: &Var) -> usize {
    let sizes = input.shape().iter().enumerate().filter(|(dim, _)| *dim != 1);
    sizes.map(|(_, size)| size).product()
}

/// `running` moved towards `newest` by `weight`.
fn towards(running: &Var, newest: &Var, weight: &dyn Operand) -> Var {
    let sofar = running.widened();
    (&sofar + (newest - &sofar) * weight.beside(&sofar)).to(running.dtype())
}
