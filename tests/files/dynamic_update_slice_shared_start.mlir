// test: vmap(in = [1, none, none, none])
// One start for all: the members are a dimension of the update.
func.func @main(%x: tensor<4x3xf32>, %update: tensor<2x3xf32>, %i: tensor<i32>, %j: tensor<i32>) -> (tensor<4x3xf32>) {
  %slice = stablehlo.dynamic_update_slice %x, %update, %i, %j : (tensor<4x3xf32>, tensor<2x3xf32>, tensor<i32>, tensor<i32>) -> tensor<4x3xf32>
  return %slice : tensor<4x3xf32>
}
