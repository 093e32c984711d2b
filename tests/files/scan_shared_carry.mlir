// test: vmap(in = [none, 0, none])
// What the members share is carried once for all: the weight, though it changes along the way.
func.func @main(%x: tensor<4x2xf32>, %start: tensor<2xf32>, %weight: tensor<f32>) -> (tensor<4x2xf32>, tensor<2xf32>, tensor<f32>) {
  %sums:3 = chlo.scan(%x) inits(%start, %weight) dimension=0 {
  ^bb0(%row: tensor<2xf32>, %sum: tensor<2xf32>, %factor: tensor<f32>):
    %factors = stablehlo.broadcast_in_dim %factor, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %weighted = stablehlo.multiply %row, %factors : tensor<2xf32>
    %next = stablehlo.add %sum, %weighted : tensor<2xf32>
    %later = stablehlo.multiply %factor, %factor : tensor<f32>
    stablehlo.return %next, %next, %later : tensor<2xf32>, tensor<2xf32>, tensor<f32>
  } : (tensor<4x2xf32>, tensor<2xf32>, tensor<f32>) -> (tensor<4x2xf32>, tensor<2xf32>, tensor<f32>)
  return %sums#0, %sums#1, %sums#2 : tensor<4x2xf32>, tensor<2xf32>, tensor<f32>
}
