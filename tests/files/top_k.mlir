// test: vmap(in = [1])
// The op orders the last dimension, so the members come first.
func.func @main(%x: tensor<5xf32>) -> (tensor<2xf32>, tensor<2xi32>) {
  %values, %places = chlo.top_k(%x, k = 2) : tensor<5xf32> -> (tensor<2xf32>, tensor<2xi32>)
  return %values, %places : tensor<2xf32>, tensor<2xi32>
}
