// test: vmap(in = [none, 0]) | vmap(in = [1, none])
// A running sum of 16-bit floats accumulates in f32, also where mapping moves what its body adds.
func.func @main(%x: tensor<2x40xbf16>, %start: tensor<2xbf16>) -> (tensor<2x40xbf16>, tensor<2xbf16>) {
  %sums:2 = chlo.scan(%x) inits(%start) dimension=1 {
  ^bb0(%column: tensor<2xbf16>, %sum: tensor<2xbf16>):
    %next = stablehlo.add %sum, %column : tensor<2xbf16>
    stablehlo.return %next, %next : tensor<2xbf16>, tensor<2xbf16>
  } : (tensor<2x40xbf16>, tensor<2xbf16>) -> (tensor<2x40xbf16>, tensor<2xbf16>)
  return %sums#0, %sums#1 : tensor<2x40xbf16>, tensor<2xbf16>
}
