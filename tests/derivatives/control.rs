//! Branches and loops: programs against differences, in each other, twice, and under `vmap`.

use choral::prelude::*;
use choral::transform::{Axis, VmapOptions, jvp_graph, vjp_graph, vmap_graph};
use insta::assert_snapshot;

use super::{check, draws, run};

/// Branches that keep different things of their operands, and one that keeps nothing.
const BRANCHES: &str = "
func.func @main(%x: tensor<3xf64>, %y: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f64>
  %sum = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<3xf64>, tensor<f64>) -> tensor<f64>
  %p = stablehlo.compare GT, %sum, %zero : (tensor<f64>, tensor<f64>) -> tensor<i1>
  %r:2 = \"stablehlo.if\"(%p) ({
    %s = stablehlo.sine %x : tensor<3xf64>
    %t = stablehlo.multiply %s, %y : tensor<3xf64>
    %u = stablehlo.exponential %t : tensor<3xf64>
    stablehlo.return %u, %y : tensor<3xf64>, tensor<3xf64>
  }, {
    %c = stablehlo.cosine %y : tensor<3xf64>
    %n = stablehlo.constant dense<2.0> : tensor<3xf64>
    stablehlo.return %n, %c : tensor<3xf64>, tensor<3xf64>
  }) : (tensor<i1>) -> (tensor<3xf64>, tensor<3xf64>)
  return %r#0, %r#1 : tensor<3xf64>, tensor<3xf64>
}";

const CASES: &str = "
func.func @main(%x: tensor<2xf64>, %w: tensor<2x2xf64>) -> tensor<2xf64> {
  %i = stablehlo.constant dense<INDEX> : tensor<i32>
  %r = \"stablehlo.case\"(%i) ({
    %s = stablehlo.dot_general %w, %x, contracting_dims = [1] x [0] : (tensor<2x2xf64>, tensor<2xf64>) -> tensor<2xf64>
    stablehlo.return %s : tensor<2xf64>
  }, {
    %l = stablehlo.tanh %x : tensor<2xf64>
    %m = stablehlo.multiply %l, %l : tensor<2xf64>
    stablehlo.return %m : tensor<2xf64>
  }, {
    stablehlo.return %x : tensor<2xf64>
  }) : (tensor<i32>) -> tensor<2xf64>
  return %r : tensor<2xf64>
}";

/// A scan with inputs, carried values, a weight, several outputs, and a counter that has no tangent.
const NETWORK: &str = "
func.func @main(%xs: tensor<4x2xf64>, %h: tensor<2xf64>, %w: tensor<2x2xf64>, %b: tensor<2xf64>) -> (tensor<4x2xf64>, tensor<4xf64>, tensor<2xf64>) {
  %i = stablehlo.constant dense<0> : tensor<i32>
  %all:4 = chlo.scan(%xs) inits(%i, %h) dimension=0 is_reverse=REVERSE {
  ^bb0(%x: tensor<2xf64>, %n: tensor<i32>, %h0: tensor<2xf64>):
    %one = stablehlo.constant dense<1> : tensor<i32>
    %next = stablehlo.add %n, %one : tensor<i32>
    %time = stablehlo.convert %next : (tensor<i32>) -> tensor<f64>
    %times = stablehlo.broadcast_in_dim %time, dims = [] : (tensor<f64>) -> tensor<2xf64>
    %wt = stablehlo.transpose %w, dims = [1, 0] : (tensor<2x2xf64>) -> tensor<2x2xf64>
    %wh = stablehlo.dot_general %wt, %h0, contracting_dims = [1] x [0] : (tensor<2x2xf64>, tensor<2xf64>) -> tensor<2xf64>
    %xb = stablehlo.multiply %x, %b : tensor<2xf64>
    %sum = stablehlo.add %wh, %xb : tensor<2xf64>
    %h1 = stablehlo.tanh %sum : tensor<2xf64>
    %y = stablehlo.multiply %h1, %times : tensor<2xf64>
    %zero = stablehlo.constant dense<0.0> : tensor<f64>
    %s = stablehlo.reduce(%y init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<2xf64>, tensor<f64>) -> tensor<f64>
    stablehlo.return %y, %s, %next, %h1 : tensor<2xf64>, tensor<f64>, tensor<i32>, tensor<2xf64>
  } : (tensor<4x2xf64>, tensor<i32>, tensor<2xf64>) -> (tensor<4x2xf64>, tensor<4xf64>, tensor<i32>, tensor<2xf64>)
  return %all#0, %all#1, %all#3 : tensor<4x2xf64>, tensor<4xf64>, tensor<2xf64>
}";

/// A scan along the second dimension, whose body branches and scans.
const NESTED: &str = "
func.func @main(%xs: tensor<3x2xf64>, %h: tensor<3xf64>, %w: tensor<3xf64>) -> (tensor<3x2xf64>, tensor<3xf64>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f64>
  %all:2 = chlo.scan(%xs) inits(%h) dimension=1 {
  ^bb0(%x: tensor<3xf64>, %h0: tensor<3xf64>):
    %last:2 = chlo.scan(%h0, %w) inits(%zero) dimension=0 {
    ^bb0(%a: tensor<f64>, %b: tensor<f64>, %c: tensor<f64>):
      %ab = stablehlo.multiply %a, %b : tensor<f64>
      %d = stablehlo.sine %ab : tensor<f64>
      %e = stablehlo.add %c, %d : tensor<f64>
      %f = stablehlo.multiply %e, %c : tensor<f64>
      stablehlo.return %f, %e : tensor<f64>, tensor<f64>
    } : (tensor<3xf64>, tensor<3xf64>, tensor<f64>) -> (tensor<3xf64>, tensor<f64>)
    %p = stablehlo.compare GT, %last#1, %zero : (tensor<f64>, tensor<f64>) -> tensor<i1>
    %r = \"stablehlo.if\"(%p) ({
      %s = stablehlo.exponential %x : tensor<3xf64>
      %t = stablehlo.multiply %s, %last#0 : tensor<3xf64>
      stablehlo.return %t : tensor<3xf64>
    }, {
      %s = stablehlo.multiply %x, %h0 : tensor<3xf64>
      stablehlo.return %s : tensor<3xf64>
    }) : (tensor<i1>) -> tensor<3xf64>
    %h1 = stablehlo.tanh %r : tensor<3xf64>
    stablehlo.return %r, %h1 : tensor<3xf64>, tensor<3xf64>
  } : (tensor<3x2xf64>, tensor<3xf64>) -> (tensor<3x2xf64>, tensor<3xf64>)
  return %all#0, %all#1 : tensor<3x2xf64>, tensor<3xf64>
}";

/// A loop as other tools write it, which counts to a number.
const COUNTED: &str = "
func.func @main(%x: tensor<3xf64>, %w: tensor<3xf64>) -> tensor<3xf64> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %r:3 = stablehlo.while(%i = %zero, %y = %x, %v = %w) : tensor<i32>, tensor<3xf64>, tensor<3xf64>
   cond {
    %end = stablehlo.constant dense<5> : tensor<i32>
    %below = stablehlo.compare LT, %i, %end : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %below : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %next = stablehlo.add %i, %one : tensor<i32>
    %product = stablehlo.multiply %y, %v : tensor<3xf64>
    %sine = stablehlo.sine %product : tensor<3xf64>
    stablehlo.return %next, %sine, %v : tensor<i32>, tensor<3xf64>, tensor<3xf64>
  }
  return %r#1 : tensor<3xf64>
}";

/// A loop that ends once its value is large, and returns how often it ran.
const UNTIL: &str = "
func.func @main(%x: tensor<f64>) -> (tensor<f64>, tensor<i32>) {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %two = stablehlo.constant dense<2.0> : tensor<f64>
  %start = stablehlo.add %x, %two : tensor<f64>
  %r:2 = stablehlo.while(%i = %zero, %y = %start) : tensor<i32>, tensor<f64>
   cond {
    %end = stablehlo.constant dense<100.0> : tensor<f64>
    %below = stablehlo.compare LT, %y, %end : (tensor<f64>, tensor<f64>) -> tensor<i1>
    stablehlo.return %below : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %next = stablehlo.add %i, %one : tensor<i32>
    %square = stablehlo.multiply %y, %y : tensor<f64>
    stablehlo.return %next, %square : tensor<i32>, tensor<f64>
  }
  return %r#1, %r#0 : tensor<f64>, tensor<i32>
}";

/// A body of scalars, between barriers.
const MAP: &str = "
func.func @main(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %there:2 = stablehlo.optimization_barrier %x, %y : tensor<2x3xf64>, tensor<2x3xf64>
  %r = \"stablehlo.map\"(%there#0, %there#1) <{dimensions = array<i64: 0, 1>}> ({
  ^bb0(%a: tensor<f64>, %b: tensor<f64>):
    %two = stablehlo.constant dense<2.0> : tensor<f64>
    %twice = stablehlo.multiply %a, %two : tensor<f64>
    %product = stablehlo.multiply %twice, %b : tensor<f64>
    %sine = stablehlo.sine %product : tensor<f64>
    stablehlo.return %sine : tensor<f64>
  }) : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  return %r : tensor<2x3xf64>
}";

fn cases() -> Vec<String> {
    (-1..3).map(|index| CASES.replace("INDEX", &index.to_string())).collect()
}

fn networks() -> Vec<String> {
    ["false", "true"].map(|is_reverse| NETWORK.replace("REVERSE", is_reverse)).to_vec()
}

/// The program with the other branch taken.
fn other_branch(text: &str) -> String {
    text.replace("compare GT", "compare LE")
}

/// All programs of this file that have a way back.
fn programs() -> Vec<String> {
    let mut programs = [BRANCHES, NESTED, COUNTED, MAP].map(str::to_owned).to_vec();
    programs.extend([BRANCHES, NESTED].map(other_branch));
    programs.extend(cases());
    programs.extend(networks());
    programs
}

fn all_inputs(graph: &Graph) -> Vec<usize> {
    (0..graph.inputs().len()).collect()
}

fn vjp(graph: &Graph) -> Graph {
    vjp_graph(graph, &all_inputs(graph)).expect("cotangents")
}

fn jvp(graph: &Graph) -> Graph {
    jvp_graph(graph, &all_inputs(graph)).expect("tangents")
}

fn parsed(text: &str) -> Graph {
    Graph::parse(text).expect("a program")
}

#[test]
fn branches_and_loops() {
    programs().iter().for_each(|text| check(text));
}

#[test]
fn second_derivatives() {
    for text in programs() {
        check(&vjp(&parsed(&text)).to_text());
        check(&jvp(&parsed(&text)).to_text());
    }
}

/// However short a scan is.
#[test]
fn scans_of_no_and_of_one_round() {
    for length in [0, 1, 2] {
        for text in networks() {
            check(&text.replace("4x", &format!("{length}x")));
        }
        let nested = NESTED.replace("3x2x", &format!("3x{length}x"));
        check(&nested);
        check(&vjp(&parsed(&nested)).to_text());
    }
}

/// Cotangents of members are members' cotangents, whichever comes first.
#[test]
fn cotangents_of_members() {
    for text in programs() {
        let graph = parsed(&text);
        let mapped = |graph: &Graph| {
            let (inputs, outputs) = (graph.inputs().len(), graph.outputs().len());
            let options =
                VmapOptions::new(Axis::new("members", 3), vec![Some(0); inputs], vec![Some(0); outputs]);
            vmap_graph(graph, &options).expect("a mapped graph")
        };
        let (before, after) = (vjp(&mapped(&graph)), mapped(&vjp(&graph)));
        let inputs = draws(&before.input_types(), 7);
        for (before, after) in run(&before, &inputs).iter().zip(run(&after, &inputs)) {
            let close = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-12 * (1.0 + x.abs());
            let (before, after) = (super::numbers(before), super::numbers(&after));
            assert!(before.iter().zip(after).all(close), "{before:?}, {after:?} in {text}");
        }
    }
}

/// A running sum of 16-bit floats accumulates in `f32`, whatever is computed beside it.
#[test]
fn running_folds_keep_their_bits() {
    for fold in ["add", "multiply"] {
        let text = "
        func.func @main(%x: tensor<40xbf16>, %start: tensor<bf16>) -> (tensor<40xbf16>, tensor<bf16>) {
          %all:2 = chlo.scan(%x) inits(%start) dimension=0 {
          ^bb0(%a: tensor<bf16>, %sum: tensor<bf16>):
            %next = stablehlo.FOLD %sum, %a : tensor<bf16>
            stablehlo.return %next, %next : tensor<bf16>, tensor<bf16>
          } : (tensor<40xbf16>, tensor<bf16>) -> (tensor<40xbf16>, tensor<bf16>)
          return %all#0, %all#1 : tensor<40xbf16>, tensor<bf16>
        }";
        let graph = parsed(&text.replace("FOLD", fold));
        let draw = |(ty, seed): (TensorType, u64)| Tensor::randn(ty.shape, Key::new(seed)).to_dtype(ty.dtype);
        for with_derivative in [jvp(&graph), vjp(&graph)] {
            let inputs: Vec<Tensor> = with_derivative.input_types().into_iter().zip(3..).map(draw).collect();
            let alone = run(&graph, &inputs[..2]);
            for device in [Device::Reference, Device::Cpu] {
                let program = choral::compile(&with_derivative, device).expect("a program");
                let results = program.run(&inputs).expect("results");
                assert!(alone.iter().zip(&results).all(|(alone, result)| alone.bit_eq(result)), "{fold}");
            }
        }
    }
}

/// A loop that runs until its value is large has tangents, and no way back, unless nothing comes back to it.
#[test]
fn loops_of_an_unknown_number_of_rounds() {
    let graph = parsed(UNTIL);
    let results = run(&jvp(&graph), &[Tensor::scalar(1.0f64), Tensor::scalar(1.0f64)]);
    // (x + 2)^8 after three rounds.
    let values = [&results[0], &results[2]].map(|result| super::numbers(result)[0]);
    assert_eq!(values, [6561.0, 8.0 * 2187.0]);
    assert_snapshot!(vjp_graph(&graph, &[0]).expect_err("no way back"), @"");
    let rounds = UNTIL.replace(
        "return %r#1, %r#0 : tensor<f64>, tensor<i32>\n}",
        "%n = stablehlo.convert %r#0 : (tensor<i32>) -> tensor<f64>
         %y = stablehlo.multiply %x, %n : tensor<f64>
         return %y, %r#0 : tensor<f64>, tensor<i32>\n}",
    );
    let inputs = [Tensor::scalar(1.0f64), Tensor::scalar(1.0f64)];
    let results = run(&vjp_graph(&parsed(&rounds), &[0]).expect("cotangents"), &inputs);
    assert_eq!(super::numbers(&results[2]), [3.0]);
}

#[test]
fn the_way_back_through_a_scan() {
    assert_snapshot!(vjp(&parsed(&networks()[0])), @"");
}

#[test]
fn the_way_back_through_branches() {
    assert_snapshot!(vjp(&parsed(BRANCHES)), @"");
}
