//! Steps of training: W7 and W8. Their gradients are written by hand.

use choral::Error;
use choral::prelude::*;

use crate::data::{Draw, one_hot};
use crate::ensembles::DIGITS;
use crate::prepared::{Uncompiled, ensemble};

type Layers = Vec<Linear<Var>>;

/// Gradients of the mean cross-entropy between a perceptron's softmax and targets, `[batch, classes]`, by its
/// parameters.
fn gradients(layers: &Layers, x: Var, targets: &Var) -> Layers {
    let mut inputs = vec![x];
    for layer in layers {
        let x = layer.clone().forward(&inputs[inputs.len() - 1]);
        inputs.push(if inputs.len() < layers.len() { x.relu() } else { x });
    }
    let logits = inputs.pop().expect("what the last layer gives");
    let given = targets * (-1.0 / targets.size(0) as f64);
    let mut slope = &given - logits.softmax(-1) * given.sum(-1).unsqueeze(-1);
    let mut gradients = Vec::new();
    for (layer, x) in layers.iter().zip(&inputs).rev() {
        gradients.push(Linear { weight: slope.transpose(0, 1).matmul(x), bias: Some(slope.sum(0)) });
        slope = slope.matmul(&layer.weight).where_(&x.gt(0.0), 0.0);
    }
    gradients.reverse();
    gradients
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
        let slopes = gradients(&layers, x, &targets);
        let velocity = combined(&velocity, &slopes, |velocity, slope| velocity * 0.9 + slope);
        (combined(&layers, &velocity, |weight, velocity| weight - velocity * 0.01), velocity)
    };
    ensemble(member, ((layers, velocity, x, targets), ()))
}

/// W8: the gradient of each sample, of one perceptron.
pub(crate) fn per_sample() -> Result<Uncompiled, Error> {
    const SAMPLES: usize = 64;
    let mut draw = Draw::new();
    let alone = |tensor: &Tensor| tensor.index(0).expect("one member");
    let layers: Vec<Linear<Tensor>> = draw
        .layers(1, &DIGITS)
        .iter()
        .map(|layer| Linear { weight: alone(&layer.weight), bias: layer.bias.as_ref().map(alone) })
        .collect();
    let x = draw.normal([SAMPLES, DIGITS[0]], 1.0);
    let targets = one_hot(&draw.below([SAMPLES], 10), 10);
    let sample = |((x, targets), layers): ((Var, Var), Layers)| {
        gradients(&layers, x.unsqueeze(0), &targets.unsqueeze(0))
    };
    ensemble(sample, ((x, targets), layers))
}
