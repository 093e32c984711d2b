//! Learning rates as functions of the step: the number of steps so far, 0 before the first.
//!
//! Rates are scalars in `f64`, and so is all that they are worked out from: give them to an optimiser for this step.
//! Numbers of a schedule are plain numbers, or traced scalars, of which members have each their own.
//!
//! ```
//! use choral_compiler::train::optim::{Adam, Optimiser, OptimiserState};
//! use choral_compiler::train::schedule;
//! use choral_compiler::{Var, trace};
//! use choral_ir::{DType, TensorType};
//! let step = |(w, slope, state, adam): (Var, Var, OptimiserState<Var>, Adam<Var>)| {
//!     let lr = schedule::warmup(&state.step, 100.0, 0.0, &adam.lr, |step| {
//!         schedule::cosine(step, &adam.lr, 900.0, 0.0)
//!     });
//!     Adam { lr, ..adam }.update(&w, &slope, &state)
//! };
//! let (w, adam) = (choral_ir::Tensor::from([1.0f32, 2.0]), Adam::new(1e-3));
//! let traced = trace(&step, &(&w, &w, &adam.init(&w), &adam))?;
//! assert_eq!(traced.output.0, TensorType::new([2], DType::F32));
//! # Ok::<(), choral_compiler::Error>(())
//! ```

use std::f64::consts::PI;

use choral_ir::DType;

use crate::front::trace::operators::Operand;
use crate::front::trace::var::Var;

/// A number of a schedule.
#[track_caller]
fn number(number: &impl Operand, step: &Var) -> Var {
    number.beside(step).to(DType::F64)
}

/// The step as a number.
#[track_caller]
fn count(step: &Var) -> Var {
    if step.value.is_some() && step.rank() > 0 {
        let ty = step.ty();
        step.fault(format!(
            "schedule: the step must be a scalar, got {ty}; map over it if members have each their own"
        ));
        return step.full([], 0.0).to(DType::F64);
    }
    step.to(DType::F64)
}

/// `lr`, whatever the step.
#[track_caller]
#[must_use]
pub fn constant(step: &Var, lr: impl Operand) -> Var {
    number(&lr, &count(step))
}

/// `lr`, times `gamma` after each `step_size` steps: `torch.optim.lr_scheduler.StepLR`.
#[track_caller]
#[must_use]
pub fn step(step: &Var, lr: impl Operand, step_size: impl Operand, gamma: impl Operand) -> Var {
    let step = count(step);
    number(&lr, &step) * number(&gamma, &step).pow((&step / number(&step_size, &step)).floor())
}

/// `lr`, times `gamma` after each step: `torch.optim.lr_scheduler.ExponentialLR`.
#[track_caller]
#[must_use]
pub fn exponential(step: &Var, lr: impl Operand, gamma: impl Operand) -> Var {
    let step = count(step);
    number(&lr, &step) * number(&gamma, &step).pow(&step)
}

/// From `lr` to `eta_min` along half a cosine in `t_max` steps: `torch.optim.lr_scheduler.CosineAnnealingLR` (Loshchilov
/// and Hutter, 2017). It stays at `eta_min` then, as `optax.cosine_decay_schedule` does.
#[track_caller]
#[must_use]
pub fn cosine(step: &Var, lr: impl Operand, t_max: impl Operand, eta_min: impl Operand) -> Var {
    let step = count(step);
    let (lr, eta_min) = (number(&lr, &step), number(&eta_min, &step));
    let done = (&step / number(&t_max, &step)).minimum(1.0);
    let left = ((done * PI).cos() + 1.0) * 0.5;
    &eta_min + (lr - &eta_min) * left
}

/// From `start` to `end` along a line in so many steps, and then `end`: `optax.linear_schedule`, and
/// `torch.optim.lr_scheduler.LinearLR` with the factors times the learning rate.
#[track_caller]
#[must_use]
pub fn linear(step: &Var, start: impl Operand, end: impl Operand, steps: impl Operand) -> Var {
    let step = count(step);
    let (start, end) = (number(&start, &step), number(&end, &step));
    let done = (&step / number(&steps, &step)).minimum(1.0);
    &start + (end - &start) * done
}

/// From `start` to `lr` along a line in so many steps, and then what `after` makes of the steps since:
/// `torch.optim.lr_scheduler.SequentialLR` of `LinearLR` and another.
#[track_caller]
#[must_use]
pub fn warmup(
    step: &Var,
    steps: impl Operand,
    start: impl Operand,
    lr: impl Operand,
    after: impl FnOnce(&Var) -> Var,
) -> Var {
    let step = count(step);
    let steps = number(&steps, &step);
    let rate = after(&(&step - &steps).maximum(0.0));
    linear(&step, start, lr, &steps).where_(&step.lt(&steps), rate)
}
