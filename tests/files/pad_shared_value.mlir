// test: vmap(in = [0, none])
// A padding value that all members share stays a scalar.
func.func @main(%x: tensor<3xf32>, %value: tensor<f32>) -> tensor<7xf32> {
  %pad = stablehlo.pad %x, %value, low = [1], high = [-1], interior = [2] : (tensor<3xf32>, tensor<f32>) -> tensor<7xf32>
  return %pad : tensor<7xf32>
}
