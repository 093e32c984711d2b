//! Arithmetic in all types: products, convolutions, chains of elementwise ops, and random bits.
//!
//! Must not live here: ops that move elements.

use choral::Error;
use choral::prelude::*;
use choral::trace::convolution::Windows;

use crate::data::Draw;
use crate::prepared::{Uncompiled, ensemble, single};
use crate::{Maker, Workload};

/// Elements of each member, of the chains.
const LENGTH: usize = 65_536;

/// Members of the chains.
const MEMBERS: usize = 16;

pub(crate) fn workloads() -> Vec<Workload> {
    let products = [DType::I8, DType::Bf16, DType::F16, DType::I32, DType::F32];
    let product = |dtype| Workload::new(format!("product_{dtype}"), move || product(dtype));
    let convolution = |dtype| Workload::new(format!("convolution_{dtype}"), move || convolution(dtype));
    let chains: [(&str, Maker); 4] = [
        ("integers_i32", integers),
        ("threefry_bits", threefry),
        ("compare_select", compare_select),
        ("gelu_f32", gelu),
    ];
    let products = products.map(product).into_iter().chain([DType::Bf16, DType::F32].map(convolution));
    products.chain(chains.map(|(name, make)| Workload::new(name, make))).collect()
}

/// The product of two squares of 256, without members.
fn product(dtype: DType) -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let squares: [Tensor; 2] = std::array::from_fn(|_| match dtype.is_integer() {
        true => draw.below([256, 256], 8).to_dtype(dtype),
        false => draw.normal([256, 256], 1.0).to_dtype(dtype),
    });
    single(|[a, b]: [Var; 2]| a.matmul(&b), squares)
}

/// 8 images of 16 channels and 32 x 32 points, and 32 kernels of 3 x 3, without members.
fn convolution(dtype: DType) -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let images = draw.normal([8, 16, 32, 32], 1.0).to_dtype(dtype);
    let kernels = draw.normal([32, 16, 3, 3], 0.1).to_dtype(dtype);
    let windows = Windows { stride: &[1, 1], padding: &[1, 1], dilation: &[1, 1] };
    single(move |[images, kernels]: [Var; 2]| images.conv(&kernels, windows, 1), [images, kernels])
}

/// A hash of whole numbers by multiplications, shifts and exclusive or.
fn integers() -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let [x, y] = [(); 2].map(|()| draw.below([MEMBERS, LENGTH], 1 << 20));
    let member = |([x, y], ()): ([Var; 2], ())| {
        let mixed = (&x * 31 + &y).logical_xor(&(&x - &y * 7));
        (&mixed * &mixed).logical_and(0xffff) + mixed.maximum(&y)
    };
    ensemble(member, ([x, y], ()))
}

/// Random bits, each member's from a key of its own.
fn threefry() -> Result<Uncompiled, Error> {
    let keys = Tensor::from(Draw::new().key().split_n(MEMBERS));
    ensemble(|(key, ()): (Var, ())| random::bits(&key, [LENGTH]), (keys, ()))
}

/// Numbers bounded by comparisons and selects.
fn compare_select() -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let [x, y] = [(); 2].map(|()| draw.normal([MEMBERS, LENGTH], 1.0));
    let member = |([x, y], ()): ([Var; 2], ())| {
        let is_between = x.gt(&y).logical_and(x.lt(1.0)).logical_or(y.ge(0.5));
        (&x * 2.0).where_(&is_between, &y)
    };
    ensemble(member, ([x, y], ()))
}

/// The activation, by the error function.
fn gelu() -> Result<Uncompiled, Error> {
    let x = Draw::new().normal([MEMBERS, LENGTH], 1.0);
    ensemble(|(x, ()): (Var, ())| x.gelu(), (x, ()))
}
