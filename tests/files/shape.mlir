// test: vmap(in = [1])
// Moving and repeating; what depends on no member (the iota) is computed once.
func.func @main(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<4x2x3xf32>, tensor<6xf32>, tensor<3x2xf32>, tensor<2x3xf32>, tensor<1x2xf32>, tensor<4x3xf32>) {
  %iota = stablehlo.iota dim = 1 : tensor<2x3xf32>
  %add = stablehlo.add %x, %iota : tensor<2x3xf32>
  %broadcast = stablehlo.broadcast_in_dim %x, dims = [1, 2] : (tensor<2x3xf32>) -> tensor<4x2x3xf32>
  %reshape = stablehlo.reshape %x : (tensor<2x3xf32>) -> tensor<6xf32>
  %transpose = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %reverse = stablehlo.reverse %x, dims = [1] : tensor<2x3xf32>
  %slice = stablehlo.slice %x [1:2, 0:3:2] : (tensor<2x3xf32>) -> tensor<1x2xf32>
  %concatenate = stablehlo.concatenate %x, %iota, dim = 0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  return %add, %broadcast, %reshape, %transpose, %reverse, %slice, %concatenate : tensor<2x3xf32>, tensor<4x2x3xf32>, tensor<6xf32>, tensor<3x2xf32>, tensor<2x3xf32>, tensor<1x2xf32>, tensor<4x3xf32>
}
