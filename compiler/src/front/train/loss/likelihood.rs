//! Losses of probabilities and distributions.

use std::f64::consts::TAU;

use super::{Reduction, alike, ensure, pairs};
use crate::front::trace::operators::broadcast_shapes;
use crate::front::trace::var::Var;

/// Options of [`binary_cross_entropy_with_logits`].
#[derive(Debug, Clone)]
pub struct BceWithLogits {
    weight: Option<Var>,
    pos_weight: Option<Var>,
    reduction: Reduction,
}

impl From<Reduction> for BceWithLogits {
    fn from(reduction: Reduction) -> Self {
        BceWithLogits { weight: None, pos_weight: None, reduction }
    }
}

impl Default for BceWithLogits {
    fn default() -> Self {
        Reduction::default().into()
    }
}

impl BceWithLogits {
    /// What the loss of each element is multiplied by; it is broadcast to the input.
    #[must_use]
    pub fn weight(self, weight: &Var) -> Self {
        BceWithLogits { weight: Some(weight.clone()), ..self }
    }

    /// What the loss of what is true is multiplied by; it is broadcast to the input.
    #[must_use]
    pub fn pos_weight(self, weight: &Var) -> Self {
        BceWithLogits { pos_weight: Some(weight.clone()), ..self }
    }

    /// How the losses of elements become the loss.
    #[must_use]
    pub fn reduction(self, reduction: Reduction) -> Self {
        BceWithLogits { reduction, ..self }
    }
}

/// The cross-entropy between the sigmoid of logits and probabilities, without overflow:
/// `torch.nn.functional.binary_cross_entropy_with_logits`.
///
/// ```
/// use choral_compiler::train::loss::{BceWithLogits, binary_cross_entropy_with_logits};
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let x = TensorType::new([8, 3], DType::F32);
/// let loss = |(x, y): (Var, Var)| {
///     let weight = x.full([3], 2.0);
///     binary_cross_entropy_with_logits(&x, &y, BceWithLogits::default().pos_weight(&weight))
/// };
/// assert_eq!(trace(&loss, &(&x, &x))?.output, TensorType::scalar(DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn binary_cross_entropy_with_logits(input: &Var, target: &Var, options: impl Into<BceWithLogits>) -> Var {
    const NAME: &str = "binary_cross_entropy_with_logits";
    let BceWithLogits { weight, pos_weight, reduction } = options.into();
    let weights = [("weight", &weight), ("pos_weight", &pos_weight)];
    let fits = |(which, weight): (&str, &Option<Var>)| {
        weight.as_ref().is_none_or(|weight| broadcasts(NAME, which, weight, input))
    };
    if !weights.into_iter().all(fits) {
        return input.stand_in();
    }
    pairs(NAME, (input, target), reduction, |x, y| {
        let of_true = (-x).softplus();
        let of_true = match &pos_weight {
            None => of_true,
            Some(weight) => of_true * ((weight.to(x.dtype()) - 1.0) * y + 1.0),
        };
        let losses = (1.0 - y) * x + of_true;
        weight.iter().fold(losses, |losses, weight| losses * weight.to(x.dtype()))
    })
}

/// Whether a weight is broadcast to the input without making it larger.
#[track_caller]
fn broadcasts(name: &str, which: &str, weight: &Var, input: &Var) -> bool {
    let shape = broadcast_shapes(&[input.shape(), weight.shape()]);
    ensure(name, &[input, weight], shape.as_deref() == Some(input.shape()), || {
        format!("{which} must broadcast to the input {}, got {}", input.ty(), weight.ty())
    })
}

/// Options of [`gaussian_nll_loss`].
#[derive(Debug, Clone, Copy)]
pub struct GaussianNll {
    full: bool,
    eps: f64,
    reduction: Reduction,
}

impl From<Reduction> for GaussianNll {
    fn from(reduction: Reduction) -> Self {
        GaussianNll { full: false, eps: 1e-6, reduction }
    }
}

impl Default for GaussianNll {
    fn default() -> Self {
        Reduction::default().into()
    }
}

impl GaussianNll {
    /// Adds the constant `log(2 pi) / 2`.
    #[must_use]
    pub fn full(self) -> Self {
        GaussianNll { full: true, ..self }
    }

    /// The least variance; 1e-6 unless you say otherwise.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        GaussianNll { eps, ..self }
    }

    /// How the losses of elements become the loss.
    #[must_use]
    pub fn reduction(self, reduction: Reduction) -> Self {
        GaussianNll { reduction, ..self }
    }
}

/// The negative logarithm of the density of `target` under normal distributions with means `input` and variances
/// `var`: `torch.nn.functional.gaussian_nll_loss`.
///
/// The variances have the input's shape, or size 1 in its last dimension, or lack that. Variances below `eps` count as
/// `eps`; a negative one does not become an error.
///
/// ```
/// use choral_compiler::train::loss::{Reduction, gaussian_nll_loss};
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let x = TensorType::new([8, 3], DType::F32);
/// let loss = |(x, y, log_var): (Var, Var, Var)| gaussian_nll_loss(&x, &y, &log_var.exp(), Reduction::Mean);
/// assert_eq!(trace(&loss, &(&x, &x, &x))?.output, TensorType::scalar(DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn gaussian_nll_loss(input: &Var, target: &Var, var: &Var, options: impl Into<GaussianNll>) -> Var {
    const NAME: &str = "gaussian_nll_loss";
    let GaussianNll { full, eps, reduction } = options.into();
    let Some((_, others)) = input.shape().split_last().filter(|_| var.shape() != input.shape()) else {
        return gaussian(NAME, (input, target, var), (full, eps), reduction);
    };
    let same_for_all = [others, &[1]].concat();
    let fits = var.shape() == others || var.shape() == same_for_all;
    let checked = ensure(NAME, &[input, var], fits, || {
        let shape = input.shape();
        format!("expected variances of shape {shape:?}, {same_for_all:?} or {others:?}, got {}", var.ty())
    });
    if !checked {
        return input.stand_in();
    }
    let var = if var.shape() == others { var.unsqueeze(-1) } else { var.clone() };
    gaussian(NAME, (input, target, &var.broadcast_to(input.shape())), (full, eps), reduction)
}

/// [`gaussian_nll_loss`] with a variance for each element.
#[track_caller]
fn gaussian(
    name: &str,
    (input, target, var): (&Var, &Var, &Var),
    (full, eps): (bool, f64),
    reduction: Reduction,
) -> Var {
    if !alike(name, input, var) {
        return input.stand_in();
    }
    pairs(name, (input, target), reduction, |x, y| {
        let (var, distance) = (at_least(&var.widened(), eps), x - y);
        let losses = (var.log() + &distance * &distance / &var) * 0.5;
        if full { losses + 0.5 * TAU.ln() } else { losses }
    })
}

/// `var`, and `eps` below it, where it changes as `var` does, so that it can grow again.
#[track_caller]
fn at_least(var: &Var, eps: f64) -> Var {
    var.where_(&var.ge(eps), &((var - var.stop_gradient()) + eps))
}

/// Options of [`kl_div`].
#[derive(Debug, Clone, Copy)]
pub struct KlDiv {
    log_target: bool,
    reduction: Reduction,
}

impl From<Reduction> for KlDiv {
    fn from(reduction: Reduction) -> Self {
        KlDiv { log_target: false, reduction }
    }
}

impl Default for KlDiv {
    fn default() -> Self {
        Reduction::default().into()
    }
}

impl KlDiv {
    /// Takes the logarithms of the target's probabilities for the target.
    #[must_use]
    pub fn log_target(self) -> Self {
        KlDiv { log_target: true, ..self }
    }

    /// How the losses of elements become the loss: with [`Reduction::BatchMean`] the mean divergence of distributions.
    #[must_use]
    pub fn reduction(self, reduction: Reduction) -> Self {
        KlDiv { reduction, ..self }
    }
}

/// The Kullback-Leibler divergence of `target`, probabilities, from `input`, logarithms of probabilities:
/// `torch.nn.functional.kl_div`. What has the probability 0 adds nothing.
///
/// ```
/// use choral_compiler::train::loss::{Reduction, kl_div};
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let x = TensorType::new([8, 3], DType::F32);
/// let loss = |(x, y): (Var, Var)| kl_div(&x.log_softmax(-1), &y.softmax(-1), Reduction::BatchMean);
/// assert_eq!(trace(&loss, &(&x, &x))?.output, TensorType::scalar(DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn kl_div(input: &Var, target: &Var, options: impl Into<KlDiv>) -> Var {
    let KlDiv { log_target, reduction } = options.into();
    pairs("kl_div", (input, target), reduction, |x, y| {
        if log_target {
            return y.exp() * (y - x);
        }
        // Of what is left out, neither value nor derivative may be NaN.
        let is_there = y.gt(0.0);
        let entropy = (y * y.where_(&is_there, 1.0).log()).where_(&is_there, 0.0);
        entropy - y * x
    })
}
