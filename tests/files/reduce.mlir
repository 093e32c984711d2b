// test: vmap(in = [1, none])
// The same fold over renumbered dimensions; a body of two values finds the place of the greatest.
func.func @main(%x: tensor<4x6xf32>, %start: tensor<f32>) -> (tensor<4xf32>, tensor<6xf32>, tensor<4xi32>) {
  %lowest = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %sum = stablehlo.reduce(%x init: %start) applies stablehlo.add across dimensions = [1] : (tensor<4x6xf32>, tensor<f32>) -> tensor<4xf32>
  %max = stablehlo.reduce(%x init: %lowest) applies stablehlo.maximum across dimensions = [0] : (tensor<4x6xf32>, tensor<f32>) -> tensor<6xf32>
  %iota = stablehlo.iota dim = 1 : tensor<4x6xi32>
  %argmax:2 = stablehlo.reduce(%x init: %lowest), (%iota init: %zero) across dimensions = [1] : (tensor<4x6xf32>, tensor<4x6xi32>, tensor<f32>, tensor<i32>) -> (tensor<4xf32>, tensor<4xi32>)
   reducer(%best: tensor<f32>, %value: tensor<f32>) (%place: tensor<i32>, %index: tensor<i32>) {
    %compare = stablehlo.compare GT, %value, %best : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %greater = stablehlo.select %compare, %value, %best : tensor<i1>, tensor<f32>
    %where = stablehlo.select %compare, %index, %place : tensor<i1>, tensor<i32>
    stablehlo.return %greater, %where : tensor<f32>, tensor<i32>
  }
  return %sum, %max, %argmax#1 : tensor<4xf32>, tensor<6xf32>, tensor<4xi32>
}
