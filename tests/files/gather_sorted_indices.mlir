// test: vmap(in = [none, 0])
// Indices that are sorted for each member are not sorted for all of them together.
func.func @main(%table: tensor<5x2xf32>, %indices: tensor<1x1xi32>) -> tensor<1x2xf32> {
  %rows = "stablehlo.gather"(%table, %indices) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = true, slice_sizes = array<i64: 1, 2>}> : (tensor<5x2xf32>, tensor<1x1xi32>) -> tensor<1x2xf32>
  return %rows : tensor<1x2xf32>
}
