//! Ops that move elements, order them, or look for some: by index, by value, and along windows.
//!
//! Must not live here: arithmetic on all elements alike.

use choral::prelude::*;
use choral::{Error, Graph};

use crate::data::Draw;
use crate::prepared::{Uncompiled, ensemble};
use crate::{Maker, Workload};

pub(crate) fn workloads() -> Vec<Workload> {
    let all: [(&str, Maker); 7] = [
        ("gather_rows", gather_rows),
        ("scatter_add", scatter_add),
        ("sort_rows", sort_rows),
        ("argmax_rows", argmax),
        ("cumsum_rows", cumsum),
        ("cummax_rows", cummax),
        ("maxpool_gradient", max_pool_gradient),
    ];
    all.map(|(name, make)| Workload::new(name, make)).into()
}

/// Rows of 64 numbers from one table of 10,000, 1,024 for each of 16 members.
fn gather_rows() -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let table = draw.normal([10_000, 64], 1.0);
    let indices = draw.below([16, 1024], 10_000);
    ensemble(|(indices, table): (Var, Var)| table.take_rows(&indices), (indices, table))
}

/// 16,384 numbers added to 1,024 places, of each of 16 members.
fn scatter_add() -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let indices = draw.below([16, 16_384], 1024);
    let numbers = draw.normal([16, 16_384], 1.0);
    let member = |((indices, numbers), ()): ((Var, Var), ())| {
        numbers.full([1024], 0.0).scatter_add(0, &indices, &numbers)
    };
    ensemble(member, ((indices, numbers), ()))
}

/// 64 rows of 1,000 numbers in order, of each of 16 members.
fn sort_rows() -> Result<Uncompiled, Error> {
    rows(|x| x.sort(-1, false).0)
}

/// Where the greatest of each row is.
fn argmax() -> Result<Uncompiled, Error> {
    rows(|x| x.argmax(-1))
}

/// What the numbers of each row come to, up to each.
fn cumsum() -> Result<Uncompiled, Error> {
    rows(|x| x.cumsum(-1))
}

/// The greatest number of each row, up to each.
fn cummax() -> Result<Uncompiled, Error> {
    rows(|x| x.cummax(-1))
}

/// An op on 64 rows of 1,000 numbers of each of 16 members.
fn rows(op: fn(&Var) -> Var) -> Result<Uncompiled, Error> {
    let x = Draw::new().normal([16, 64, 1000], 1.0);
    ensemble(move |(x, ()): (Var, ())| op(&x), (x, ()))
}

/// The gradient of a maximum over windows of 2 x 2, for 8 images of 16 channels of each of 8 members.
const MAX_POOL_GRADIENT: &str = r#"
func.func @main(%x: tensor<8x16x32x32xf32>, %slope: tensor<8x16x16x16xf32>) -> tensor<8x16x32x32xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %y = "stablehlo.select_and_scatter"(%x, %slope, %zero) <{
    window_dimensions = array<i64: 1, 1, 2, 2>, window_strides = array<i64: 1, 1, 2, 2>
  }> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = stablehlo.compare GE, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %c : tensor<i1>
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %c : tensor<f32>
  }) : (tensor<8x16x32x32xf32>, tensor<8x16x16x16xf32>, tensor<f32>) -> tensor<8x16x32x32xf32>
  return %y : tensor<8x16x32x32xf32>
}"#;

fn max_pool_gradient() -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let x = draw.normal([8, 8, 16, 32, 32], 1.0);
    let slope = draw.normal([8, 8, 16, 16, 16], 1.0);
    let member = Graph::parse(MAX_POOL_GRADIENT).expect("a program");
    ensemble(member, ((x, slope), ()))
}
