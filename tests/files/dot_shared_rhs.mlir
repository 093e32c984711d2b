// test: vmap(in = [0, none])
// The members of the inputs become free dimensions: one product, no copy of the shared operand.
func.func @main(%x: tensor<4x3xf32>, %w: tensor<5x3xf32>) -> tensor<4x5xf32> {
  %dot = stablehlo.dot_general %x, %w, contracting_dims = [1] x [1] : (tensor<4x3xf32>, tensor<5x3xf32>) -> tensor<4x5xf32>
  return %dot : tensor<4x5xf32>
}
