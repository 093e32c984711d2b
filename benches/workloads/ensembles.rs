//! Networks of many members: W1 to W6, and W10.
//!
//! Must not live here: networks that train, and members that step through time.

use choral::Error;
use choral::error::CompilerError;
use choral::prelude::*;

use crate::data::Draw;
use crate::prepared::{Uncompiled, ensemble, single};

/// An elementwise function between layers.
pub(crate) type Activation = fn(&Var) -> Var;

/// A multilayer perceptron.
pub(crate) fn mlp(layers: &[Linear<Var>], x: Var, activation: Activation) -> Var {
    let affine = |x: &Var, layer: &Linear<Var>| layer.clone().forward(x);
    match layers {
        [] => x,
        [first, rest @ ..] => rest.iter().fold(affine(&x, first), |x, layer| affine(&activation(&x), layer)),
    }
}

/// Widths of the perceptron of W2, W7 and W8: digits of 28 x 28 points, in ten classes.
pub(crate) const DIGITS: [usize; 5] = [784, 128, 128, 128, 10];

/// Widths of the policies of W3.
const POLICY: [usize; 4] = [17, 256, 256, 6];

/// Perceptrons that share their batch.
fn shared(
    members: usize,
    widths: &[usize],
    batch: usize,
    activation: Activation,
) -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let layers = draw.layers(members, widths);
    let x = draw.normal([batch, widths[0]], 1.0);
    ensemble(move |(layers, x): (Vec<Linear<Var>>, Var)| mlp(&layers, x, activation), (layers, x))
}

/// Perceptrons with a batch each.
pub(crate) fn per_member(
    members: usize,
    widths: &[usize],
    batch: usize,
    activation: Activation,
) -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let layers = draw.layers(members, widths);
    let x = draw.normal([members, batch, widths[0]], 1.0);
    let member = move |((layers, x), ()): ((Vec<Linear<Var>>, Var), ())| mlp(&layers, x, activation);
    ensemble(member, ((layers, x), ()))
}

/// W1: the ensemble of the README.
pub(crate) fn seed_linear() -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let models: Vec<Linear<Tensor>> = (0..5).map(|_| Linear::init(3, 3, draw.key())).collect();
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
    let data = draw.normal([64, 3], 1.0);
    let member = move |((params, buffers), data): ((_, _), Var)| fmodel.apply((params, buffers, data));
    ensemble(member, ((params, buffers), data))
}

/// W2.
pub(crate) fn mlp_shared() -> Result<Uncompiled, Error> {
    shared(10, &DIGITS, 64, Var::relu)
}

/// W2b.
pub(crate) fn mlp_per_member() -> Result<Uncompiled, Error> {
    per_member(10, &DIGITS, 64, Var::relu)
}

/// W3: policies that act on one observation each.
pub(crate) fn policies() -> Result<Uncompiled, Error> {
    per_member(64, &POLICY, 1, Var::tanh)
}

/// W3b: the same, on 32 observations each.
pub(crate) fn policies_in_batches() -> Result<Uncompiled, Error> {
    per_member(64, &POLICY, 32, Var::tanh)
}

/// W4.
pub(crate) fn mlp_wide() -> Result<Uncompiled, Error> {
    shared(8, &[1024, 4096, 1024], 256, Var::gelu)
}

/// Two convolutions, a maximum over windows, and two affine layers.
#[derive(Module, Clone)]
struct Cnn<T> {
    conv1: Conv2d<T>,
    conv2: Conv2d<T>,
    fc1: Linear<T>,
    fc2: Linear<T>,
}

impl Forward for Cnn<Var> {
    type Output = Var;

    fn forward(&mut self, images: &Var) -> Var {
        let x = self.conv1.forward(images).relu();
        let x = self.conv2.forward(&x).relu().max_pool2d(2).flatten(1, -1);
        self.fc2.forward(&self.fc1.forward(&x).relu())
    }
}

/// W5.
pub(crate) fn cnn() -> Result<Uncompiled, Error> {
    const MEMBERS: usize = 10;
    let mut draw = Draw::new();
    let mut conv = |shape: [usize; 2], deviation| Conv2d {
        weight: draw.normal([MEMBERS, shape[0], shape[1], 3, 3], deviation),
        bias: Some(draw.normal([MEMBERS, shape[0]], 0.1)),
        stride: [1; 2],
        padding: [0; 2],
        dilation: [1; 2],
        groups: 1,
    };
    let (conv1, conv2) = (conv([32, 1], 0.3), conv([64, 32], 0.06));
    let [fc1, fc2] = draw.layers(MEMBERS, &[9216, 128, 10]).try_into().map_err(|_| ()).expect("two layers");
    let images = draw.normal([32, 1, 28, 28], 1.0);
    ensemble(
        |(mut cnn, images): (Cnn<Var>, Var)| cnn.forward(&images),
        (Cnn { conv1, conv2, fc1, fc2 }, images),
    )
}

/// A block that normalises before attention and before its perceptron.
#[derive(Module, Clone)]
struct Block<T> {
    norm1: LayerNorm<T>,
    qkv: Linear<T>,
    out: Linear<T>,
    norm2: LayerNorm<T>,
    up: Linear<T>,
    down: Linear<T>,
    heads: usize,
}

impl Block<Var> {
    /// Multi-head self-attention.
    fn attention(&mut self, x: &Var) -> Var {
        let (batch, length, width) = (x.size(0) as i64, x.size(1) as i64, x.size(2) as i64);
        let heads = self.heads as i64;
        let per_head = |x: &Var| x.reshape([batch, length, heads, width / heads]).transpose(1, 2);
        let parts = self.qkv.forward(x).chunk(3, -1);
        let [q, k, v] = [0, 1, 2].map(|part| per_head(&parts[part]));
        let scores = q.matmul(&k.transpose(-1, -2)) / ((width / heads) as f64).sqrt();
        let mixed = scores.softmax(-1).matmul(&v).transpose(1, 2).reshape([batch, length, width]);
        self.out.forward(&mixed)
    }
}

impl Forward for Block<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        let normal = self.norm1.forward(x);
        let x = x + self.attention(&normal);
        let hidden = self.up.forward(&self.norm2.forward(&x)).gelu();
        x + self.down.forward(&hidden)
    }
}

/// W6.
pub(crate) fn transformer() -> Result<Uncompiled, Error> {
    blocks(4, 256, [8, 64], DType::F32)
}

/// So many blocks of a width with 8 heads each, which share a batch of sequences.
pub(crate) fn blocks(
    members: usize,
    width: usize,
    [batch, length]: [usize; 2],
    dtype: DType,
) -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let norm = || LayerNorm {
        weight: Tensor::full([members, width], 1.0f32).to_dtype(dtype),
        bias: Some(Tensor::full([members, width], 0.0f32).to_dtype(dtype)),
        eps: 1e-5,
    };
    let mut linear = |from: usize, to: usize| Linear {
        weight: draw.normal([members, to, from], (from as f64).powf(-0.5)).to_dtype(dtype),
        bias: Some(draw.normal([members, to], 0.02).to_dtype(dtype)),
    };
    let block = Block {
        norm1: norm(),
        qkv: linear(width, 3 * width),
        out: linear(width, width),
        norm2: norm(),
        up: linear(width, 4 * width),
        down: linear(4 * width, width),
        heads: 8,
    };
    let x = draw.normal([batch, length, width], 1.0).to_dtype(dtype);
    ensemble(|(mut block, x): (Block<Var>, Var)| block.forward(&x), (block, x))
}

/// W10: mean, variance and entropy of what an ensemble predicts.
pub(crate) fn predictive() -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let layers = draw.layers(32, &[32, 64, 64, 3]);
    let x = draw.normal([1024, 32], 1.0);
    let member = |(layers, x): (Vec<Linear<Var>>, Var)| mlp(&layers, x, Var::relu);
    let predictive = move |(layers, x): (Vec<Linear<Var>>, Var)| {
        let p = vmap(member, (0, None)).apply((layers, x))?.softmax(-1);
        let mean = p.mean(0);
        let entropy = -(&mean * (&mean + 1e-12).log()).sum(-1);
        Ok::<_, CompilerError>((mean, p.var(0, 0), entropy))
    };
    single(predictive, (layers, x))
}
