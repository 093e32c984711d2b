//! Steps of training: W7 and W8.

use choral::Error;
use choral::error::CompilerError;
use choral::prelude::*;

use crate::data::{Draw, one_hot};
use crate::ensembles::{DIGITS, mlp};
use crate::prepared::{Uncompiled, ensemble, single};

type Layers = Vec<Linear<Var>>;

/// The mean cross-entropy between a perceptron's softmax and targets, `[batch, classes]`.
fn loss((layers, x, targets): (Layers, Var, Var)) -> Var {
    let batch = x.size(0) as f64;
    -(mlp(&layers, x, Var::relu).log_softmax(-1) * targets).sum(()) / batch
}

/// Layers made of each pair of numbers of two.
fn combined(one: &Layers, other: &Layers, number: impl Fn(&Var, &Var) -> Var) -> Layers {
    let pair = |(one, other): (&Linear<Var>, &Linear<Var>)| Linear {
        weight: number(&one.weight, &other.weight),
        bias: one.bias.as_ref().zip(other.bias.as_ref()).map(|(one, other)| number(one, other)),
    };
    one.iter().zip(other).map(pair).collect()
}

/// W7: a step of stochastic gradient descent with momentum, each member on a batch of its own.
pub(crate) fn step() -> Result<Uncompiled, Error> {
    const MEMBERS: usize = 10;
    const BATCH: usize = 64;
    let mut draw = Draw::new();
    let layers = draw.layers(MEMBERS, &DIGITS);
    let zeros = |tensor: &Tensor| Tensor::zeros(tensor.ty().clone());
    let velocity: Vec<Linear<Tensor>> = layers
        .iter()
        .map(|layer| Linear { weight: zeros(&layer.weight), bias: layer.bias.as_ref().map(zeros) })
        .collect();
    let x = draw.normal([MEMBERS, BATCH, DIGITS[0]], 1.0);
    let targets = one_hot(&draw.below([MEMBERS, BATCH], 10), 10);
    let member = |((layers, velocity, x, targets), ()): ((Layers, Layers, Var, Var), ())| {
        let slopes = grad(loss).apply((layers.clone(), x, targets))?;
        let velocity = combined(&velocity, &slopes, |velocity, slope| velocity * 0.9 + slope);
        Ok::<_, CompilerError>((
            combined(&layers, &velocity, |weight, velocity| weight - velocity * 0.01),
            velocity,
        ))
    };
    ensemble(member, ((layers, velocity, x, targets), ()))
}

/// The perceptron of W8, its samples and their targets.
fn samples() -> (Vec<Linear<Tensor>>, Tensor, Tensor) {
    const SAMPLES: usize = 64;
    let mut draw = Draw::new();
    let alone = |tensor: &Tensor| tensor.index(0).expect("one member");
    let layers = draw
        .layers(1, &DIGITS)
        .iter()
        .map(|layer| Linear { weight: alone(&layer.weight), bias: layer.bias.as_ref().map(alone) })
        .collect();
    let x = draw.normal([SAMPLES, DIGITS[0]], 1.0);
    (layers, x, one_hot(&draw.below([SAMPLES], 10), 10))
}

/// W8: the gradient of each sample, of one perceptron.
pub(crate) fn per_sample() -> Result<Uncompiled, Error> {
    let (layers, x, targets) = samples();
    let sample = |((x, targets), layers): ((Var, Var), Layers)| {
        grad(loss).apply((layers, x.unsqueeze(0), targets.unsqueeze(0)))
    };
    ensemble(sample, ((x, targets), layers))
}

/// The one gradient of W8's samples, to compare with.
pub(crate) fn batch() -> Result<Uncompiled, Error> {
    single(grad(loss), samples())
}
