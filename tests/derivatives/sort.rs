//! Sorts and the greatest elements: tangents go where elements go.

use super::check;

/// Keys in order along a dimension, with values that go with them, and places.
fn sort(shape: &str, dimension: usize, direction: &str) -> String {
    format!(
        "func.func @main(%keys: tensor<{shape}xf64>, %values: tensor<{shape}xf64>) -> (tensor<{shape}xf64>, tensor<{shape}xf64>, tensor<{shape}xi32>) {{
           %places = stablehlo.iota dim = {dimension} : tensor<{shape}xi32>
           %y:3 = \"stablehlo.sort\"(%keys, %values, %places) <{{dimension = {dimension} : i64, is_stable = true}}> ({{
           ^bb0(%left: tensor<f64>, %right: tensor<f64>, %a: tensor<f64>, %b: tensor<f64>, %c: tensor<i32>, %d: tensor<i32>):
             %before = stablehlo.compare {direction}, %left, %right : (tensor<f64>, tensor<f64>) -> tensor<i1>
             stablehlo.return %before : tensor<i1>
           }}) : (tensor<{shape}xf64>, tensor<{shape}xf64>, tensor<{shape}xi32>) -> (tensor<{shape}xf64>, tensor<{shape}xf64>, tensor<{shape}xi32>)
           return %y#0, %y#1, %y#2 : tensor<{shape}xf64>, tensor<{shape}xf64>, tensor<{shape}xi32>
         }}"
    )
}

#[test]
fn sorted_operands() {
    for (shape, dimension) in [("6", 0), ("3x4", 1), ("4x3", 0), ("2x5x3", 1), ("2x0", 1), ("0x2", 1)] {
        for direction in ["LT", "GT"] {
            check(&sort(shape, dimension, direction));
        }
    }
}

/// Ordered by their distance.
#[test]
fn sorted_by_several_operands() {
    check(
        "func.func @main(%x: tensor<3x5xf64>, %y: tensor<3x5xf64>) -> tensor<3x5xf64> {
           %z:2 = \"stablehlo.sort\"(%x, %y) <{dimension = 1 : i64, is_stable = true}> ({
           ^bb0(%a: tensor<f64>, %b: tensor<f64>, %c: tensor<f64>, %d: tensor<f64>):
             %left = stablehlo.subtract %a, %c : tensor<f64>
             %right = stablehlo.subtract %b, %d : tensor<f64>
             %before = stablehlo.compare LT, %left, %right : (tensor<f64>, tensor<f64>) -> tensor<i1>
             stablehlo.return %before : tensor<i1>
           }) : (tensor<3x5xf64>, tensor<3x5xf64>) -> (tensor<3x5xf64>, tensor<3x5xf64>)
           return %z#0 : tensor<3x5xf64>
         }",
    );
}

#[test]
fn greatest_elements() {
    for (input, k, result) in
        [("6xf64", 2, "2x"), ("3x5xf64", 5, "3x5x"), ("2x3x4xf64", 1, "2x3x1x"), ("3x4xf64", 0, "3x0x")]
    {
        check(&format!(
            "func.func @main(%x: tensor<{input}>) -> (tensor<{result}f64>, tensor<{result}i32>) {{
               %values, %places = chlo.top_k(%x, k = {k}) : tensor<{input}> -> (tensor<{result}f64>, tensor<{result}i32>)
               return %values, %places : tensor<{result}f64>, tensor<{result}i32>
             }}"
        ));
    }
}
