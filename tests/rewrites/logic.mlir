// Bits, comparisons, choices and other element types.

// rewrite: and_of_ones
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<-1> : tensor<3xi32>
  %y = stablehlo.and %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}

// rewrite: and_of_ones
func.func @before(%x: tensor<3xi1>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<true> : tensor<3xi1>
  %y = stablehlo.and %x, %c : tensor<3xi1>
  return %y : tensor<3xi1>
}
func.func @after(%x: tensor<3xi1>) -> tensor<3xi1> {
  return %x : tensor<3xi1>
}

// rewrite: and_of_zero
func.func @before(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<0> : tensor<3xui8>
  %y = stablehlo.and %x, %c : tensor<3xui8>
  return %y : tensor<3xui8>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xui8> {
  %y = stablehlo.constant dense<0> : tensor<3xui8>
  return %y : tensor<3xui8>
}

// rewrite: and_of_one
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y = stablehlo.and %x, %x : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}

// rewrite: or_of_zero
func.func @before(%x: tensor<3xi1>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<false> : tensor<3xi1>
  %y = stablehlo.or %c, %x : tensor<3xi1>
  return %y : tensor<3xi1>
}
func.func @after(%x: tensor<3xi1>) -> tensor<3xi1> {
  return %x : tensor<3xi1>
}

// rewrite: or_of_ones
func.func @before(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<255> : tensor<3xui8>
  %y = stablehlo.or %x, %c : tensor<3xui8>
  return %y : tensor<3xui8>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xui8> {
  %y = stablehlo.constant dense<255> : tensor<3xui8>
  return %y : tensor<3xui8>
}

// rewrite: or_of_one
func.func @before(%x: tensor<3xi1>) -> tensor<3xi1> {
  %y = stablehlo.or %x, %x : tensor<3xi1>
  return %y : tensor<3xi1>
}
func.func @after(%x: tensor<3xi1>) -> tensor<3xi1> {
  return %x : tensor<3xi1>
}

// rewrite: xor_of_zero
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<0> : tensor<3xi32>
  %y = stablehlo.xor %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}

// rewrite: xor_of_ones
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<-1> : tensor<3xi32>
  %y = stablehlo.xor %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y = stablehlo.not %x : tensor<3xi32>
  return %y : tensor<3xi32>
}

// rewrite: xor_of_one
func.func @before(%x: tensor<3xi1>) -> tensor<3xi1> {
  %y = stablehlo.xor %x, %x : tensor<3xi1>
  return %y : tensor<3xi1>
}
func.func @after(%x: tensor<3xi1>) -> tensor<3xi1> {
  %y = stablehlo.constant dense<false> : tensor<3xi1>
  return %y : tensor<3xi1>
}

// rewrite: shift_by_zero
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<0> : tensor<3xi32>
  %y = stablehlo.shift_left %x, %c : tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}

// rewrite: shift_by_zero
func.func @before(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<0> : tensor<3xui8>
  %y = stablehlo.shift_right_logical %x, %c : tensor<3xui8>
  return %y : tensor<3xui8>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xui8> {
  return %x : tensor<3xui8>
}

// stays: shift_by_zero
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %c = stablehlo.constant dense<0> : tensor<3xi32>
  %y = stablehlo.shift_left %c, %x : tensor<3xi32>
  return %y : tensor<3xi32>
}

// rewrite: not_twice
func.func @before(%x: tensor<3xi1>) -> tensor<3xi1> {
  %z = stablehlo.not %x : tensor<3xi1>
  %y = stablehlo.not %z : tensor<3xi1>
  return %y : tensor<3xi1>
}
func.func @after(%x: tensor<3xi1>) -> tensor<3xi1> {
  return %x : tensor<3xi1>
}

// rewrite: not_compared
func.func @before(%x: tensor<3xi32>, %y: tensor<3xi32>) -> tensor<3xi1> {
  %c = stablehlo.compare LT, %x, %y : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
  %z = stablehlo.not %c : tensor<3xi1>
  return %z : tensor<3xi1>
}
func.func @after(%x: tensor<3xi32>, %y: tensor<3xi32>) -> tensor<3xi1> {
  %z = stablehlo.compare GE, %x, %y : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
  return %z : tensor<3xi1>
}

// rewrite: not_compared
func.func @before(%x: tensor<3xui8>, %y: tensor<3xui8>) -> tensor<3xi1> {
  %c = stablehlo.compare GT, %x, %y : (tensor<3xui8>, tensor<3xui8>) -> tensor<3xi1>
  %z = stablehlo.not %c : tensor<3xi1>
  return %z : tensor<3xi1>
}
func.func @after(%x: tensor<3xui8>, %y: tensor<3xui8>) -> tensor<3xi1> {
  %z = stablehlo.compare LE, %x, %y : (tensor<3xui8>, tensor<3xui8>) -> tensor<3xi1>
  return %z : tensor<3xi1>
}

// rewrite: not_compared
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xi1> {
  %c = stablehlo.compare EQ, %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %z = stablehlo.not %c : tensor<3xi1>
  return %z : tensor<3xi1>
}
func.func @after(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xi1> {
  %z = stablehlo.compare NE, %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %z : tensor<3xi1>
}

// rewrite: not_compared
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xi1> {
  %c = stablehlo.compare LT, %x, %y, TOTALORDER : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %z = stablehlo.not %c : tensor<3xi1>
  return %z : tensor<3xi1>
}
func.func @after(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xi1> {
  %z = stablehlo.compare GE, %x, %y, TOTALORDER : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %z : tensor<3xi1>
}

// stays: not_compared
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xi1> {
  %c = stablehlo.compare LT, %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %z = stablehlo.not %c : tensor<3xi1>
  return %z : tensor<3xi1>
}

// rewrite: compare_itself
func.func @before(%x: tensor<3xi32>) -> tensor<3xi1> {
  %z = stablehlo.compare LE, %x, %x : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
  return %z : tensor<3xi1>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi1> {
  %y = stablehlo.constant dense<true> : tensor<3xi1>
  return %y : tensor<3xi1>
}

// rewrite: compare_itself
func.func @before(%x: tensor<3xf32>) -> tensor<3xi1> {
  %z = stablehlo.compare LT, %x, %x, TOTALORDER : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %z : tensor<3xi1>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xi1> {
  %y = stablehlo.constant dense<false> : tensor<3xi1>
  return %y : tensor<3xi1>
}

// stays: compare_itself
func.func @before(%x: tensor<3xf32>) -> tensor<3xi1> {
  %z = stablehlo.compare EQ, %x, %x : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %z : tensor<3xi1>
}

// rewrite: compare_converted_predicate
func.func @before(%p: tensor<3xi1>) -> tensor<3xi1> {
  %n = stablehlo.convert %p : (tensor<3xi1>) -> tensor<3xi32>
  %c = stablehlo.constant dense<0> : tensor<3xi32>
  %z = stablehlo.compare NE, %n, %c : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
  return %z : tensor<3xi1>
}
func.func @after(%p: tensor<3xi1>) -> tensor<3xi1> {
  return %p : tensor<3xi1>
}

// rewrite: compare_converted_predicate
func.func @before(%p: tensor<3xi1>) -> tensor<3xi1> {
  %n = stablehlo.convert %p : (tensor<3xi1>) -> tensor<3xf32>
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %z = stablehlo.compare EQ, %n, %c : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %z : tensor<3xi1>
}
func.func @after(%p: tensor<3xi1>) -> tensor<3xi1> {
  %z = stablehlo.not %p : tensor<3xi1>
  return %z : tensor<3xi1>
}

// rewrite: select_by_constant
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %p = stablehlo.constant dense<true> : tensor<3xi1>
  %z = stablehlo.select %p, %x, %y : tensor<3xi1>, tensor<3xf32>
  return %z : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: select_by_constant
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %p = stablehlo.constant dense<false> : tensor<3xi1>
  %z = stablehlo.select %p, %x, %y : tensor<3xi1>, tensor<3xf32>
  return %z : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  return %y : tensor<3xf32>
}

// stays: select_by_constant
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %p = stablehlo.constant dense<[true, false, true]> : tensor<3xi1>
  %z = stablehlo.select %p, %x, %y : tensor<3xi1>, tensor<3xf32>
  return %z : tensor<3xf32>
}

// rewrite: select_of_one
func.func @before(%p: tensor<3xi1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.select %p, %x, %x : tensor<3xi1>, tensor<3xf32>
  return %z : tensor<3xf32>
}
func.func @after(%p: tensor<3xi1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: select_by_not
func.func @before(%p: tensor<3xi1>, %x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %n = stablehlo.not %p : tensor<3xi1>
  %z = stablehlo.select %n, %x, %y : tensor<3xi1>, tensor<3xf32>
  return %z : tensor<3xf32>
}
func.func @after(%p: tensor<3xi1>, %x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.select %p, %y, %x : tensor<3xi1>, tensor<3xf32>
  return %z : tensor<3xf32>
}

// rewrite: select_of_predicates
func.func @before(%p: tensor<3xi1>) -> tensor<3xi1> {
  %t = stablehlo.constant dense<true> : tensor<3xi1>
  %f = stablehlo.constant dense<false> : tensor<3xi1>
  %z = stablehlo.select %p, %t, %f : tensor<3xi1>, tensor<3xi1>
  return %z : tensor<3xi1>
}
func.func @after(%p: tensor<3xi1>) -> tensor<3xi1> {
  return %p : tensor<3xi1>
}

// rewrite: select_of_predicates
func.func @before(%p: tensor<3xi1>) -> tensor<3xi1> {
  %t = stablehlo.constant dense<true> : tensor<3xi1>
  %f = stablehlo.constant dense<false> : tensor<3xi1>
  %z = stablehlo.select %p, %f, %t : tensor<3xi1>, tensor<3xi1>
  return %z : tensor<3xi1>
}
func.func @after(%p: tensor<3xi1>) -> tensor<3xi1> {
  %z = stablehlo.not %p : tensor<3xi1>
  return %z : tensor<3xi1>
}

// rewrite: convert_to_itself
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y0 = stablehlo.convert %x : (tensor<3xf32>) -> tensor<3xf32>
  return %y0 : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: convert_twice
func.func @before(%x: tensor<3xf32>) -> tensor<3xf16> {
  %y0 = stablehlo.convert %x : (tensor<3xf32>) -> tensor<3xf64>
  %y1 = stablehlo.convert %y0 : (tensor<3xf64>) -> tensor<3xf16>
  return %y1 : tensor<3xf16>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf16> {
  %y0 = stablehlo.convert %x : (tensor<3xf32>) -> tensor<3xf16>
  return %y0 : tensor<3xf16>
}

// rewrite: convert_twice
func.func @before(%x: tensor<3xi8>) -> tensor<3xi64> {
  %y0 = stablehlo.convert %x : (tensor<3xi8>) -> tensor<3xi32>
  %y1 = stablehlo.convert %y0 : (tensor<3xi32>) -> tensor<3xi64>
  return %y1 : tensor<3xi64>
}
func.func @after(%x: tensor<3xi8>) -> tensor<3xi64> {
  %y0 = stablehlo.convert %x : (tensor<3xi8>) -> tensor<3xi64>
  return %y0 : tensor<3xi64>
}

// rewrite: convert_twice
func.func @before(%x: tensor<3xi8>) -> tensor<3xf32> {
  %y0 = stablehlo.convert %x : (tensor<3xi8>) -> tensor<3xi32>
  %y1 = stablehlo.convert %y0 : (tensor<3xi32>) -> tensor<3xf32>
  return %y1 : tensor<3xf32>
}
func.func @after(%x: tensor<3xi8>) -> tensor<3xf32> {
  %y0 = stablehlo.convert %x : (tensor<3xi8>) -> tensor<3xf32>
  return %y0 : tensor<3xf32>
}

// rewrite: convert_twice
func.func @before(%x: tensor<3xi1>) -> tensor<3xf32> {
  %y0 = stablehlo.convert %x : (tensor<3xi1>) -> tensor<3xi32>
  %y1 = stablehlo.convert %y0 : (tensor<3xi32>) -> tensor<3xf32>
  return %y1 : tensor<3xf32>
}
func.func @after(%x: tensor<3xi1>) -> tensor<3xf32> {
  %y0 = stablehlo.convert %x : (tensor<3xi1>) -> tensor<3xf32>
  return %y0 : tensor<3xf32>
}

// rewrite: convert_twice
func.func @before(%x: tensor<3xbf16>) -> tensor<3xi32> {
  %y0 = stablehlo.convert %x : (tensor<3xbf16>) -> tensor<3xf32>
  %y1 = stablehlo.convert %y0 : (tensor<3xf32>) -> tensor<3xi32>
  return %y1 : tensor<3xi32>
}
func.func @after(%x: tensor<3xbf16>) -> tensor<3xi32> {
  %y0 = stablehlo.convert %x : (tensor<3xbf16>) -> tensor<3xi32>
  return %y0 : tensor<3xi32>
}

// rewrite: convert_twice
func.func @before(%x: tensor<3xui8>) -> tensor<3xf32> {
  %y0 = stablehlo.convert %x : (tensor<3xui8>) -> tensor<3xf16>
  %y1 = stablehlo.convert %y0 : (tensor<3xf16>) -> tensor<3xf32>
  return %y1 : tensor<3xf32>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xf32> {
  %y0 = stablehlo.convert %x : (tensor<3xui8>) -> tensor<3xf32>
  return %y0 : tensor<3xf32>
}

// stays: convert_twice
func.func @before(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y0 = stablehlo.convert %x : (tensor<3xf64>) -> tensor<3xf32>
  %y1 = stablehlo.convert %y0 : (tensor<3xf32>) -> tensor<3xf64>
  return %y1 : tensor<3xf64>
}

// stays: convert_twice
func.func @before(%x: tensor<3xi32>) -> tensor<3xf64> {
  %y0 = stablehlo.convert %x : (tensor<3xi32>) -> tensor<3xf32>
  %y1 = stablehlo.convert %y0 : (tensor<3xf32>) -> tensor<3xf64>
  return %y1 : tensor<3xf64>
}

// stays: convert_twice
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y0 = stablehlo.convert %x : (tensor<3xi32>) -> tensor<3xi8>
  %y1 = stablehlo.convert %y0 : (tensor<3xi8>) -> tensor<3xi32>
  return %y1 : tensor<3xi32>
}

// stays: convert_twice
func.func @before(%x: tensor<3xi16>) -> tensor<3xi8> {
  %y0 = stablehlo.convert %x : (tensor<3xi16>) -> tensor<3xf32>
  %y1 = stablehlo.convert %y0 : (tensor<3xf32>) -> tensor<3xi8>
  return %y1 : tensor<3xi8>
}

// stays: convert_twice
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y0 = stablehlo.convert %x : (tensor<3xf32>) -> tensor<3xi32>
  %y1 = stablehlo.convert %y0 : (tensor<3xi32>) -> tensor<3xf32>
  return %y1 : tensor<3xf32>
}

// rewrite: convert_counted
func.func @before() -> tensor<4xf32> {
  %n = stablehlo.iota dim = 0 : tensor<4xi32>
  %z = stablehlo.convert %n : (tensor<4xi32>) -> tensor<4xf32>
  return %z : tensor<4xf32>
}
func.func @after() -> tensor<4xf32> {
  %z = stablehlo.iota dim = 0 : tensor<4xf32>
  return %z : tensor<4xf32>
}

// stays: convert_counted
func.func @before() -> tensor<300xui8> {
  %n = stablehlo.iota dim = 0 : tensor<300xi32>
  %z = stablehlo.convert %n : (tensor<300xi32>) -> tensor<300xui8>
  return %z : tensor<300xui8>
}

// rewrite: bitcast_to_itself
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y0 = stablehlo.bitcast_convert %x : (tensor<3xi32>) -> tensor<3xi32>
  return %y0 : tensor<3xi32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}

// rewrite: bitcast_twice
func.func @before(%x: tensor<3xi32>) -> tensor<3xui32> {
  %y0 = stablehlo.bitcast_convert %x : (tensor<3xi32>) -> tensor<3xf32>
  %y1 = stablehlo.bitcast_convert %y0 : (tensor<3xf32>) -> tensor<3xui32>
  return %y1 : tensor<3xui32>
}
func.func @after(%x: tensor<3xi32>) -> tensor<3xui32> {
  %y0 = stablehlo.bitcast_convert %x : (tensor<3xi32>) -> tensor<3xui32>
  return %y0 : tensor<3xui32>
}

// stays: bitcast_twice
func.func @before(%x: tensor<3xi32>) -> tensor<3xi32> {
  %y0 = stablehlo.bitcast_convert %x : (tensor<3xi32>) -> tensor<3x2xi16>
  %y1 = stablehlo.bitcast_convert %y0 : (tensor<3x2xi16>) -> tensor<3xi32>
  return %y1 : tensor<3xi32>
}

// rewrite: convert_twice
func.func @before(%x: tensor<3xui8>) -> tensor<3xi8> {
  %y = stablehlo.convert %x : (tensor<3xui8>) -> tensor<3xi32>
  %z = stablehlo.convert %y : (tensor<3xi32>) -> tensor<3xi8>
  return %z : tensor<3xi8>
}
func.func @after(%x: tensor<3xui8>) -> tensor<3xi8> {
  %z = stablehlo.convert %x : (tensor<3xui8>) -> tensor<3xi8>
  return %z : tensor<3xi8>
}
