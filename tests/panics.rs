//! A function that panics while it is traced leaves nothing behind: the traces after it, axis names, keys in
//! scope and users' lines are whole.

use std::panic::{AssertUnwindSafe, catch_unwind};

use choral::prelude::*;

/// Runs what must panic.
#[track_caller]
fn caught<R>(run: impl FnOnce() -> R) {
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err(), "no panic");
}

fn panics(_: Var) -> Var {
    panic!("a user's own fault")
}

fn x() -> Tensor {
    Tensor::from([1.0f32, 2.0, 3.0])
}

/// That nothing is left of traces before.
#[track_caller]
fn check_whole() {
    let told = |result: Result<Tensor, choral::Error>| result.expect_err("a fault").to_string();
    let axis = told(jit(|x: Var| x.psum("members")).call(&x()));
    assert!(axis.contains("axes in scope: none") && axis.contains(file!()), "{axis}");
    let key = told(jit(|x: Var| x.dropout(0.5)).call(&x()));
    assert!(key.contains("no key is in scope") && key.contains(file!()), "{key}");
    let traced = jit(|x: Var| &x + 1.0).trace(&x()).expect("a graph");
    assert!(traced.captures.is_empty());
    assert!(traced.graph.to_text().contains("%add = "), "{}", traced.graph.to_text());
    let sum = jit(|x: Var| &x + 1.0).call(&x()).expect("a result");
    assert_eq!(sum, Tensor::from([2.0f32, 3.0, 4.0]));
    let mean = vmap(|x: Var| x.pmean("members"), 0).axis_name("members").out_dims(None::<i64>).call(&x());
    assert_eq!(mean.expect("a result"), Tensor::from(2.0f32));
}

#[test]
fn in_a_function() {
    caught(|| jit(panics).call(&x()));
    check_whole();
    caught(|| jit(|x: Var| jit(panics).apply(x)).call(&x()));
    check_whole();
}

#[test]
fn in_a_mapped_function() {
    caught(|| vmap(panics, 0).axis_name("members").call(&x()));
    check_whole();
    let nested = vmap(|x: Var| vmap(panics, None::<i64>).axis_size(2).axis_name("inner").apply(x), 0);
    caught(|| nested.axis_name("members").call(&x()));
    check_whole();
}

#[test]
fn with_a_key_in_scope() {
    let function = |(x, key): (Var, Var)| with_key(&key, || panics(x.dropout(0.5)));
    caught(|| jit(function).call((&x(), &Tensor::from(Key::new(0)))));
    check_whole();
}

#[test]
fn in_branches_and_loops() {
    caught(|| jit(|x: Var| cond(&x.sum(()).gt(0.0), panics, |x| x, x.clone())).call(&x()));
    check_whole();
    caught(|| jit(|x: Var| fori_loop(0, 3, |_, x| panics(x), &x)).call(&x()));
    check_whole();
    caught(|| jit(|x: Var| while_loop(|x: Var| panics(x).sum(()).gt(0.0), |x: Var| x, &x)).call(&x()));
    check_whole();
}

#[test]
fn in_a_layer() {
    #[derive(Module, Clone)]
    struct Odd<T> {
        inner: Linear<T>,
    }
    impl Forward for Odd<Var> {
        type Output = Var;
        fn forward(&mut self, input: &Var) -> Var {
            panics(self.inner.forward(input))
        }
    }
    let models: Vec<Odd<Tensor>> =
        (0..2).map(|seed| Odd { inner: Linear::init(3, 2, Key::new(seed)) }).collect();
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models).expect("an ensemble");
    caught(|| vmap(fmodel, (0, 0, None)).call((&params, &buffers, &x())));
    check_whole();
}

/// A panic that the function itself catches leaves the trace around it as it was.
#[test]
fn caught_inside() {
    let function = |x: Var| {
        let is_positive = x.sum(()).gt(0.0);
        caught(|| cond(&is_positive, panics, |x| x, x.clone()));
        caught(|| vmap(panics, 0).axis_name("members").apply(x.clone()));
        caught(|| fori_loop(0, 3, |_, x| panics(x), &x));
        &x * 2.0
    };
    assert_eq!(jit(function).call(&x()).expect("a result"), Tensor::from([2.0f32, 4.0, 6.0]));
    check_whole();
}
