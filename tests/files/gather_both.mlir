// test: vmap(in = [1, 0])
// Every member looks up its own rows of its own table: a batching dimension.
func.func @main(%table: tensor<10x4xf32>, %ids: tensor<5xi32>) -> tensor<5x4xf32> {
  %gather = "stablehlo.gather"(%table, %ids) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = false, slice_sizes = array<i64: 1, 4>}> : (tensor<10x4xf32>, tensor<5xi32>) -> tensor<5x4xf32>
  return %gather : tensor<5x4xf32>
}
