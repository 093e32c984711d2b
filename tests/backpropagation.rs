//! What gradients cost: `value_and_grad` has the products of backpropagation by hand, none twice, and none for a gradient
//! that nobody asked for.

use std::fmt::Write as _;

use choral::ir::cost::multiply_adds;
use choral::ir::{NodeKind, Op};
use choral::prelude::*;
use insta::assert_snapshot;

const BATCH: usize = 16;

fn f32(shape: &[usize]) -> TensorType {
    TensorType::new(shape, DType::F32)
}

fn linear(inputs: usize, outputs: usize) -> Linear<TensorType> {
    Linear { weight: f32(&[outputs, inputs]), bias: Some(f32(&[outputs])) }
}

/// The mean cross-entropy with targets, `[batch, classes]`.
fn cross_entropy(logits: &Var, targets: &Var) -> Var {
    -(logits.log_softmax(-1) * targets).sum(()) / logits.size(0) as f64
}

#[derive(Module, Clone)]
struct Mlp<T> {
    hidden: Linear<T>,
    middle: Linear<T>,
    out: Linear<T>,
}

impl Forward for Mlp<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        self.out.forward(&self.middle.forward(&self.hidden.forward(x).relu()).tanh())
    }
}

#[derive(Module, Clone)]
struct Cnn<T> {
    conv1: Conv2d<T>,
    conv2: Conv2d<T>,
    out: Linear<T>,
}

impl Forward for Cnn<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        let x = self.conv2.forward(&self.conv1.forward(x).relu()).relu().max_pool2d(2);
        self.out.forward(&x.flatten(1, -1))
    }
}

/// A transformer's layer that normalises first, and what reads its mean over the sequence.
#[derive(Module, Clone)]
struct Transformer<T> {
    norm1: LayerNorm<T>,
    qkv: Linear<T>,
    attended: Linear<T>,
    norm2: LayerNorm<T>,
    up: Linear<T>,
    down: Linear<T>,
    out: Linear<T>,
    heads: usize,
}

impl Forward for Transformer<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        let (batch, length, width) = (x.size(0) as i64, x.size(1) as i64, x.size(2) as i64);
        let heads = self.heads as i64;
        let parts = self.qkv.forward(&self.norm1.forward(x)).chunk(3, -1);
        let [q, k, v] = [0, 1, 2]
            .map(|part: usize| parts[part].reshape([batch, length, heads, width / heads]).transpose(1, 2));
        let scores = q.matmul(&k.transpose(-1, -2)) / ((width / heads) as f64).sqrt();
        let mixed = scores.softmax(-1).matmul(&v).transpose(1, 2).reshape([batch, length, width]);
        let x = x + self.attended.forward(&mixed);
        let hidden = self.up.forward(&self.norm2.forward(&x)).gelu();
        self.out.forward(&(&x + self.down.forward(&hidden)).mean(1))
    }
}

/// The products of the loss of a model, and of that with its gradients by the parameters.
fn products<M>(model: M, x: TensorType, classes: usize) -> [Graph; 2]
where
    M: Tree<TensorType> + Clone,
    M::With<Var>: Forward<Output = Var> + Clone + Tree<Var, With<Var> = M::With<Var>>,
    M::With<Var>: Tree<Var, With<TensorType> = M>,
{
    let loss =
        |(mut model, x, targets): (M::With<Var>, Var, Var)| cross_entropy(&model.forward(&x), &targets);
    let args = (model, x, f32(&[BATCH, classes]));
    let forward = jit(loss).trace(&args).expect("a loss").graph;
    let both = value_and_grad(loss).trace(&args).expect("gradients").graph;
    [forward, both].map(|graph| choral::optimised(&graph).expect("a program").0)
}

/// One line for each product: its shapes and multiply-adds.
fn listed(graph: &Graph) -> String {
    let mut lines = String::new();
    for (id, node) in graph.nodes() {
        if let NodeKind::Op(op @ (Op::Dot(_) | Op::Convolution(_))) = &node.kind {
            let shapes: Vec<String> =
                graph.operands(id).iter().map(|&value| format!("{:?}", graph.ty(value).shape)).collect();
            let count = choral::ir::cost::multiply_adds_of(graph, id);
            let (shapes, result) = (shapes.join(" x "), &node.types[0].shape);
            writeln!(lines, "  {} {shapes} -> {result:?}: {count}", op.short_name()).expect("a string");
        }
    }
    lines
}

fn report(name: &str, [forward, both]: &[Graph; 2], by_hand: u64) -> String {
    let (once, all) = (multiply_adds(forward), multiply_adds(both));
    assert!(all <= by_hand, "{name}: {all} multiply-adds, by hand {by_hand}\n{both}");
    format!("{name}: {once} forward, {all} with gradients, {by_hand} by hand\n{}", listed(both))
}

#[test]
fn gradients_have_the_products_of_backpropagation() {
    let batch = BATCH as u64;
    let mlp = Mlp { hidden: linear(20, 32), middle: linear(32, 24), out: linear(24, 5) };
    let layers = [20 * 32, 32 * 24, 24 * 5];
    // Forward, by the weights, and by the inputs of all but the first layer.
    let by_hand = batch * (2 * layers.iter().sum::<u64>() + layers[1..].iter().sum::<u64>());
    let mut reports = report("mlp", &products(mlp, f32(&[BATCH, 20]), 5), by_hand);

    let conv = |inputs, outputs| Conv2d {
        weight: f32(&[outputs, inputs, 3, 3]),
        bias: Some(f32(&[outputs])),
        stride: [1; 2],
        padding: [0; 2],
        dilation: [1; 2],
        groups: 1,
    };
    let cnn = Cnn { conv1: conv(1, 4), conv2: conv(4, 8), out: linear(8 * 4, 5) };
    // 8 x 8 points become 6 x 6, then 4 x 4, of which every fourth is left.
    let layers = [36 * 9 * 4, 16 * 9 * 4 * 8, 8 * 4 * 5];
    let by_hand = batch * (2 * layers.iter().sum::<u64>() + layers[1..].iter().sum::<u64>());
    reports += &report("cnn", &products(cnn, f32(&[BATCH, 1, 8, 8]), 5), by_hand);

    let (length, width, heads, hidden) = (6, 16, 4, 32);
    let norm = || LayerNorm { weight: f32(&[width]), bias: Some(f32(&[width])), eps: 1e-5 };
    let transformer = Transformer {
        norm1: norm(),
        qkv: linear(width, 3 * width),
        attended: linear(width, width),
        norm2: norm(),
        up: linear(width, hidden),
        down: linear(hidden, width),
        out: linear(width, 5),
        heads,
    };
    let (length, width, hidden) = (length as u64, width as u64, hidden as u64);
    let affine = length * width * (3 * width + width + 2 * hidden) + width * 5;
    let attention = 2 * length * length * width;
    // Every product has two cotangents: the first layer's norm has weights, too.
    let by_hand = 3 * batch * (affine + attention);
    reports += &report("transformer", &products(transformer, f32(&[BATCH, 6, 16]), 5), by_hand);
    assert_snapshot!(reports);
}
