// test: vmap(in = [0, none, 0, none]) | vmap(in = [none, 0, none, 0])
// Bodies that read values around them: constants of the scan, shared or per-member, in every round the same.
func.func @main(%xs: tensor<4x2xf32>, %start: tensor<2xf32>, %w: tensor<2xf32>, %b: tensor<2xf32>) -> (tensor<4x2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %all:2 = chlo.scan(%xs) inits(%start) dimension=0 {
  ^bb0(%x: tensor<2xf32>, %sum: tensor<2xf32>):
    %weighted = stablehlo.multiply %x, %w : tensor<2xf32>
    %next = stablehlo.add %sum, %weighted : tensor<2xf32>
    stablehlo.return %next, %next : tensor<2xf32>, tensor<2xf32>
  } : (tensor<4x2xf32>, tensor<2xf32>) -> (tensor<4x2xf32>, tensor<2xf32>)
  %last = chlo.scan() inits(%start) dimension=0 length=3 {
  ^bb0(%y: tensor<2xf32>):
    %scaled = stablehlo.multiply %y, %w : tensor<2xf32>
    %moved = stablehlo.add %scaled, %b : tensor<2xf32>
    stablehlo.return %moved : tensor<2xf32>
  } : (tensor<2xf32>) -> tensor<2xf32>
  return %all#0, %all#1, %last : tensor<4x2xf32>, tensor<2xf32>, tensor<2xf32>
}
