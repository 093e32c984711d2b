//! Reductions: sums, extremes, products, places of extremes and bodies without a name.

use choral::{DType, Device, Graph, Tensor};

use super::{check, check_at};
use choral::transform::{grad_graph, jvp_graph};

/// A fold by a body of `%a` and `%b` that makes `%c`; `start` says what the initial value is.
fn program(input: &str, dimensions: &str, result: &str, body: &str, init: &str) -> String {
    let start = if init == "%each" { format!("tensor<{result}>") } else { "tensor<f64>".to_owned() };
    format!(
        "func.func @main(%x: tensor<{input}>, %given: tensor<f64>, %each: tensor<{result}>) -> tensor<{result}> {{
           %one = stablehlo.constant dense<1.0> : tensor<f64>
           %zero = stablehlo.constant dense<0.0> : tensor<f64>
           %least = stablehlo.constant dense<0xFFF0000000000000> : tensor<f64>
           %greatest = stablehlo.constant dense<0x7FF0000000000000> : tensor<f64>
           %y = stablehlo.reduce(%x init: {init}) across dimensions = {dimensions} : (tensor<{input}>, {start}) -> tensor<{result}>
            reducer(%a: tensor<f64>, %b: tensor<f64>) {{
             {body}
             stablehlo.return %c : tensor<f64>
           }}
           return %y : tensor<{result}>
         }}"
    )
}

/// Inputs, the dimensions that are folded, and results.
const SHAPES: [(&str, &str, &str); 8] = [
    ("5xf64", "[0]", "f64"),
    ("2x3x7xf64", "[1]", "2x7xf64"),
    ("2x3x4xf64", "[2, 0]", "3xf64"),
    ("2x3x4xf64", "[0, 1, 2]", "f64"),
    ("1x6xf64", "[1]", "1xf64"),
    ("3x4xf64", "[]", "3x4xf64"),
    ("3x0xf64", "[1]", "3xf64"),
    ("0x3xf64", "[1]", "0xf64"),
];

fn check_all(body: &str, inits: &[&str]) {
    for (input, dimensions, result) in SHAPES {
        for init in inits {
            check(&program(input, dimensions, result, body, init));
        }
    }
}

fn binary(op: &str) -> String {
    format!("%c = stablehlo.{op} %a, %b : tensor<f64>")
}

#[test]
fn sums() {
    check_all(&binary("add"), &["%zero", "%given", "%each"]);
}

#[test]
fn extremes() {
    check_all(&binary("maximum"), &["%least", "%given", "%each"]);
    check_all(&binary("minimum"), &["%greatest", "%zero", "%each"]);
}

#[test]
fn products() {
    check_all(&binary("multiply"), &["%one", "%given", "%each"]);
}

/// Sums by another hand, `a + b + a b`, and the last element.
#[test]
fn bodies_without_a_name() {
    check_all("%c = stablehlo.add %b, %a : tensor<f64>", &["%zero", "%each"]);
    let body = "%sum = stablehlo.add %a, %b : tensor<f64>
             %product = stablehlo.multiply %a, %b : tensor<f64>
             %c = stablehlo.add %sum, %product : tensor<f64>";
    check_all(body, &["%zero", "%given", "%each"]);
    let last = "%zeros = stablehlo.subtract %a, %a : tensor<f64>
             %c = stablehlo.add %zeros, %b : tensor<f64>";
    check_all(last, &["%given"]);
}

/// The derivative of a product by one factor is the product of the others, where factors are zero, too.
#[test]
fn products_with_zeros() {
    for (factors, expected) in [
        ([2.0, 3.0, 0.0, 5.0, 7.0], [0.0, 0.0, 210.0, 0.0, 0.0]),
        ([2.0, 0.0, 0.0, 5.0, 7.0], [0.0; 5]),
        ([2.0, 3.0, 1.0, 5.0, -1.0], [-15.0, -10.0, -30.0, -6.0, 30.0]),
    ] {
        let text = program("5xf64", "[0]", "f64", &binary("multiply"), "%one");
        let inputs = [Tensor::from(factors), Tensor::from(0.0), Tensor::from(0.0)];
        check_at(&text, &inputs);
        assert_eq!(gradient(&text, &inputs), expected);
    }
}

fn gradient(text: &str, inputs: &[Tensor]) -> Vec<f64> {
    let graph = Graph::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let gradient = grad_graph(&graph, &[0]).unwrap_or_else(|error| panic!("{error}"));
    let program = choral::compile(&gradient, Device::Reference).expect("a program");
    program.run(inputs).expect("a gradient")[0].to_f64_vec()
}

/// Equal greatest elements share the tangent; an initial value above all takes it.
#[test]
fn ties_of_extremes() {
    let text = program("4xf64", "[0]", "f64", &binary("maximum"), "%least");
    let inputs = [Tensor::from([3.0, 1.0, 3.0, 2.0]), Tensor::from(0.0), Tensor::from(0.0)];
    assert_eq!(gradient(&text, &inputs), [0.5, 0.0, 0.5, 0.0]);
    let text = program("4xf64", "[0]", "f64", &binary("maximum"), "%given");
    let inputs = [Tensor::from([3.0, 1.0, 3.0, 2.0]), Tensor::from(4.0), Tensor::from(0.0)];
    assert_eq!(gradient(&text, &inputs), [0.0; 4]);
}

/// The greatest elements of rows and where they lie.
const ARGMAX: &str = "func.func @main(%x: tensor<3x5xf64>, %start: tensor<f64>) -> (tensor<3xf64>, tensor<3xi32>) {
    %places = stablehlo.iota dim = 1 : tensor<3x5xi32>
    %zero = stablehlo.constant dense<0> : tensor<i32>
    %y:2 = stablehlo.reduce(%x init: %start), (%places init: %zero) across dimensions = [1] : (tensor<3x5xf64>, tensor<3x5xi32>, tensor<f64>, tensor<i32>) -> (tensor<3xf64>, tensor<3xi32>)
     reducer(%value: tensor<f64>, %other: tensor<f64>) (%place: tensor<i32>, %other_place: tensor<i32>) {
      %wins = stablehlo.compare GT, %value, %other : (tensor<f64>, tensor<f64>) -> tensor<i1>
      %is_nan = stablehlo.compare NE, %value, %value : (tensor<f64>, tensor<f64>) -> tensor<i1>
      %stays = stablehlo.or %wins, %is_nan : tensor<i1>
      %is_equal = stablehlo.compare EQ, %value, %other : (tensor<f64>, tensor<f64>) -> tensor<i1>
      %is_before = stablehlo.compare LT, %place, %other_place : (tensor<i32>, tensor<i32>) -> tensor<i1>
      %is_first = stablehlo.and %is_equal, %is_before : tensor<i1>
      %place_stays = stablehlo.or %stays, %is_first : tensor<i1>
      %better = stablehlo.select %stays, %value, %other : tensor<i1>, tensor<f64>
      %better_place = stablehlo.select %place_stays, %place, %other_place : tensor<i1>, tensor<i32>
      stablehlo.return %better, %better_place : tensor<f64>, tensor<i32>
    }
    return %y#0, %y#1 : tensor<3xf64>, tensor<3xi32>
  }";

#[test]
fn places_of_extremes() {
    check(ARGMAX);
}

/// The product of complex numbers: two operands.
#[test]
fn several_operands() {
    check(
        "func.func @main(%x: tensor<7x2xf64>, %y: tensor<7x2xf64>, %re: tensor<f64>, %im: tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>) {
           %z:2 = stablehlo.reduce(%x init: %re), (%y init: %im) across dimensions = [0] : (tensor<7x2xf64>, tensor<7x2xf64>, tensor<f64>, tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>)
            reducer(%a: tensor<f64>, %c: tensor<f64>) (%b: tensor<f64>, %d: tensor<f64>) {
             %ac = stablehlo.multiply %a, %c : tensor<f64>
             %bd = stablehlo.multiply %b, %d : tensor<f64>
             %ad = stablehlo.multiply %a, %d : tensor<f64>
             %bc = stablehlo.multiply %b, %c : tensor<f64>
             %real = stablehlo.subtract %ac, %bd : tensor<f64>
             %imaginary = stablehlo.add %ad, %bc : tensor<f64>
             stablehlo.return %real, %imaginary : tensor<f64>, tensor<f64>
           }
           return %z#0, %z#1 : tensor<2xf64>, tensor<2xf64>
         }",
    );
}

/// The tangent of a product of 16-bit floats, like the product, is rounded once.
#[test]
fn products_of_halves_accumulate() {
    let text = program("100xf64", "[0]", "f64", &binary("multiply"), "%one").replace("f64", "f16");
    let text = text.replace("0xFFF0000000000000", "0xFC00").replace("0x7FF0000000000000", "0x7C00");
    let jvp = jvp_graph(&Graph::parse(&text).expect("a program"), &[0]).expect("tangents");
    let half = |shape: &[usize], number: f64| Tensor::full(shape, number).to_dtype(DType::F16);
    let factor = 1.0 + 1.0 / 1024.0;
    let inputs = [half(&[100], factor), half(&[], 1.0), half(&[], 1.0), half(&[100], 1.0)];
    let results = choral::compile(&jvp, Device::Reference).expect("a program").run(&inputs).expect("results");
    let expected = half(&[], 100.0 * factor.powi(99));
    assert_eq!(results[1].to_f64_vec(), expected.to_f64_vec());
}
