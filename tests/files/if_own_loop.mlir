// test: vmap(in = [0])
// The loop ends for positive numbers alone. Members that take the other branch must not run it on
// their own: they stand in for one that does.
func.func @main(%draw: tensor<f32>) -> tensor<f32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %shift = stablehlo.constant dense<0.9> : tensor<f32>
  %x = stablehlo.subtract %draw, %shift : tensor<f32>
  %positive = stablehlo.compare GT, %x, %zero : (tensor<f32>, tensor<f32>) -> tensor<i1>
  %r = "stablehlo.if"(%positive) ({
    %limit = stablehlo.constant dense<10.0> : tensor<f32>
    %grown = stablehlo.while(%y = %x) : tensor<f32>
     cond {
      %below = stablehlo.compare LT, %y, %limit : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %below : tensor<i1>
    } do {
      %twice = stablehlo.add %y, %y : tensor<f32>
      stablehlo.return %twice : tensor<f32>
    }
    stablehlo.return %grown : tensor<f32>
  }, {
    stablehlo.return %x : tensor<f32>
  }) : (tensor<i1>) -> tensor<f32>
  return %r : tensor<f32>
}
