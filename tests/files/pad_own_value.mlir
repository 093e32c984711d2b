// test: vmap(in = [0, 0])
// A padding value of each member's own: the op takes a scalar, so a mask lays the values over.
func.func @main(%x: tensor<3xf32>, %value: tensor<f32>) -> tensor<6xf32> {
  %pad = stablehlo.pad %x, %value, low = [1], high = [2], interior = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>
  return %pad : tensor<6xf32>
}
