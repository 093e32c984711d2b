// test: vmap(in = [0, -1])
// Every op of one operand: the member dimension stays where it is.
func.func @main(%x: tensor<4xf32>, %n: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi1>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) {
  %abs = stablehlo.abs %x : tensor<4xf32>
  %cbrt = stablehlo.cbrt %x : tensor<4xf32>
  %ceil = stablehlo.ceil %x : tensor<4xf32>
  %cosine = stablehlo.cosine %x : tensor<4xf32>
  %exponential = stablehlo.exponential %x : tensor<4xf32>
  %exponential_minus_one = stablehlo.exponential_minus_one %x : tensor<4xf32>
  %floor = stablehlo.floor %x : tensor<4xf32>
  %log = stablehlo.log %x : tensor<4xf32>
  %log_plus_one = stablehlo.log_plus_one %x : tensor<4xf32>
  %logistic = stablehlo.logistic %x : tensor<4xf32>
  %negate = stablehlo.negate %x : tensor<4xf32>
  %round_nearest_afz = stablehlo.round_nearest_afz %x : tensor<4xf32>
  %round_nearest_even = stablehlo.round_nearest_even %x : tensor<4xf32>
  %rsqrt = stablehlo.rsqrt %x : tensor<4xf32>
  %sign = stablehlo.sign %x : tensor<4xf32>
  %sine = stablehlo.sine %x : tensor<4xf32>
  %sqrt = stablehlo.sqrt %x : tensor<4xf32>
  %tan = stablehlo.tan %x : tensor<4xf32>
  %tanh = stablehlo.tanh %x : tensor<4xf32>
  %erf = chlo.erf %x : tensor<4xf32> -> tensor<4xf32>
  %is_finite = stablehlo.is_finite %x : (tensor<4xf32>) -> tensor<4xi1>
  %count_leading_zeros = stablehlo.count_leading_zeros %n : tensor<4xi32>
  %not = stablehlo.not %n : tensor<4xi32>
  %popcnt = stablehlo.popcnt %n : tensor<4xi32>
  return %abs, %cbrt, %ceil, %cosine, %exponential, %exponential_minus_one, %floor, %log, %log_plus_one, %logistic, %negate, %round_nearest_afz, %round_nearest_even, %rsqrt, %sign, %sine, %sqrt, %tan, %tanh, %erf, %is_finite, %count_leading_zeros, %not, %popcnt : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi1>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
}
