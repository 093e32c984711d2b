//! Arithmetic operations of programs, counted by hand.

use choral_ir::{Graph, cost};

/// The count of a function of this signature and body.
#[track_caller]
fn check(signature: &str, body: &str, expected: u64) {
    let graph = Graph::parse(&format!("func.func @main{signature} {{\n{body}\n}}")).expect("a program");
    assert_eq!(cost::flops(&graph), expected);
}

#[test]
fn convolutions_count_what_meets() {
    // 3 taps at 5 windows, of which the first and the last reach over the edge once.
    check(
        "(%x: tensor<2x4x5xf32>, %k: tensor<6x4x3xf32>) -> tensor<2x6x5xf32>",
        "%y = stablehlo.convolution(%x, %k) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0],
           window = {stride = [1], pad = [[1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
           : (tensor<2x4x5xf32>, tensor<6x4x3xf32>) -> tensor<2x6x5xf32>
         return %y : tensor<2x6x5xf32>",
        2 * (3 * 5 - 2) * 4 * 2 * 6,
    );
    // Elements two apart, each window of two on one of them.
    check(
        "(%x: tensor<1x1x3xf32>, %k: tensor<1x1x2xf32>) -> tensor<1x1x4xf32>",
        "%y = stablehlo.convolution(%x, %k) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0],
           window = {lhs_dilate = [2]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
           : (tensor<1x1x3xf32>, tensor<1x1x2xf32>) -> tensor<1x1x4xf32>
         return %y : tensor<1x1x4xf32>",
        2 * 4,
    );
}

#[test]
fn folds_count_the_body_per_element() {
    check(
        "(%x: tensor<4x8xf32>, %init: tensor<f32>) -> tensor<4xf32>",
        "%y = stablehlo.reduce(%x init: %init) applies stablehlo.add across dimensions = [1]
           : (tensor<4x8xf32>, tensor<f32>) -> tensor<4xf32>
         return %y : tensor<4xf32>",
        4 * 8,
    );
    check(
        "(%x: tensor<8xf32>, %init: tensor<f32>) -> tensor<6xf32>",
        "%y = \"stablehlo.reduce_window\"(%x, %init) ({
           ^bb0(%a: tensor<f32>, %b: tensor<f32>):
             %double = stablehlo.add %b, %b : tensor<f32>
             %sum = stablehlo.add %a, %double : tensor<f32>
             stablehlo.return %sum : tensor<f32>
         }) {window_dimensions = array<i64: 3>} : (tensor<8xf32>, tensor<f32>) -> tensor<6xf32>
         return %y : tensor<6xf32>",
        6 * 3 * 2,
    );
}

#[test]
fn loops_count_what_is_known() {
    check(
        "(%x: tensor<7x2xf32>, %init: tensor<2xf32>) -> tensor<7x2xf32>",
        "%sums:2 = chlo.scan(%x) inits(%init) dimension=0 {
         ^bb0(%element: tensor<2xf32>, %sum: tensor<2xf32>):
           %next = stablehlo.add %sum, %element : tensor<2xf32>
           stablehlo.return %next, %next : tensor<2xf32>, tensor<2xf32>
         } : (tensor<7x2xf32>, tensor<2xf32>) -> (tensor<7x2xf32>, tensor<2xf32>)
         return %sums#0 : tensor<7x2xf32>",
        7 * 2,
    );
    // The condition and the body, once each.
    check(
        "(%start: tensor<i32>, %limit: tensor<i32>) -> tensor<i32>",
        "%end:2 = stablehlo.while(%at = %start, %to = %limit) : tensor<i32>, tensor<i32>
         cond {
           %more = stablehlo.compare LT, %at, %to : (tensor<i32>, tensor<i32>) -> tensor<i1>
           stablehlo.return %more : tensor<i1>
         } do {
           %next = stablehlo.add %at, %at : tensor<i32>
           stablehlo.return %next, %to : tensor<i32>, tensor<i32>
         }
         return %end#0 : tensor<i32>",
        1 + 1,
    );
}

/// Multiply-adds are the products alone, also those in loops.
#[test]
fn multiply_adds_leave_the_rest_out() {
    let graph = Graph::parse(
        "func.func @main(%xs: tensor<7x2x3xf32>, %w: tensor<3x3xf32>, %init: tensor<2x3xf32>) -> tensor<2x3xf32> {
           %last:3 = chlo.scan(%xs) inits(%init, %w) dimension=0 {
           ^bb0(%x: tensor<2x3xf32>, %h: tensor<2x3xf32>, %w_in: tensor<3x3xf32>):
             %dot = stablehlo.dot_general %h, %w_in, contracting_dims = [1] x [0]
               : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
             %next = stablehlo.add %dot, %x : tensor<2x3xf32>
             stablehlo.return %next, %next, %w_in : tensor<2x3xf32>, tensor<2x3xf32>, tensor<3x3xf32>
           } : (tensor<7x2x3xf32>, tensor<2x3xf32>, tensor<3x3xf32>)
             -> (tensor<7x2x3xf32>, tensor<2x3xf32>, tensor<3x3xf32>)
           return %last#1 : tensor<2x3xf32>
         }",
    )
    .expect("a program");
    assert_eq!(cost::multiply_adds(&graph), 7 * 2 * 3 * 3);
    assert_eq!(cost::flops(&graph), 7 * (2 * 2 * 3 * 3 + 2 * 3));
}

#[test]
fn moving_costs_nothing() {
    check(
        "(%x: tensor<4x8xf32>) -> tensor<8x4xf32>",
        "%y = stablehlo.transpose %x, dims = [1, 0] : (tensor<4x8xf32>) -> tensor<8x4xf32>
         return %y : tensor<8x4xf32>",
        0,
    );
}
