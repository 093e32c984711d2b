// test: vmap(in = [1, none])
// Keys of each member's own order values that all members share: the values are repeated.
func.func @main(%keys: tensor<4xf32>, %values: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xi32>) {
  %sort:2 = "stablehlo.sort"(%keys, %values) <{dimension = 0 : i64, is_stable = true}> ({
  ^bb0(%left: tensor<f32>, %right: tensor<f32>, %a: tensor<i32>, %b: tensor<i32>):
    %before = stablehlo.compare LT, %left, %right : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %before : tensor<i1>
  }) : (tensor<4xf32>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xi32>)
  return %sort#0, %sort#1 : tensor<4xf32>, tensor<4xi32>
}
