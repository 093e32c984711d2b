// test: vmap(in = [1, none, none])
// One start for all: the members are a dimension taken whole.
func.func @main(%x: tensor<4x3xf32>, %i: tensor<i32>, %j: tensor<i32>) -> (tensor<2x3xf32>) {
  %slice = stablehlo.dynamic_slice %x, %i, %j, sizes = [2, 3] : (tensor<4x3xf32>, tensor<i32>, tensor<i32>) -> tensor<2x3xf32>
  return %slice : tensor<2x3xf32>
}
