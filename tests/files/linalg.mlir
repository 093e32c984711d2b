// test: vmap(in = [2, 0])
// Matrices stay in the last two dimensions: the members come first.
func.func @main(%a: tensor<2x2xf32>, %b: tensor<2x1xf32>) -> (tensor<2x2xf32>, tensor<2x1xf32>) {
  %factor = stablehlo.cholesky %a, lower = true : tensor<2x2xf32>
  %x = "stablehlo.triangular_solve"(%a, %b) <{left_side = true, lower = true, transpose_a = #stablehlo<transpose NO_TRANSPOSE>, unit_diagonal = false}> : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  return %factor, %x : tensor<2x2xf32>, tensor<2x1xf32>
}
