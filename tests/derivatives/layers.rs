//! Layers with everything that they are made of, on doubles: first and second derivatives by their inputs and parameters.

use choral::nn::{
    AdaptiveAvgPool2d, ConvTranspose2d, GRU, GroupNorm, LSTM, Mish, MultiheadAttention, PReLU, RMSNorm, RNN,
    TransformerEncoderLayer,
};
use choral::prelude::*;
use choral::tree::Walk;

use super::check_at;

fn key() -> Key {
    Key::new(7)
}

/// Checks the derivatives of what `forward` makes of a layer and an input of this shape.
#[track_caller]
fn check_layer<M, O>(layer: &M, shape: &[usize], forward: impl Fn(&mut M::With<Var>, &Var) -> O + Clone)
where
    M: Tree<Tensor>,
    M::With<Tensor>: Tree<Tensor, With<Var> = M::With<Var>>,
    M::With<Var>: Tree<Var>,
    O: Tree<Var>,
{
    let wide = layer.map(&mut Walk::default(), &mut |_, leaf: &Tensor| leaf.to_dtype(DType::F64));
    let args = (wide, Tensor::randn(shape, key()).to_dtype(DType::F64));
    let traced =
        choral::trace::function::trace(&|(mut layer, x): (M::With<Var>, Var)| forward(&mut layer, &x), &args);
    let inputs: Vec<Tensor> = choral::tree::leaves(&args).into_iter().map(|(_, leaf)| leaf).collect();
    check_at(&traced.expect("a layer").graph.to_text(), &inputs);
}

#[test]
fn attention() {
    let layer = MultiheadAttention::init(6, 2, key());
    check_layer(&layer, &[4, 2, 6], |layer, x| layer.forward(&(x.clone(), x.clone(), x.clone())));
}

#[test]
fn encoders() {
    let mut layer = TransformerEncoderLayer::init(6, 2, 8, key());
    layer.eval();
    check_layer(&layer, &[4, 2, 6], |layer, x| layer.forward(x));
}

#[test]
fn recurrent_layers() {
    check_layer(&RNN::init(3, 4, key()), &[5, 2, 3], |layer, x| layer.forward(x).0);
    check_layer(&GRU::init_stacked(3, 4, 2, true, key()), &[5, 2, 3], |layer, x| layer.forward(x));
    check_layer(&LSTM::init(3, 4, key()), &[5, 2, 3], |layer, x| layer.forward(x));
}

#[test]
fn norms() {
    check_layer(&GroupNorm::init(2, 4), &[3, 4, 5], |layer, x| layer.forward(x));
    check_layer(&RMSNorm::init([5]), &[3, 5], |layer, x| layer.forward(x));
    check_layer(&LayerNorm::init([5]), &[3, 5], |layer, x| layer.forward(x));
}

#[test]
fn convolutions_and_pooling() {
    let layer = ConvTranspose2d::init(2, 3, 3, key());
    check_layer(&layer, &[2, 2, 4, 3], |layer, x| layer.forward(x));
    check_layer(&AdaptiveAvgPool2d::new([2, 3]), &[2, 2, 5, 7], |layer, x| layer.forward(x));
}

#[test]
fn activations() {
    check_layer(&PReLU::init(3), &[2, 3, 4], |layer, x| layer.forward(x));
    check_layer(&Mish, &[2, 3], |layer, x| layer.forward(x));
    type Activation = fn(&Var) -> Var;
    let activations: [Activation; 9] = [
        |x| x.elu(1.0),
        |x| x.celu(0.5),
        |x| x.selu(),
        |x| x.hardswish(),
        |x| x.softsign(),
        |x| x.log_sigmoid(),
        |x| x.gelu(),
        |x| x.silu(),
        |x| x.softplus(),
    ];
    for activation in activations {
        check_layer(&(), &[3, 4], move |_, x| activation(x));
    }
}

/// Smooth where their parts are not: as networks are that begin with zeros.
#[test]
fn smooth_activations_at_zero() {
    type Activation = fn(&Var) -> Var;
    let smooth: [(Activation, f64, f64); 3] =
        [(|x| x.softplus(), 0.5, 0.25), (|x| x.log_sigmoid(), 0.5, -0.25), (|x| x.sigmoid(), 0.25, 0.0)];
    for (activation, slope, curvature) in smooth {
        let zero = Tensor::scalar(0.0f64);
        let first = grad(move |x: Var| activation(&x));
        let second = hessian(move |x: Var| activation(&x));
        assert_eq!(first.call(&zero).expect("a slope").to_f64_vec(), [slope]);
        assert_eq!(second.call(&zero).expect("a curvature").to_f64_vec(), [curvature]);
    }
}
