//! Ensembles of a GPU's size: G1 to G4. A processor takes seconds for a call of most.

use choral::Error;
use choral::prelude::*;

use crate::data::Draw;
use crate::ensembles::{blocks, mlp};
use crate::prepared::{Uncompiled, ensemble};
use crate::{Maker, Workload};

pub(crate) fn workloads() -> Vec<Workload> {
    let all: [(&str, Maker); 4] = [
        ("G1_mlp_bf16", wide_layers),
        ("G2_policies", many_policies),
        ("G3_resnet", resnets),
        ("G4_transformer_bf16", wide_blocks),
    ];
    all.map(|(name, make)| Workload::new(name, make)).into()
}

/// Layers of all members, from each width to the next.
fn layers(draw: &mut Draw, members: usize, widths: &[usize], dtype: DType) -> Vec<Linear<Tensor>> {
    let layer = |pair: &[usize]| {
        let weight = draw.repeated([members, pair[1], pair[0]], (pair[0] as f64).powf(-0.5));
        let bias = draw.repeated([members, pair[1]], 0.1);
        Linear { weight: weight.to_dtype(dtype), bias: Some(bias.to_dtype(dtype)) }
    };
    widths.windows(2).map(layer).collect()
}

/// G1: 64 layers of 4,096 by 4,096 in `bf16`, which share a batch of 512.
fn wide_layers() -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let layers = layers(&mut draw, 64, &[4096, 4096], DType::Bf16);
    let x = draw.repeated([512, 4096], 1.0).to_dtype(DType::Bf16);
    ensemble(|(layers, x): (Vec<Linear<Var>>, Var)| mlp(&layers, x, Var::relu), (layers, x))
}

/// G2: 1,024 policies that act on one observation each.
fn many_policies() -> Result<Uncompiled, Error> {
    const MEMBERS: usize = 1024;
    let mut draw = Draw::new();
    let layers = layers(&mut draw, MEMBERS, &[17, 256, 256, 6], DType::F32);
    let x = draw.normal([MEMBERS, 1, 17], 1.0);
    let member = |((layers, x), ()): ((Vec<Linear<Var>>, Var), ())| mlp(&layers, x, Var::tanh);
    ensemble(member, ((layers, x), ()))
}

/// A convolution, and what batch normalisation is once its statistics are fixed: a factor and a term for each channel.
#[derive(Module, Clone)]
struct Scaled<T> {
    conv: Conv2d<T>,
    factor: T,
    term: T,
}

impl Scaled<Tensor> {
    fn draw(draw: &mut Draw, members: usize, [from, to]: [usize; 2], width: usize, stride: usize) -> Self {
        let deviation = (from as f64 * (width * width) as f64).powf(-0.5);
        let conv = Conv2d {
            weight: draw.repeated([members, to, from, width, width], deviation),
            bias: None,
            stride: [stride; 2],
            padding: [width / 2; 2],
            dilation: [1; 2],
            groups: 1,
        };
        Scaled {
            conv,
            factor: draw.normal([members, to, 1, 1], 1.0),
            term: draw.normal([members, to, 1, 1], 0.1),
        }
    }
}

impl Forward for Scaled<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        self.conv.forward(x) * &self.factor + &self.term
    }
}

/// Two convolutions, and what they read beside them: as it is, or convolved where its shape changes.
#[derive(Module, Clone)]
struct Residual<T> {
    first: Scaled<T>,
    second: Scaled<T>,
    beside: Option<Scaled<T>>,
}

impl Forward for Residual<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        let inner = self.second.forward(&self.first.forward(x).relu());
        let beside = self.beside.as_mut().map_or_else(|| x.clone(), |beside| beside.forward(x));
        (inner + beside).relu()
    }
}

#[derive(Module, Clone)]
struct ResNet<T> {
    stem: Scaled<T>,
    blocks: Vec<Residual<T>>,
    out: Linear<T>,
}

impl Forward for ResNet<Var> {
    type Output = Var;

    fn forward(&mut self, images: &Var) -> Var {
        let first = self.stem.forward(images).relu();
        let last = self.blocks.iter_mut().fold(first, |x, block| block.forward(&x));
        self.out.forward(&last.mean([2, 3]))
    }
}

/// G3: 16 networks of ResNet-18's blocks, which share 64 images of 32 x 32 points.
fn resnets() -> Result<Uncompiled, Error> {
    const MEMBERS: usize = 16;
    let mut draw = Draw::new();
    let stem = Scaled::draw(&mut draw, MEMBERS, [3, 64], 3, 1);
    let mut blocks = Vec::new();
    let mut from = 64;
    for (to, stride) in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)] {
        let first = Scaled::draw(&mut draw, MEMBERS, [from, to], 3, stride);
        let second = Scaled::draw(&mut draw, MEMBERS, [to, to], 3, 1);
        let beside = (from != to).then(|| Scaled::draw(&mut draw, MEMBERS, [from, to], 1, stride));
        blocks.push(Residual { first, second, beside });
        from = to;
    }
    let weight = draw.normal([MEMBERS, 10, 512], 512f64.powf(-0.5));
    let out = Linear { weight, bias: Some(draw.normal([MEMBERS, 10], 0.1)) };
    let images = draw.normal([64, 3, 32, 32], 1.0);
    let member = |(mut network, images): (ResNet<Var>, Var)| network.forward(&images);
    ensemble(member, (ResNet { stem, blocks, out }, images))
}

/// G4: 8 blocks of width 1,024, which share 8 sequences of 512 in `bf16`.
fn wide_blocks() -> Result<Uncompiled, Error> {
    blocks(8, 1024, [8, 512], DType::Bf16)
}
