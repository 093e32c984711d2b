// test: vmap(in = [none, 0]) | vmap(in = [0, none])
// Members inside, samples outside: each operand has an axis of its own, and there is still one product.
func.func @main(%x: tensor<3xf32>, %w: tensor<5x3xf32>) -> tensor<5xf32> {
  %dot = stablehlo.dot_general %x, %w, contracting_dims = [0] x [1] : (tensor<3xf32>, tensor<5x3xf32>) -> tensor<5xf32>
  return %dot : tensor<5xf32>
}
