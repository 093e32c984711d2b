// test: vmap(in = [none, 0]) | vmap(in = [1, none])
// Inputs that all members share stay as they are: the members lie behind the dimension walked along.
func.func @main(%x: tensor<4x2xf32>, %start: tensor<2xf32>) -> (tensor<4x2xf32>, tensor<2xf32>) {
  %sums:2 = chlo.scan(%x) inits(%start) dimension=0 is_reverse=true {
  ^bb0(%row: tensor<2xf32>, %sum: tensor<2xf32>):
    %next = stablehlo.add %row, %sum : tensor<2xf32>
    stablehlo.return %next, %next : tensor<2xf32>, tensor<2xf32>
  } : (tensor<4x2xf32>, tensor<2xf32>) -> (tensor<4x2xf32>, tensor<2xf32>)
  return %sums#0, %sums#1 : tensor<4x2xf32>, tensor<2xf32>
}
