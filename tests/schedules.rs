//! Learning rates against PyTorch and Optax (`tests/training/golden.py`), for every step.

use choral::prelude::*;
use choral::state::file;
use choral::{Error, schedule};

use crate::ROOT;

type TestResult = Result<(), Error>;

/// The learning rate that the schedules of `golden.py` begin with.
const LR: f64 = 0.5;

/// Compares the rates of all steps at once, mapped over the step.
fn check(name: &str, rate: impl Fn(Var) -> Var) -> TestResult {
    let golden = file::read(format!("{ROOT}/tests/training/schedules.safetensors"))?;
    let expected = golden[name].to_f64_vec();
    let steps = Tensor::from_fn([expected.len()], |step| step as i64);
    let got = vmap(rate, 0).call(&steps)?;
    // Optax computes in `f32`, as JAX does unless asked for more; PyTorch from one step to the next.
    let tolerance = if name.starts_with("optax") { 1e-7 } else { 1e-12 };
    for (step, (got, expected)) in got.as_slice::<f64>()?.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= tolerance, "{name}, step {step}: {got}, expected {expected}");
    }
    Ok(())
}

#[test]
fn schedules_are_pytorchs() -> TestResult {
    check("torch.constant", |step| schedule::constant(&step, LR))?;
    check("torch.step", |step| schedule::step(&step, LR, 7, 0.3))?;
    check("torch.exponential", |step| schedule::exponential(&step, LR, 0.9))?;
    check("torch.cosine", |step| schedule::cosine(&step, LR, 60, 0.02))?;
    check("torch.linear", |step| schedule::linear(&step, 0.2 * LR, 0.8 * LR, 25))?;
    check("torch.warmup", |step| {
        schedule::warmup(&step, 10, 0.1 * LR, LR, |step| schedule::cosine(step, LR, 50, 0.01))
    })
}

#[test]
fn schedules_are_optaxs() -> TestResult {
    check("optax.cosine", |step| schedule::cosine(&step, LR, 40, 0.1 * LR))?;
    check("optax.linear", |step| schedule::linear(&step, LR, 0.1, 30))?;
    check("optax.warmup", |step| {
        schedule::warmup(&step, 10, 0.05, LR, |step| schedule::cosine(step, LR, 40, 0.01))
    })
}

/// Members have each their own numbers, and steps of their own.
#[test]
fn members_follow_their_own_schedules() -> TestResult {
    let rate = |(step, lr, steps): (Var, Var, Var)| schedule::cosine(&step, lr, steps, 0.0);
    let args =
        (Tensor::from([0i64, 5, 8]), Tensor::from([0.1f32, 0.2, 0.4]), Tensor::from([10.0f32, 10.0, 4.0]));
    let rates = vmap(rate, 0).call(&args)?.to_f64_vec();
    let expected = [f64::from(0.1f32), f64::from(0.2f32) / 2.0, 0.0];
    assert!(rates.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-12), "{rates:?}");
    Ok(())
}

#[test]
fn steps_of_all_members_at_once() {
    let rate = |step: Var| schedule::exponential(&step, 0.1, 0.9);
    let error = jit(rate).trace(&TensorType::new([5], DType::I64)).expect_err("an error").to_string();
    let expected =
        "schedule: the step must be a scalar, got tensor<5xi64>; map over it if members have each their own";
    assert_eq!(error.lines().next(), Some(expected));
}
