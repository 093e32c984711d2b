// test: vmap(in = [1, none, 0])
// A shared operand is repeated beside a mapped one, where the mapped one has its members.
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>, %n: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi1>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %add = stablehlo.add %x, %y : tensor<4xf32>
  %atan2 = stablehlo.atan2 %x, %y : tensor<4xf32>
  %divide = stablehlo.divide %x, %y : tensor<4xf32>
  %maximum = stablehlo.maximum %x, %y : tensor<4xf32>
  %minimum = stablehlo.minimum %x, %y : tensor<4xf32>
  %multiply = stablehlo.multiply %x, %y : tensor<4xf32>
  %power = stablehlo.power %x, %y : tensor<4xf32>
  %remainder = stablehlo.remainder %x, %y : tensor<4xf32>
  %subtract = stablehlo.subtract %x, %y : tensor<4xf32>
  %and = stablehlo.and %n, %n : tensor<4xi32>
  %or = stablehlo.or %n, %n : tensor<4xi32>
  %shift_left = stablehlo.shift_left %n, %n : tensor<4xi32>
  %shift_right_arithmetic = stablehlo.shift_right_arithmetic %n, %n : tensor<4xi32>
  %shift_right_logical = stablehlo.shift_right_logical %n, %n : tensor<4xi32>
  %xor = stablehlo.xor %n, %n : tensor<4xi32>
  %compare = stablehlo.compare LT, %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %select = stablehlo.select %compare, %x, %y : tensor<4xi1>, tensor<4xf32>
  %clamp = stablehlo.clamp %x, %y, %y : tensor<4xf32>
  %convert = stablehlo.convert %n : (tensor<4xi32>) -> tensor<4xf32>
  return %add, %atan2, %divide, %maximum, %minimum, %multiply, %power, %remainder, %subtract, %and, %or, %shift_left, %shift_right_arithmetic, %shift_right_logical, %xor, %compare, %select, %clamp, %convert : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi1>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
