//! Batch normalisation under `vmap`, whose running statistics torch.func writes in place.

use choral::prelude::*;
use choral::{Error, IntoDims};
use insta::assert_snapshot;

use super::{TestResult, message, numbers};

/// Layers with other parameters and other statistics each.
fn norms(training: bool) -> Vec<BatchNorm1d<Tensor>> {
    let norm = |seed: u64| {
        let draw = |at| Tensor::rand([2], Key::new(10 * seed + at));
        let mut norm = BatchNorm1d {
            weight: Some(draw(0)),
            running_mean: draw(1),
            running_var: draw(2),
            ..BatchNorm1d::init(2)
        };
        norm.training = training;
        norm
    };
    (1..4).map(norm).collect()
}

/// A batch for each of three members.
fn batches() -> Tensor {
    numbers(&[3, 8, 2])
}

/// In training, three members with one state of the running statistics.
fn with_shared_statistics(out_dims: impl IntoDims) -> Result<(Tensor, State<Tensor>), Error> {
    let (fmodel, params, _) = combine_state_for_ensemble(&norms(true))?;
    let shared = norms(true)[0].named_buffers();
    vmap(fmodel.returning_buffers(), (0, None, 0)).out_dims(out_dims).call((&params, &shared, &batches()))
}

#[track_caller]
fn assert_close(got: &Tensor, expected: &Tensor) {
    assert_eq!(got.ty(), expected.ty());
    let close = |(x, y): (f64, f64)| (x - y).abs() < 1e-5;
    assert!(
        got.to_f64_vec().into_iter().zip(expected.to_f64_vec()).all(close),
        "{got:?}, expected {expected:?}"
    );
}

/// What one layer makes of one batch, and its statistics after.
fn alone(norm: &BatchNorm1d<Tensor>, batch: &Tensor) -> Result<(Tensor, State<Tensor>), Error> {
    let forward = |(mut norm, x): (BatchNorm1d<Var>, Var)| {
        let output = norm.forward(&x);
        (output, norm.named_buffers())
    };
    jit(forward).call((norm, batch))
}

/// Each of three runs, and the same as one program.
fn check(together: (Tensor, State<Tensor>), norm: impl Fn(usize) -> BatchNorm1d<Tensor>) -> TestResult {
    let (output, buffers) = together;
    for member in 0..3 {
        let (expected, after) = alone(&norm(member), &batches().index(member)?)?;
        assert_close(&output.index(member)?, &expected);
        for (name, expected) in after {
            assert_close(&buffers[&name].index(member)?, &expected);
        }
    }
    Ok(())
}

#[test]
fn stacked_statistics_move_for_each_member() -> TestResult {
    let (fmodel, params, buffers) = combine_state_for_ensemble(&norms(true))?;
    let together = vmap(fmodel.returning_buffers(), 0).call((&params, &buffers, &batches()))?;
    assert_eq!(together.1["num_batches_tracked"].as_slice::<i64>()?, [1, 1, 1]);
    check(together, |member| norms(true).swap_remove(member))
}

/// An error in torch.func, which would write in place; here they come out one for each member.
#[test]
fn shared_statistics_in_training_come_out_for_each_member() -> TestResult {
    let together = with_shared_statistics(0)?;
    assert_eq!(together.1["running_mean"].shape(), [3, 2]);
    check(together, |member| {
        let [first, own] = [0, member].map(|at| norms(true).swap_remove(at));
        BatchNorm1d { weight: own.weight, bias: own.bias, ..first }
    })
}

#[test]
fn shared_statistics_in_training_are_not_everyones_any_more() {
    assert_snapshot!(message(with_shared_statistics((0, None))), @r#"
    out_dims.1["running_mean"] is None, but this result has a member dimension; give it an integer, or reduce the members inside the function
    out_dims.1["running_var"] is None, but this result has a member dimension; give it an integer, or reduce the members inside the function
    "#);
}

/// The count of batches does not depend on the data, so it stays one for all.
#[test]
fn a_statistic_that_is_the_same_for_all_members_may_stay_shared() -> TestResult {
    let names = ["running_mean", "running_var", "num_batches_tracked"];
    let dims = names.map(|name| (name.to_owned(), (name != "num_batches_tracked").then_some(0)));
    let (_, after) = with_shared_statistics((0, State::from(dims)))?;
    assert_eq!(after["num_batches_tracked"].item::<i64>()?, 1);
    assert_eq!(after["running_var"].shape(), [3, 2]);
    Ok(())
}

#[test]
fn statistics_that_nobody_takes_are_an_error() {
    let (fmodel, params, buffers) = combine_state_for_ensemble(&norms(true)).expect("an ensemble");
    assert_snapshot!(message(vmap(fmodel, 0).call((&params, &buffers, &batches()))), @"the forward pass changed running_mean, running_var, num_batches_tracked, which this call would lose; use returning_buffers(), or put the models in eval mode");
}

#[test]
fn shared_statistics_in_evaluation_serve_all_members() -> TestResult {
    let (fmodel, params, _) = combine_state_for_ensemble(&norms(false))?;
    let first = &norms(false)[0];
    let output = vmap(fmodel, (0, None, 0)).call((&params, &first.named_buffers(), &batches()))?;
    for member in 0..3 {
        let own = norms(false).swap_remove(member);
        let norm = BatchNorm1d { weight: own.weight, bias: own.bias, ..first.clone() };
        assert_close(&output.index(member)?, &alone(&norm, &batches().index(member)?)?.0);
    }
    Ok(())
}

/// `functional_call` of one model, not of an ensemble.
#[test]
fn a_functional_call_that_would_lose_statistics_is_an_error() {
    let model: BatchNorm1d<Tensor> = BatchNorm1d::init(2);
    let call = |(params, buffers, x): (State<Var>, State<Var>, Var)| {
        functional_call(&model, (&params, &buffers), &x)
    };
    let state = (model.named_parameters(), model.named_buffers());
    let told = message(jit(call).call((&state.0, &state.1, &numbers(&[4, 2]))));
    assert_snapshot!(told, @"the forward pass changed running_mean, running_var, num_batches_tracked, which this call would lose; use returning_buffers(), or put the models in eval mode");
}
