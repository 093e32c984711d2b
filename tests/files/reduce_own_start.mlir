// test: vmap(in = [none, 0])
// A start of each member's own.
func.func @main(%x: tensor<4x6xf32>, %start: tensor<f32>) -> tensor<4xf32> {
  %sum = stablehlo.reduce(%x init: %start) applies stablehlo.add across dimensions = [1] : (tensor<4x6xf32>, tensor<f32>) -> tensor<4xf32>
  return %sum : tensor<4xf32>
}
