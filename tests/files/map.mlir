// test: vmap(in = [0, none])
func.func @main(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %barrier:2 = stablehlo.optimization_barrier %x, %y : tensor<3xf32>, tensor<3xf32>
  %r = "stablehlo.map"(%barrier#0, %barrier#1) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %product = stablehlo.multiply %a, %b : tensor<f32>
    %sum = stablehlo.add %product, %a : tensor<f32>
    stablehlo.return %sum : tensor<f32>
  }) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}
