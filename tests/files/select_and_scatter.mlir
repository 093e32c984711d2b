// test: vmap(in = [1, 0, none])
// The derivative of max pooling: windows do not span the members.
func.func @main(%x: tensor<4xf32>, %given: tensor<2xf32>, %start: tensor<f32>) -> (tensor<4xf32>) {
  %scattered = "stablehlo.select_and_scatter"(%x, %given, %start) <{padding = dense<0> : tensor<1x2xi64>, window_dimensions = array<i64: 2>, window_strides = array<i64: 2>}> ({
  ^bb0(%selected: tensor<f32>, %other: tensor<f32>):
    %stays = stablehlo.compare GE, %selected, %other : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %stays : tensor<i1>
  }, {
  ^bb0(%lhs: tensor<f32>, %rhs: tensor<f32>):
    %add = stablehlo.add %lhs, %rhs : tensor<f32>
    stablehlo.return %add : tensor<f32>
  }) : (tensor<4xf32>, tensor<2xf32>, tensor<f32>) -> tensor<4xf32>
  return %scattered : tensor<4xf32>
}
