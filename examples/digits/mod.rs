//! The networks of `examples/data/digits`, and how their files are read.
#![allow(dead_code)] // Each example uses some of them.

use std::path::{Path, PathBuf};

use choral::prelude::*;
use choral::state::file;

/// Linear(64, 64), ReLU, Linear(64, 32), ReLU, Linear(32, 10) on flattened images.
#[derive(Module, Clone)]
pub(crate) struct Mlp<T> {
    pub(crate) fc1: Linear<T>,
    pub(crate) fc2: Linear<T>,
    pub(crate) fc3: Linear<T>,
}

impl Mlp<Tensor> {
    pub(crate) fn init(key: Key) -> Self {
        let [key1, key2, key3] = key.split();
        Mlp {
            fc1: Linear::init(64, 64, key1),
            fc2: Linear::init(64, 32, key2),
            fc3: Linear::init(32, 10, key3),
        }
    }
}

impl Forward for Mlp<Var> {
    type Output = Var;

    fn forward(&mut self, images: &Var) -> Var {
        let x = images.flatten(1, -1);
        let x = self.fc1.forward(&x).relu();
        let x = self.fc2.forward(&x).relu();
        self.fc3.forward(&x)
    }
}

/// Two blocks of convolution, batch normalisation, ReLU and pooling, then a linear layer.
#[derive(Module, Clone)]
pub(crate) struct Cnn<T> {
    pub(crate) conv1: Conv2d<T>,
    pub(crate) bn1: BatchNorm2d<T>,
    pub(crate) conv2: Conv2d<T>,
    pub(crate) bn2: BatchNorm2d<T>,
    pub(crate) drop: Dropout,
    pub(crate) fc: Linear<T>,
}

impl Cnn<Tensor> {
    pub(crate) fn init(key: Key) -> Self {
        let [key1, key2, key3] = key.split();
        Cnn {
            conv1: Conv2d::init(1, 8, 3, key1).padding(1),
            bn1: BatchNorm2d::init(8),
            conv2: Conv2d::init(8, 16, 3, key2).padding(1),
            bn2: BatchNorm2d::init(16),
            drop: Dropout::new(0.2),
            fc: Linear::init(64, 10, key3),
        }
    }
}

impl Forward for Cnn<Var> {
    type Output = Var;

    fn forward(&mut self, images: &Var) -> Var {
        let x = images.unsqueeze(1);
        let x = self.bn1.forward(&self.conv1.forward(&x)).relu().max_pool2d(2);
        let x = self.bn2.forward(&self.conv2.forward(&x)).relu().max_pool2d(2);
        let x = self.drop.forward(&x.flatten(1, -1));
        self.fc.forward(&x)
    }
}

/// A file of the data folder: in the project, or, where what was built is run on another machine, below the folder that it is
/// started in.
pub(crate) fn path(name: &str) -> PathBuf {
    let project = Path::new(crate::ROOT);
    let project = if project.is_dir() { project } else { Path::new(".") };
    project.join("examples/data/digits").join(name)
}

/// The five checkpoints of an architecture, in evaluation mode.
pub(crate) fn checkpoints<M: ModuleState + Clone>(
    name: &str,
    architecture: &M,
) -> Result<Vec<M>, choral::Error> {
    let load = |member: usize| {
        let mut model = architecture.clone();
        model.load(path(&format!("{name}_{member}.safetensors")))?;
        model.eval();
        Ok(model)
    };
    (0..5).map(load).collect()
}

/// The test images, scaled to 0..1, `f32[360, 8, 8]`, and their labels.
pub(crate) fn test_set() -> Result<(Tensor, Vec<usize>), choral::Error> {
    let (images, labels) = part("test")?;
    Ok((images, labels.to_f64_vec().into_iter().map(|label| label as usize).collect()))
}

/// The images to train with, scaled to 0..1, `f32[1437, 8, 8]`, and their labels, `i32[1437]`.
pub(crate) fn training_set() -> Result<(Tensor, Tensor), choral::Error> {
    part("train")
}

fn part(name: &str) -> Result<(Tensor, Tensor), choral::Error> {
    let data = file::read(path("digits.safetensors"))?;
    let scaled = jit(|images: Var| images.to(DType::F32) / 16.0);
    Ok((scaled.call(&data[&format!("{name}.images")])?, data[&format!("{name}.labels")].clone()))
}
