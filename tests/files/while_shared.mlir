// test: vmap(in = [none, 0, none])
// A condition that all members share: one loop over all members. What it only reads stays shared.
func.func @main(%n: tensor<i32>, %x: tensor<3xf32>, %step: tensor<3xf32>) -> tensor<3xf32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %r:2 = stablehlo.while(%i = %zero, %y = %x) : tensor<i32>, tensor<3xf32>
   cond {
    %below = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %below : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %next = stablehlo.add %i, %one : tensor<i32>
    %sum = stablehlo.add %y, %step : tensor<3xf32>
    stablehlo.return %next, %sum : tensor<i32>, tensor<3xf32>
  }
  return %r#1 : tensor<3xf32>
}
