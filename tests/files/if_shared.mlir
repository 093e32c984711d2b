// test: vmap(in = [none, 0, none])
// A predicate that all members share: the branches stay, and run over all members.
func.func @main(%p: tensor<i1>, %x: tensor<3xf32>, %y: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %r:2 = "stablehlo.if"(%p) ({
    %s = stablehlo.sine %x : tensor<3xf32>
    stablehlo.return %s, %y : tensor<3xf32>, tensor<3xf32>
  }, {
    %c = stablehlo.cosine %y : tensor<3xf32>
    stablehlo.return %x, %c : tensor<3xf32>, tensor<3xf32>
  }) : (tensor<i1>) -> (tensor<3xf32>, tensor<3xf32>)
  return %r#0, %r#1 : tensor<3xf32>, tensor<3xf32>
}
