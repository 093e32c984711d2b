// What depends on constants alone.

// rewrite: elementwise_of_constants
func.func @before() -> tensor<2x3xf32> {
  %a = stablehlo.constant dense<2.0> : tensor<2x3xf32>
  %b = stablehlo.constant dense<3.0> : tensor<2x3xf32>
  %y = stablehlo.multiply %a, %b : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
func.func @after() -> tensor<2x3xf32> {
  %y = stablehlo.constant dense<6.0> : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// stays: elementwise_of_constants
func.func @before() -> tensor<3xf32> {
  %a = stablehlo.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %y = stablehlo.negate %a : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: op_of_constants
func.func @before() -> tensor<3xf32> {
  %a = stablehlo.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %y = stablehlo.negate %a : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after() -> tensor<3xf32> {
  %y = stablehlo.constant dense<[-1.0, -2.0, -3.0]> : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: op_of_constants
func.func @before() -> tensor<3xf32> {
  %a = stablehlo.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = stablehlo.convert %a : (tensor<3xi32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after() -> tensor<3xf32> {
  %y = stablehlo.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  return %y : tensor<3xf32>
}

// stays: op_of_constants
func.func @before() -> tensor<9000xf32> {
  %a = stablehlo.constant dense<1.0> : tensor<f32>
  %b = stablehlo.iota dim = 0 : tensor<9000xf32>
  %y = stablehlo.negate %b : tensor<9000xf32>
  return %y : tensor<9000xf32>
}
