// test: vmap(in = [1]) | vmap(in = [0])
// Each member draws from its own state what it would draw alone.
func.func @main(%state: tensor<2xui64>) -> (tensor<2xui64>, tensor<3xui32>) {
  %next, %bits = stablehlo.rng_bit_generator %state, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<3xui32>)
  return %next, %bits : tensor<2xui64>, tensor<3xui32>
}
