// test: vmap(in = [1])
// Pooling: windows do not span the members.
func.func @main(%x: tensor<1x4x6xf32>) -> tensor<1x2x3xf32> {
  %lowest = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %pool = "stablehlo.reduce_window"(%x, %lowest) <{padding = dense<[[0, 0], [0, 0], [1, 0]]> : tensor<3x2xi64>, window_dilations = array<i64: 1, 1, 2>, window_dimensions = array<i64: 1, 2, 2>, window_strides = array<i64: 1, 2, 2>}> ({
  ^bb0(%lhs: tensor<f32>, %rhs: tensor<f32>):
    %maximum = stablehlo.maximum %lhs, %rhs : tensor<f32>
    stablehlo.return %maximum : tensor<f32>
  }) : (tensor<1x4x6xf32>, tensor<f32>) -> tensor<1x2x3xf32>
  return %pool : tensor<1x2x3xf32>
}
