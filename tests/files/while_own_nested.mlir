// test: vmap(in = [0])
// The inner loop ends only where the value is positive, and members that have finished the outer
// loop hold values that are not: they stand in for one that is running.
func.func @main(%draw: tensor<f32>) -> tensor<f32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %shift = stablehlo.constant dense<0.9> : tensor<f32>
  %x = stablehlo.subtract %draw, %shift : tensor<f32>
  %r = stablehlo.while(%y = %x) : tensor<f32>
   cond {
    %positive = stablehlo.compare GT, %y, %zero : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %positive : tensor<i1>
  } do {
    %limit = stablehlo.constant dense<4.0> : tensor<f32>
    %grown = stablehlo.while(%z = %y) : tensor<f32>
     cond {
      %below = stablehlo.compare LT, %z, %limit : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %below : tensor<i1>
    } do {
      %twice = stablehlo.add %z, %z : tensor<f32>
      stablehlo.return %twice : tensor<f32>
    }
    %turned = stablehlo.negate %grown : tensor<f32>
    stablehlo.return %turned : tensor<f32>
  }
  return %r : tensor<f32>
}
