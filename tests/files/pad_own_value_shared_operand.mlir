// test: vmap(in = [none, 0])
// The operand is padded once for all members, each of which lays its own value over.
func.func @main(%x: tensor<3xf32>, %value: tensor<f32>) -> tensor<6xf32> {
  %pad = stablehlo.pad %x, %value, low = [1], high = [2], interior = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>
  return %pad : tensor<6xf32>
}
