// test: vmap(in = [0, none]) | vmap(in = [none, 0])
// An index of each member's own: every branch runs, and each member takes its own results.
func.func @main(%index: tensor<i32>, %x: tensor<2xf32>) -> tensor<2xf32> {
  %r = "stablehlo.case"(%index) ({
    %s = stablehlo.sine %x : tensor<2xf32>
    stablehlo.return %s : tensor<2xf32>
  }, {
    %l = stablehlo.log %x : tensor<2xf32>
    stablehlo.return %l : tensor<2xf32>
  }, {
    stablehlo.return %x : tensor<2xf32>
  }) : (tensor<i32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}
