//! Losses, in the names, options and defaults of `torch.nn.functional`.
//!
//! Each is a function of what a model says, what is true, and options: a [`Reduction`], or, where a loss has more of
//! them, a struct of its name, which a `Reduction` stands for as well. `f16` and `bf16` are computed in `f32` and
//! rounded once.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | how losses of elements become one, and what all of them check |
//! | `classes.rs` | losses of class labels |
//! | `distance.rs` | losses of numbers |
//! | `likelihood.rs` | losses of probabilities and distributions |

mod classes;
mod distance;
mod likelihood;

use crate::front::trace::var::Var;

pub use classes::{CrossEntropy, NllLoss, cross_entropy, nll_loss};
pub use distance::{HuberLoss, SmoothL1Loss, huber_loss, l1_loss, mse_loss, smooth_l1_loss};
pub use likelihood::{
    BceWithLogits, GaussianNll, KlDiv, binary_cross_entropy_with_logits, gaussian_nll_loss, kl_div,
};

/// How the losses of elements become the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// They stay.
    None,
    /// Their mean: of labels weighted by the classes' weights, if there are some.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum divided by the size of dimension 0.
    BatchMean,
}

impl Reduction {
    /// The loss of these losses, in the element type of `input`.
    #[track_caller]
    fn of(self, losses: &Var, input: &Var) -> Var {
        self.weighted(losses, input, |losses| losses.mean(()))
    }

    /// As [`Reduction::of`], with another mean.
    #[track_caller]
    fn weighted(self, losses: &Var, input: &Var, mean: impl FnOnce(&Var) -> Var) -> Var {
        let loss = match self {
            Reduction::None => losses.clone(),
            Reduction::Mean => mean(losses),
            Reduction::Sum => losses.sum(()),
            Reduction::BatchMean => losses.sum(()) / losses.size(0) as f64,
        };
        loss.to(input.dtype())
    }
}

/// Whether the condition holds; if not, a fault of the loss `name`. A stand-in comes from an earlier fault: one report
/// is enough.
#[track_caller]
fn ensure(name: &str, vars: &[&Var], holds: bool, message: impl FnOnce() -> String) -> bool {
    let known = vars.iter().all(|var| var.value.is_some());
    if known && !holds {
        vars[0].fault(format!("{name}: {}", message()));
    }
    known && holds
}

/// Whether the input holds floats, and the target is of its type.
#[track_caller]
fn alike(name: &str, input: &Var, target: &Var) -> bool {
    let vars = [input, target];
    floats(name, input)
        && ensure(name, &vars, target.shape() == input.shape(), || {
            format!(
                "expected a target of the input's shape {:?}, got {}; reshape or broadcast one of them first",
                input.shape(),
                target.ty()
            )
        })
        && ensure(name, &vars, target.dtype() == input.dtype(), || {
            let dtype = input.dtype();
            format!(
                "expected a target of the input's element type {dtype}, got {}; convert it first: target.to(DType::{dtype:?})",
                target.ty()
            )
        })
}

/// Whether the input holds floats.
#[track_caller]
fn floats(name: &str, input: &Var) -> bool {
    ensure(name, &[input], input.dtype().is_float(), || {
        format!("expected floats, got {}; convert them first: x.to(DType::F32)", input.ty())
    })
}

/// The loss of pairs of numbers; `each` gets them in the type that they are computed in.
#[track_caller]
fn pairs(
    name: &str,
    (input, target): (&Var, &Var),
    reduction: Reduction,
    each: impl FnOnce(&Var, &Var) -> Var,
) -> Var {
    if !alike(name, input, target) {
        return input.stand_in();
    }
    input.scope_here(name, |input| reduction.of(&each(&input.widened(), &target.widened()), input))
}
