// test: vmap(in = [0, none]) | vmap(in = [none, 0])
// Each member ends the loop for itself: the loop carries who is running, and the others keep their values.
func.func @main(%x: tensor<f32>, %limit: tensor<f32>) -> (tensor<f32>, tensor<i32>) {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %r:2 = stablehlo.while(%y = %x, %rounds = %zero) : tensor<f32>, tensor<i32>
   cond {
    %below = stablehlo.compare LT, %y, %limit : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %most = stablehlo.constant dense<5> : tensor<i32>
    %few = stablehlo.compare LT, %rounds, %most : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %both = stablehlo.and %below, %few : tensor<i1>
    stablehlo.return %both : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %half = stablehlo.constant dense<0.5> : tensor<f32>
    %more = stablehlo.add %rounds, %one : tensor<i32>
    %next = stablehlo.add %y, %half : tensor<f32>
    stablehlo.return %next, %more : tensor<f32>, tensor<i32>
  }
  return %r#0, %r#1 : tensor<f32>, tensor<i32>
}
