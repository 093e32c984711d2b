//! Gathers, scatters and dynamic slices: places within and out of bounds, met once and more often, with batching
//! dimensions and without.

use choral::prelude::*;
use choral::transform::{grad_graph, jvp_graph};

use super::{check, numbers, run};

/// A scatter of rows of 2 into `5x2` at places of which one is met twice and one lies out of bounds, by a fold.
fn scatter(fold: &str) -> String {
    format!(
        "func.func @main(%x: tensor<5x2xf64>, %u: tensor<4x2xf64>) -> tensor<5x2xf64> {{
  %at = stablehlo.constant dense<[[3], [0], [3], [7]]> : tensor<4x1xi32>
  %y = \"stablehlo.scatter\"(%x, %at, %u) <{{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}}> ({{
  ^bb0(%l: tensor<f64>, %r: tensor<f64>):
    {fold}
  }}) : (tensor<5x2xf64>, tensor<4x1xi32>, tensor<4x2xf64>) -> tensor<5x2xf64>
  return %y : tensor<5x2xf64>
}}"
    )
}

fn binary(name: &str) -> String {
    scatter(&format!(
        "%f = stablehlo.{name} %l, %r : tensor<f64>
    stablehlo.return %f : tensor<f64>"
    ))
}

#[test]
fn scatters_that_add() {
    check(&binary("add"));
}

#[test]
fn scatters_that_overwrite() {
    check(&scatter("stablehlo.return %r : tensor<f64>"));
}

#[test]
fn scatters_that_multiply() {
    check(&binary("multiply"));
}

#[test]
fn scatters_that_keep_an_extreme() {
    check(&binary("maximum"));
    check(&binary("minimum"));
}

/// With zeros among the factors, the product of the others is what an update's tangent counts for.
#[test]
fn scattered_factors_may_be_zero() {
    let gradient = |updates: [f64; 4]| {
        let graph = Graph::parse(&binary("multiply")).expect("a program");
        let updates = Tensor::from_fn([4, 2], |at| if at % 2 == 0 { updates[at / 2] } else { 1.0 });
        let x = Tensor::from_fn([5, 2], |_| 2.0f64);
        let found = run(&grad_graph(&graph, &[0, 1]).expect("a gradient"), &[x, updates]);
        let of = |tensor: &Tensor, row: usize| numbers(tensor)[2 * row];
        (of(&found[0], 3), of(&found[1], 0), of(&found[1], 2), of(&found[1], 3))
    };
    // Rows 0 and 2 of the updates meet in row 3; row 3 of them is left out.
    assert_eq!(gradient([3.0, 1.0, 5.0, 9.0]), (15.0, 10.0, 6.0, 0.0));
    assert_eq!(gradient([0.0, 1.0, 5.0, 9.0]), (0.0, 10.0, 0.0, 0.0));
    assert_eq!(gradient([0.0, 1.0, 0.0, 9.0]), (0.0, 0.0, 0.0, 0.0));
}

/// Of equal elements each has its share, the input's own among them.
#[test]
fn equal_extremes_share_the_tangent() {
    let graph = Graph::parse(&binary("maximum")).expect("a program");
    let (x, updates) = (Tensor::from_fn([5, 2], |_| 1.0f64), Tensor::from_fn([4, 2], |_| 1.0f64));
    let found = run(&grad_graph(&graph, &[0, 1]).expect("a gradient"), &[x, updates]);
    let rows = |tensor: &Tensor| numbers(tensor).chunks(2).map(|row| row[0]).collect::<Vec<f64>>();
    assert_eq!(rows(&found[0]), [0.5, 1.0, 1.0, 1.0 / 3.0, 1.0]);
    assert_eq!(rows(&found[1]), [1.0 / 3.0, 0.5, 1.0 / 3.0, 0.0]);
}

const TWO_INPUTS: &str = r#"
func.func @main(%a: tensor<4xf64>, %b: tensor<4xf64>, %u: tensor<3xf64>, %v: tensor<3xf64>) -> (tensor<4xf64>, tensor<4xf64>) {
  %at = stablehlo.constant dense<[[1], [3], [1]]> : tensor<3x1xi32>
  %r:2 = "stablehlo.scatter"(%a, %b, %at, %u, %v) <{scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%x: tensor<f64>, %n: tensor<f64>, %y: tensor<f64>, %m: tensor<f64>):
    %s = stablehlo.add %x, %y : tensor<f64>
    %t = stablehlo.maximum %n, %FACTOR : tensor<f64>
    stablehlo.return %s, %t : tensor<f64>, tensor<f64>
  }) : (tensor<4xf64>, tensor<4xf64>, tensor<3x1xi32>, tensor<3xf64>, tensor<3xf64>) -> (tensor<4xf64>, tensor<4xf64>)
  return %r#0, %r#1 : tensor<4xf64>, tensor<4xf64>
}"#;

#[test]
fn scatters_of_several_inputs() {
    check(&TWO_INPUTS.replace("%FACTOR", "%m"));
}

#[test]
fn bodies_without_a_derivative_are_refused() {
    let refused = |text: &str| {
        let graph = Graph::parse(text).expect("a program");
        jvp_graph(&graph, &[0, 1]).expect_err("no derivative").to_string()
    };
    let mixed = refused(&TWO_INPUTS.replace("%FACTOR", "%y"));
    assert!(mixed.contains("its body mixes its inputs"), "{mixed}");
    let unnamed = refused(&scatter(
        "%s = stablehlo.sine %r : tensor<f64>
    %f = stablehlo.multiply %l, %s : tensor<f64>
    stablehlo.return %f : tensor<f64>",
    ));
    assert!(unnamed.contains("only scatters that add, overwrite, multiply"), "{unnamed}");
}

/// Windows of several dimensions, two components of an index, and pairs of batching dimensions.
#[test]
fn scatters_with_windows_and_batching_dimensions() {
    for fold in ["add", "multiply", "maximum"] {
        check(&format!(
            r#"func.func @main(%x: tensor<2x5x4xf64>, %u: tensor<3x2xf64>) -> tensor<2x5x4xf64> {{
  %at = stablehlo.constant dense<[[[0, 1], [3, 2]], [[1, 1], [4, 0]], [[0, 2], [-1, 0]]]> : tensor<3x2x2xi64>
  %y = "stablehlo.scatter"(%x, %at, %u) <{{scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [1, 2], input_batching_dims = [0], scatter_indices_batching_dims = [1], scatter_dims_to_operand_dims = [1, 2], index_vector_dim = 2>}}> ({{
  ^bb0(%l: tensor<f64>, %r: tensor<f64>):
    %f = stablehlo.{fold} %l, %r : tensor<f64>
    stablehlo.return %f : tensor<f64>
  }}) : (tensor<2x5x4xf64>, tensor<3x2x2xi64>, tensor<3x2xf64>) -> tensor<2x5x4xf64>
  return %y : tensor<2x5x4xf64>
}}"#
        ));
    }
}

#[test]
fn gathers() {
    // Row 9 is clamped to row 4, and row 2 is read twice.
    check(
        r#"func.func @main(%x: tensor<5x3xf64>) -> tensor<4x3xf64> {
  %at = stablehlo.constant dense<[2, 9, 2, -3]> : tensor<4xi32>
  %y = "stablehlo.gather"(%x, %at) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 3>}> : (tensor<5x3xf64>, tensor<4xi32>) -> tensor<4x3xf64>
  return %y : tensor<4x3xf64>
}"#,
    );
    // Slices of 2x2 that overlap, for each pair of batching dimensions.
    check(
        r#"func.func @main(%x: tensor<2x4x5xf64>) -> tensor<3x2x2x2xf64> {
  %at = stablehlo.constant dense<[[[0, 0], [1, 2]], [[3, 3], [9, -1]], [[1, 1], [2, 2]]]> : tensor<3x2x2xi32>
  %y = "stablehlo.gather"(%x, %at) <{dimension_numbers = #stablehlo.gather<offset_dims = [2, 3], operand_batching_dims = [0], start_indices_batching_dims = [1], start_index_map = [1, 2], index_vector_dim = 2>, slice_sizes = array<i64: 1, 2, 2>}> : (tensor<2x4x5xf64>, tensor<3x2x2xi32>) -> tensor<3x2x2x2xf64>
  return %y : tensor<3x2x2x2xf64>
}"#,
    );
}

#[test]
fn dynamic_slices() {
    check(
        "func.func @main(%x: tensor<5x4xf64>) -> tensor<2x3xf64> {
  %i = stablehlo.constant dense<9> : tensor<i32>
  %j = stablehlo.constant dense<1> : tensor<i32>
  %y = stablehlo.dynamic_slice %x, %i, %j, sizes = [2, 3] : (tensor<5x4xf64>, tensor<i32>, tensor<i32>) -> tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}",
    );
    check(
        "func.func @main(%x: tensor<5x4xf64>, %u: tensor<2x3xf64>) -> tensor<5x4xf64> {
  %i = stablehlo.constant dense<-2> : tensor<i32>
  %j = stablehlo.constant dense<3> : tensor<i32>
  %y = stablehlo.dynamic_update_slice %x, %u, %i, %j : (tensor<5x4xf64>, tensor<2x3xf64>, tensor<i32>, tensor<i32>) -> tensor<5x4xf64>
  return %y : tensor<5x4xf64>
}",
    );
}

/// Members have starts of their own: of one operand, whose parts they read more than once, and of an operand each.
#[test]
fn dynamic_slices_of_members() {
    let slice = |x: &Var, at: &Var| x.dynamic_slice(&[at], [2]);
    let sum = |(x, at): (Var, Var)| {
        let part = slice(&x, &at);
        (&part * &part).sum(())
    };
    let at = Tensor::from([0i32, 1, 1, 9]);
    let (shared, own) = (Tensor::randn([5], Key::new(0)), Tensor::randn([4, 5], Key::new(1)));
    let together = |in_dims: (Option<i64>, i64)| {
        grad(move |(x, at): (Var, Var)| vmap(sum, in_dims).apply((x, at)).map(|sums| sums.sum(())))
    };
    let by_each = vmap(grad(sum), (None, 0)).call((&shared, &at)).expect("gradients");
    let total = jit(|x: Var| x.sum(0)).call(&by_each).expect("a sum");
    assert_eq!(together((None, 0)).call((&shared, &at)).expect("a gradient"), total);
    let by_each = vmap(grad(sum), (0, 0)).call((&own, &at)).expect("gradients");
    assert_eq!(together((Some(0), 0)).call((&own, &at)).expect("a gradient"), by_each);
}

/// The rows of an embedding that were looked up, and no others.
#[test]
fn the_gradient_of_an_embedding() {
    let table = Tensor::randn([6, 3], Key::new(0));
    let loss = |(table, ids): (Var, Var)| table.take_rows(&ids).sum(());
    let gradient = grad(loss).call((&table, &Tensor::from([1i64, 4, 1]))).expect("a gradient");
    let rows: Vec<f32> = gradient.as_slice::<f32>().expect("f32").chunks(3).map(|row| row[0]).collect();
    assert_eq!(rows, [0.0, 2.0, 0.0, 0.0, 1.0, 0.0]);
}
