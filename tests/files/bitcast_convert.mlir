// test: vmap(in = [1, 2, 0])
// The parts of an element lie in the last dimension, so the members come before it.
func.func @main(%x: tensor<3xf32>, %parts: tensor<3x4xi8>, %same: tensor<2xi32>) -> (tensor<3x2xui16>, tensor<3xi32>, tensor<2xf32>) {
  %split = stablehlo.bitcast_convert %x : (tensor<3xf32>) -> tensor<3x2xui16>
  %joined = stablehlo.bitcast_convert %parts : (tensor<3x4xi8>) -> tensor<3xi32>
  %kept = stablehlo.bitcast_convert %same : (tensor<2xi32>) -> tensor<2xf32>
  return %split, %joined, %kept : tensor<3x2xui16>, tensor<3xi32>, tensor<2xf32>
}
