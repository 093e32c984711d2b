//! Cholesky factors and triangular solves: of one triangle, on both sides, in batches.

use choral::transform::vjp_graph;
use choral::{Device, Graph, Tensor};

use super::{check, draws};

/// The factor of positive definite matrices that are made of any others; the triangle that is not read is not
/// symmetric.
fn cholesky(batch: &str, dims: &str, lower: bool) -> String {
    let rank = dims.split(',').filter(|dim| !dim.is_empty()).count();
    let comma = if rank == 0 { "" } else { ", " };
    format!(
        "func.func @main(%x: tensor<{batch}3x3xf64>, %noise: tensor<{batch}3x3xf64>) -> tensor<{batch}3x3xf64> {{
           %square = stablehlo.dot_general %x, %x, batching_dims = [{dims}] x [{dims}], contracting_dims = [{last}] x [{last}] : (tensor<{batch}3x3xf64>, tensor<{batch}3x3xf64>) -> tensor<{batch}3x3xf64>
           %rows = stablehlo.iota dim = {rank} : tensor<{batch}3x3xi32>
           %columns = stablehlo.iota dim = {last} : tensor<{batch}3x3xi32>
           %is_diagonal = stablehlo.compare EQ, %rows, %columns : (tensor<{batch}3x3xi32>, tensor<{batch}3x3xi32>) -> tensor<{batch}3x3xi1>
           %zeros = stablehlo.constant dense<0.0> : tensor<{batch}3x3xf64>
           %ones = stablehlo.constant dense<1.0> : tensor<{batch}3x3xf64>
           %unit = stablehlo.select %is_diagonal, %ones, %zeros : tensor<{batch}3x3xi1>, tensor<{batch}3x3xf64>
           %definite = stablehlo.add %square, %unit : tensor<{batch}3x3xf64>
           %is_unread = stablehlo.compare {unread}, %rows, %columns : (tensor<{batch}3x3xi32>, tensor<{batch}3x3xi32>) -> tensor<{batch}3x3xi1>
           %a = stablehlo.select %is_unread, %noise, %definite : tensor<{batch}3x3xi1>, tensor<{batch}3x3xf64>
           %y = stablehlo.cholesky %a, lower = {lower} : tensor<{batch}3x3xf64>
           return %y : tensor<{batch}3x3xf64>
         }}",
        last = rank + 1,
        unread = if lower { "LT" } else { "GT" },
    )
    .replace(&format!("batching_dims = [] x [], {comma}"), "")
}

#[test]
fn factors() {
    for lower in [true, false] {
        check(&cholesky("", "", lower));
        check(&cholesky("2x", "0", lower));
        check(&cholesky("2x3x", "0, 1", lower));
    }
}

/// All attributes of a solve, with `a` and its shape, and `b` and its.
fn solves() -> Vec<String> {
    let mut programs = Vec::new();
    for (batch, left_side) in [("", true), ("2x", true), ("", false), ("2x3x", false)] {
        let b = if left_side { format!("{batch}3x4xf64") } else { format!("{batch}2x3xf64") };
        for at in 0..8 {
            let [lower, unit, transposes] = [at & 1 == 0, at & 2 == 0, at & 4 == 0];
            let transpose = if transposes { "TRANSPOSE" } else { "NO_TRANSPOSE" };
            programs.push(format!(
                "func.func @main(%a: tensor<{batch}3x3xf64>, %b: tensor<{b}>) -> tensor<{b}> {{
                   %x = \"stablehlo.triangular_solve\"(%a, %b) <{{left_side = {left_side}, lower = {lower}, transpose_a = #stablehlo<transpose {transpose}>, unit_diagonal = {unit}}}> : (tensor<{batch}3x3xf64>, tensor<{b}>) -> tensor<{b}>
                   return %x : tensor<{b}>
                 }}"
            ));
        }
    }
    programs
}

/// Away from singular matrices.
fn inputs(graph: &Graph) -> Vec<Tensor> {
    let mut inputs = draws(&graph.input_types(), 0);
    let a = inputs[0].to_f64_vec();
    let on_diagonal = |at: usize| (at % 9).is_multiple_of(4);
    inputs[0] =
        Tensor::from_fn(inputs[0].shape(), |at| if on_diagonal(at) { 2.0 + a[at].abs() } else { a[at] });
    inputs
}

#[test]
fn triangular_solves() {
    for text in solves() {
        let graph = Graph::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        super::check_at(&text, &inputs(&graph));
    }
}

/// The cotangent of a matrix lies in the triangle that is read.
#[test]
fn what_is_not_read_has_no_cotangent() {
    for (text, at) in solves().into_iter().zip(0..) {
        let graph = Graph::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        let vjp = vjp_graph(&graph, &[0]).unwrap_or_else(|error| panic!("{error}"));
        let cotangents = draws(&graph.output_types(), 9);
        let program = choral::compile(&vjp, Device::Reference).expect("a program");
        let results = program.run(&[inputs(&graph), cotangents].concat()).expect("results");
        let (is_lower, is_unit) = (at & 1 == 0, at & 2 == 0);
        for (place, number) in results[1].to_f64_vec().into_iter().enumerate() {
            let (row, column) = (place % 9 / 3, place % 3);
            let is_read = if row == column { !is_unit } else { (row > column) == is_lower };
            assert_eq!(number != 0.0, is_read, "element {place} is {number}, of\n{text}");
        }
    }
}
