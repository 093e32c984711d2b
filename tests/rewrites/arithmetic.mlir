// Operands that change nothing, signs that cancel, factors that are powers of two.

// rewrite: add_nothing
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<-0.0> : tensor<3xf32>
  %y = stablehlo.add %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: add_nothing
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<-0.0> : tensor<3xf32>
  %y = stablehlo.add %c, %x : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: add_nothing
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<0> : tensor<3xi32>
  %y = stablehlo.add %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}

// rewrite: add_nothing
func.func @before(%x: tensor<3xi1>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<false> : tensor<3xi1>
  %y = stablehlo.add %x, %c : tensor<3xi1>
  return %y : tensor<3xi1>
}
func.func @after(%x: tensor<3xi1>) -> tensor<3xi1> {
  return %x : tensor<3xi1>
}

// stays: add_nothing
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %y = stablehlo.add %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: subtract_zero
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %y = stablehlo.subtract %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: subtract_zero
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<0> : tensor<3xi32>
  %y = stablehlo.subtract %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}

// stays: subtract_zero
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<-0.0> : tensor<3xf32>
  %y = stablehlo.subtract %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}

// stays: subtract_zero
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %y = stablehlo.subtract %c, %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: multiply_by_one
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<1.0> : tensor<3xf32>
  %y = stablehlo.multiply %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: multiply_by_one
func.func @before(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<1> : tensor<3xui8>
  %y = stablehlo.multiply %c, %x : tensor<3xui8>
  return %y : tensor<3xui8>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xui8> {
  return %x : tensor<3xui8>
}

// rewrite: multiply_by_one
func.func @before(%x: tensor<3xi1>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<true> : tensor<3xi1>
  %y = stablehlo.multiply %x, %c : tensor<3xi1>
  return %y : tensor<3xi1>
}
func.func @after(%x: tensor<3xi1>) -> tensor<3xi1> {
  return %x : tensor<3xi1>
}

// rewrite: divide_by_one
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<1.0> : tensor<3xf32>
  %y = stablehlo.divide %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: divide_by_one
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<1> : tensor<3xi32>
  %y = stablehlo.divide %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}

// stays: divide_by_one
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<1.0> : tensor<3xf32>
  %y = stablehlo.divide %c, %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: power_of_one
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<1> : tensor<3xi32>
  %y = stablehlo.power %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}

// stays: power_of_one
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<1.0> : tensor<3xf32>
  %y = stablehlo.power %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: maximum_with_least
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0xFF800000> : tensor<3xf32>
  %y = stablehlo.maximum %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: maximum_with_least
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<-2147483648> : tensor<3xi32>
  %y = stablehlo.maximum %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}

// rewrite: minimum_with_greatest
func.func @before(%x: tensor<3xf16>) -> tensor<3xf16> {
  %c = stablehlo.constant dense<0x7C00> : tensor<3xf16>
  %y = stablehlo.minimum %x, %c : tensor<3xf16>
  return %y : tensor<3xf16>
}
func.func @after(%x: tensor<3xf16>) -> tensor<3xf16> {
  return %x : tensor<3xf16>
}

// rewrite: minimum_with_greatest
func.func @before(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<255> : tensor<3xui8>
  %y = stablehlo.minimum %x, %c : tensor<3xui8>
  return %y : tensor<3xui8>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xui8> {
  return %x : tensor<3xui8>
}

// rewrite: multiply_by_zero
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<0> : tensor<3xi32>
  %y = stablehlo.multiply %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y = stablehlo.constant dense<0> : tensor<3xi32>
  return %y : tensor<3xi32>
}

// rewrite: multiply_by_zero
func.func @before(%x: tensor<3xi1>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<false> : tensor<3xi1>
  %y = stablehlo.multiply %x, %c : tensor<3xi1>
  return %y : tensor<3xi1>
}
func.func @after(%x: tensor<3xi1>) -> tensor<3xi1> {
  %y = stablehlo.constant dense<false> : tensor<3xi1>
  return %y : tensor<3xi1>
}

// stays: multiply_by_zero
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %y = stablehlo.multiply %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: maximum_with_greatest
func.func @before(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<255> : tensor<3xui8>
  %y = stablehlo.maximum %x, %c : tensor<3xui8>
  return %y : tensor<3xui8>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xui8> {
  %y = stablehlo.constant dense<255> : tensor<3xui8>
  return %y : tensor<3xui8>
}

// stays: maximum_with_greatest
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0x7F800000> : tensor<3xf32>
  %y = stablehlo.maximum %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: minimum_with_least
func.func @before(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<0> : tensor<3xui8>
  %y = stablehlo.minimum %x, %c : tensor<3xui8>
  return %y : tensor<3xui8>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xui8> {
  %y = stablehlo.constant dense<0> : tensor<3xui8>
  return %y : tensor<3xui8>
}

// stays: minimum_with_least
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0xFF800000> : tensor<3xf32>
  %y = stablehlo.minimum %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: subtract_itself
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y = stablehlo.subtract %x, %x : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y = stablehlo.constant dense<0> : tensor<3xi32>
  return %y : tensor<3xi32>
}

// stays: subtract_itself
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.subtract %x, %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: maximum_of_one
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.maximum %x, %x : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: minimum_of_one
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.minimum %x, %x : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: multiply_by_minus_one
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<-1.0> : tensor<3xf32>
  %y = stablehlo.multiply %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.negate %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: multiply_by_minus_one
func.func @before(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<255> : tensor<3xui8>
  %y = stablehlo.multiply %x, %c : tensor<3xui8>
  return %y : tensor<3xui8>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xui8> {
  %y = stablehlo.negate %x : tensor<3xui8>
  return %y : tensor<3xui8>
}

// rewrite: subtract_from_nothing
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<-0.0> : tensor<3xf32>
  %y = stablehlo.subtract %c, %x : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.negate %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: subtract_from_nothing
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<0> : tensor<3xi32>
  %y = stablehlo.subtract %c, %x : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y = stablehlo.negate %x : tensor<3xi32>
  return %y : tensor<3xi32>
}

// stays: subtract_from_nothing
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %y = stablehlo.subtract %c, %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: negate_twice
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.negate %x : tensor<3xf32>
  %y = stablehlo.negate %z : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: negate_twice
func.func @before(%x: tensor<3xui8>) -> tensor<3xui8> {
  %z = stablehlo.negate %x : tensor<3xui8>
  %y = stablehlo.negate %z : tensor<3xui8>
  return %y : tensor<3xui8>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xui8> {
  return %x : tensor<3xui8>
}

// rewrite: absolute_twice
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.abs %x : tensor<3xf32>
  %y = stablehlo.abs %z : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.abs %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: absolute_twice
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %z = stablehlo.abs %x : tensor<3xi32>
  %y = stablehlo.abs %z : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y = stablehlo.abs %x : tensor<3xi32>
  return %y : tensor<3xi32>
}

// rewrite: sign_twice
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.sign %x : tensor<3xf32>
  %y = stablehlo.sign %z : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.sign %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: absolute_of_negated
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.negate %x : tensor<3xf32>
  %y = stablehlo.abs %z : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.abs %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: absolute_of_negated
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %z = stablehlo.negate %x : tensor<3xi32>
  %y = stablehlo.abs %z : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y = stablehlo.abs %x : tensor<3xi32>
  return %y : tensor<3xi32>
}

// rewrite: square_of_negated
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.negate %x : tensor<3xf32>
  %y = chlo.square %z : tensor<3xf32> -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = chlo.square %x : tensor<3xf32> -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: square_of_absolute
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.abs %x : tensor<3xf32>
  %y = chlo.square %z : tensor<3xf32> -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = chlo.square %x : tensor<3xf32> -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: add_negated
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %n = stablehlo.negate %y : tensor<3xf32>
  %z = stablehlo.add %x, %n : tensor<3xf32>
  return %z : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.subtract %x, %y : tensor<3xf32>
  return %z : tensor<3xf32>
}

// rewrite: add_negated
func.func @before(%x: tensor<3xi32>, %y: tensor<3xi32>) -> tensor<3xi32> {
  %n = stablehlo.negate %x : tensor<3xi32>
  %z = stablehlo.add %n, %y : tensor<3xi32>
  return %z : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>, %y: tensor<3xi32>) -> tensor<3xi32> {
  %z = stablehlo.subtract %y, %x : tensor<3xi32>
  return %z : tensor<3xi32>
}

// rewrite: subtract_negated
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %n = stablehlo.negate %y : tensor<3xf32>
  %z = stablehlo.subtract %x, %n : tensor<3xf32>
  return %z : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.add %x, %y : tensor<3xf32>
  return %z : tensor<3xf32>
}

// rewrite: multiply_negated
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %a = stablehlo.negate %x : tensor<3xf32>
  %b = stablehlo.negate %y : tensor<3xf32>
  %z = stablehlo.multiply %a, %b : tensor<3xf32>
  return %z : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.multiply %x, %y : tensor<3xf32>
  return %z : tensor<3xf32>
}

// rewrite: multiply_negated
func.func @before(%x: tensor<3xi32>, %y: tensor<3xi32>) -> tensor<3xi32> {
  %a = stablehlo.negate %x : tensor<3xi32>
  %b = stablehlo.negate %y : tensor<3xi32>
  %z = stablehlo.multiply %a, %b : tensor<3xi32>
  return %z : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>, %y: tensor<3xi32>) -> tensor<3xi32> {
  %z = stablehlo.multiply %x, %y : tensor<3xi32>
  return %z : tensor<3xi32>
}

// rewrite: divide_negated
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %a = stablehlo.negate %x : tensor<3xf32>
  %b = stablehlo.negate %y : tensor<3xf32>
  %z = stablehlo.divide %a, %b : tensor<3xf32>
  return %z : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.divide %x, %y : tensor<3xf32>
  return %z : tensor<3xf32>
}

// stays: divide_negated
func.func @before(%x: tensor<3xi32>, %y: tensor<3xi32>) -> tensor<3xi32> {
  %a = stablehlo.negate %x : tensor<3xi32>
  %b = stablehlo.negate %y : tensor<3xi32>
  %z = stablehlo.divide %a, %b : tensor<3xi32>
  return %z : tensor<3xi32>
}

// rewrite: divide_by_power_of_two
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<8.0> : tensor<3xf32>
  %y = stablehlo.divide %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.125> : tensor<3xf32>
  %y = stablehlo.multiply %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: divide_by_power_of_two
func.func @before(%x: tensor<3xf16>) -> tensor<3xf16> {
  %c = stablehlo.constant dense<-2.0> : tensor<3xf16>
  %y = stablehlo.divide %x, %c : tensor<3xf16>
  return %y : tensor<3xf16>
}
func.func @after(%x: tensor<3xf16>) -> tensor<3xf16> {
  %c = stablehlo.constant dense<-0.5> : tensor<3xf16>
  %y = stablehlo.multiply %x, %c : tensor<3xf16>
  return %y : tensor<3xf16>
}

// stays: divide_by_power_of_two
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<3.0> : tensor<3xf32>
  %y = stablehlo.divide %x, %c : tensor<3xf32>
  return %y : tensor<3xf32>
}

// stays: divide_by_power_of_two
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<8> : tensor<3xi32>
  %y = stablehlo.divide %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}

// rewrite: round_twice
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.floor %x : tensor<3xf32>
  %y = stablehlo.round_nearest_even %z : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.floor %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: round_twice
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.round_nearest_afz %x : tensor<3xf32>
  %y = stablehlo.ceil %z : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.round_nearest_afz %x : tensor<3xf32>
  return %y : tensor<3xf32>
}
