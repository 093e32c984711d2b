// test: vmap(in = [1])
// A dimension of size 1 comes: the members stay where they are, and nothing is moved.
func.func @main(%x: tensor<4x2xf32>) -> tensor<4x1x2xf32> {
  %y = stablehlo.reshape %x : (tensor<4x2xf32>) -> tensor<4x1x2xf32>
  %z = stablehlo.negate %y : tensor<4x1x2xf32>
  return %z : tensor<4x1x2xf32>
}
