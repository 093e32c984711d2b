//! Losses of numbers: how far they are from those that are true.

use super::{Reduction, pairs};
use crate::front::trace::var::Var;

/// The square of the distance: `torch.nn.functional.mse_loss`.
///
/// ```
/// use choral_compiler::train::loss::{Reduction, mse_loss};
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let x = TensorType::new([8, 3], DType::F32);
/// let loss = |(x, y): (Var, Var)| mse_loss(&x, &y, Reduction::Mean);
/// assert_eq!(trace(&loss, &(&x, &x))?.output, TensorType::scalar(DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn mse_loss(input: &Var, target: &Var, reduction: Reduction) -> Var {
    pairs("mse_loss", (input, target), reduction, |x, y| {
        let distance = x - y;
        &distance * &distance
    })
}

/// The distance: `torch.nn.functional.l1_loss`.
#[track_caller]
#[must_use]
pub fn l1_loss(input: &Var, target: &Var, reduction: Reduction) -> Var {
    pairs("l1_loss", (input, target), reduction, |x, y| (x - y).abs())
}

/// Options of [`huber_loss`].
#[derive(Debug, Clone, Copy)]
pub struct HuberLoss {
    delta: f64,
    reduction: Reduction,
}

impl From<Reduction> for HuberLoss {
    fn from(reduction: Reduction) -> Self {
        HuberLoss { delta: 1.0, reduction }
    }
}

impl Default for HuberLoss {
    fn default() -> Self {
        Reduction::default().into()
    }
}

impl HuberLoss {
    /// The distance from which on the loss is linear; 1 unless you say otherwise.
    #[must_use]
    pub fn delta(self, delta: f64) -> Self {
        HuberLoss { delta, ..self }
    }

    /// How the losses of elements become the loss.
    #[must_use]
    pub fn reduction(self, reduction: Reduction) -> Self {
        HuberLoss { reduction, ..self }
    }
}

/// Half the square of the distance, and from `delta` on linear: `torch.nn.functional.huber_loss` (Huber, 1964).
///
/// ```
/// use choral_compiler::train::loss::{HuberLoss, huber_loss};
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let x = TensorType::new([8, 3], DType::F32);
/// let loss = |(x, y): (Var, Var)| huber_loss(&x, &y, HuberLoss::default().delta(0.5));
/// assert_eq!(trace(&loss, &(&x, &x))?.output, TensorType::scalar(DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn huber_loss(input: &Var, target: &Var, options: impl Into<HuberLoss>) -> Var {
    let HuberLoss { delta, reduction } = options.into();
    pairs("huber_loss", (input, target), reduction, |x, y| {
        let distance = (x - y).abs();
        let square = &distance * &distance * 0.5;
        square.where_(&distance.le(delta), (&distance - 0.5 * delta) * delta)
    })
}

/// Options of [`smooth_l1_loss`].
#[derive(Debug, Clone, Copy)]
pub struct SmoothL1Loss {
    beta: f64,
    reduction: Reduction,
}

impl From<Reduction> for SmoothL1Loss {
    fn from(reduction: Reduction) -> Self {
        SmoothL1Loss { beta: 1.0, reduction }
    }
}

impl Default for SmoothL1Loss {
    fn default() -> Self {
        Reduction::default().into()
    }
}

impl SmoothL1Loss {
    /// The distance up to which the loss is a square; 1 unless you say otherwise. With 0 it is [`l1_loss`].
    #[must_use]
    pub fn beta(self, beta: f64) -> Self {
        SmoothL1Loss { beta, ..self }
    }

    /// How the losses of elements become the loss.
    #[must_use]
    pub fn reduction(self, reduction: Reduction) -> Self {
        SmoothL1Loss { reduction, ..self }
    }
}

/// The distance, and below `beta` a square that meets it: `torch.nn.functional.smooth_l1_loss`.
#[track_caller]
#[must_use]
pub fn smooth_l1_loss(input: &Var, target: &Var, options: impl Into<SmoothL1Loss>) -> Var {
    let SmoothL1Loss { beta, reduction } = options.into();
    pairs("smooth_l1_loss", (input, target), reduction, |x, y| {
        let distance = (x - y).abs();
        if beta == 0.0 {
            return distance;
        }
        let square = &distance * &distance * (0.5 / beta);
        square.where_(&distance.lt(beta), &distance - 0.5 * beta)
    })
}
