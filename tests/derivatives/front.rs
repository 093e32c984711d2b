//! Gradients, Jacobians and products as functions: against closed forms, in each other and in `vmap`.

use choral::Error;
use choral::grad::{jvp_with_aux, vjp_with_aux};
use choral::prelude::*;

type TestResult = Result<(), Error>;

/// Fails unless both are of one type and nearly equal.
#[track_caller]
fn assert_close(got: &Tensor, expected: &Tensor) {
    assert_eq!(got.ty(), expected.ty());
    let (got, expected) = (got.to_dtype(DType::F64), expected.to_dtype(DType::F64));
    let (got, expected) = (got.as_slice::<f64>().expect("f64"), expected.as_slice::<f64>().expect("f64"));
    for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
        let allowed = 1e-5 * (1.0 + expected.abs());
        assert!((got - expected).abs() < allowed, "element {at} is {got}, expected {expected}");
    }
}

/// Fails unless both have the same names and bits.
#[track_caller]
fn assert_same(got: &State<Tensor>, expected: &State<Tensor>) {
    assert!(got.keys().eq(expected.keys()));
    for (name, tensor) in got {
        assert!(tensor.bit_eq(&expected[name]), "{name} differs");
    }
}

fn f64s(shape: &[usize], seed: u64) -> Tensor {
    Tensor::randn(shape, Key::new(seed)).to_dtype(DType::F64)
}

#[derive(Module, Clone, Debug)]
struct Mlp<T> {
    fc1: Linear<T>,
    fc2: Linear<T>,
}

impl Mlp<Tensor> {
    fn init(seed: u64) -> Self {
        let [fc1, fc2] = Key::new(seed).split();
        Mlp { fc1: Linear::init(4, 8, fc1), fc2: Linear::init(8, 3, fc2) }
    }
}

impl Forward for Mlp<Var> {
    type Output = Var;
    fn forward(&mut self, x: &Var) -> Var {
        self.fc2.forward(&self.fc1.forward(x).tanh())
    }
}

/// The mean squared error of a model.
fn loss((mut model, x, y): (Mlp<Var>, Var, Var)) -> Var {
    let error = model.forward(&x) - y;
    (&error * &error).mean(())
}

/// The gradient of [`loss`], written by hand.
fn by_hand((model, x, y): (Mlp<Var>, Var, Var)) -> Mlp<Var> {
    let hidden = (x.matmul(&model.fc1.weight.t()) + model.fc1.bias.clone().expect("a bias")).tanh();
    let error = hidden.matmul(&model.fc2.weight.t()) + model.fc2.bias.clone().expect("a bias") - y;
    let count = (error.shape()[0] * error.shape()[1]) as f64;
    let of_error = error * (2.0 / count);
    let of_hidden = of_error.matmul(&model.fc2.weight) * (1.0 - &hidden * &hidden);
    Mlp {
        fc1: Linear { weight: of_hidden.t().matmul(&x), bias: Some(of_hidden.sum(0)) },
        fc2: Linear { weight: of_error.t().matmul(&hidden), bias: Some(of_error.sum(0)) },
    }
}

fn samples() -> (Tensor, Tensor) {
    (Tensor::randn([16, 4], Key::new(8)), Tensor::randn([16, 3], Key::new(9)))
}

#[test]
fn the_gradient_of_a_network_is_what_one_writes_by_hand() -> TestResult {
    let (model, (x, y)) = (Mlp::init(0), samples());
    let (value, gradient) = value_and_grad(loss).call((&model, &x, &y))?;
    assert!(value.bit_eq(&jit(loss).call((&model, &x, &y))?));
    let expected = jit(by_hand).call((&model, &x, &y))?;
    for (name, tensor) in gradient.named_parameters() {
        assert_close(&tensor, &expected.named_parameters()[&name]);
    }
    Ok(())
}
