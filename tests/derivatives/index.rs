//! Gathers, scatters and dynamic slices: indices within and out of bounds, with batching dimensions and without.

use super::check;

#[test]
fn sines() {
    check(
        "func.func @main(%x: tensor<3xf64>) -> tensor<3xf64> {
      %y = stablehlo.sine %x : tensor<3xf64>
      return %y : tensor<3xf64>
    }",
    );
}
