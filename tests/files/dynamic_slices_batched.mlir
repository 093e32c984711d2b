// test: vmap(in = [0, none, 0]) | vmap(in = [none, 0, none])
// Slices with a batching dimension: the members become one more.
func.func @main(%x: tensor<4x5xf32>, %i: tensor<4xi32>, %y: tensor<4x2xf32>) -> (tensor<4x3xf32>, tensor<4x5xf32>) {
  %slice = choral.dynamic_slice %x, %i, batching_dims = [0], sizes = [3] : (tensor<4x5xf32>, tensor<4xi32>) -> tensor<4x3xf32>
  %updated = choral.dynamic_update_slice %x, %y, %i, batching_dims = [0] : (tensor<4x5xf32>, tensor<4x2xf32>, tensor<4xi32>) -> tensor<4x5xf32>
  return %slice, %updated : tensor<4x3xf32>, tensor<4x5xf32>
}
