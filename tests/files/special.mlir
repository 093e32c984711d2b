// test: vmap(in = [0, none])
// Special functions, one of them in an older spelling, and what asks for infinities.
func.func @main(%x: tensor<4xf32>, %n: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>) {
  %bessel_i1e = chlo.bessel_i1e %x : tensor<4xf32> -> tensor<4xf32>
  %zeta = chlo.zeta %n, %x : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  %polygamma = chlo.polygamma %n, %x : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  %tan = chlo.tan %x : tensor<4xf32> -> tensor<4xf32>
  %erf_inv = choral.erf_inv %x : tensor<4xf32> -> tensor<4xf32>
  %is_inf = chlo.is_inf %x : tensor<4xf32> -> tensor<4xi1>
  %is_neg_inf = chlo.is_neg_inf %x : tensor<4xf32> -> tensor<4xi1>
  %is_pos_inf = "chlo.is_pos_inf"(%x) : (tensor<4xf32>) -> tensor<4xi1>
  return %bessel_i1e, %zeta, %polygamma, %tan, %erf_inv, %is_inf, %is_neg_inf, %is_pos_inf : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>
}
