// test: vmap(in = [1])
// States with a batching dimension: the members become one more.
func.func @main(%state: tensor<4x2xui64>) -> (tensor<4x2xui64>, tensor<4x3xui32>) {
  %next, %bits = choral.rng_bit_generator %state, algorithm = PHILOX, batching_dims = 1 : (tensor<4x2xui64>) -> (tensor<4x2xui64>, tensor<4x3xui32>)
  return %next, %bits : tensor<4x2xui64>, tensor<4x3xui32>
}
