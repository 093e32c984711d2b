// test: vmap(in = [1, none, 0])
// Every member adds rows of its own at the same places: windows span the members.
func.func @main(%x: tensor<4x3xf32>, %ids: tensor<2xi32>, %rows: tensor<2x3xf32>) -> (tensor<4x3xf32>) {
  %scatter = "stablehlo.scatter"(%x, %ids, %rows) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%lhs: tensor<f32>, %rhs: tensor<f32>):
    %add = stablehlo.add %lhs, %rhs : tensor<f32>
    stablehlo.return %add : tensor<f32>
  }) : (tensor<4x3xf32>, tensor<2xi32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  return %scatter : tensor<4x3xf32>
}
