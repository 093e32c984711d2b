// test: vmap(in = [0])
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = chlo.digamma %x : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}
