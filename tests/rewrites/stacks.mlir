// Stacks of a few components: each is computed by itself.

// rewrite: elementwise_of_stack
func.func @before(%x: tensor<3x1xf32>, %y: tensor<3x1xf32>, %z: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %s = stablehlo.concatenate %x, %y, dim = 1 : (tensor<3x1xf32>, tensor<3x1xf32>) -> tensor<3x2xf32>
  %r = stablehlo.multiply %s, %z : tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}
func.func @after(%x: tensor<3x1xf32>, %y: tensor<3x1xf32>, %z: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %a = stablehlo.reshape %x : (tensor<3x1xf32>) -> tensor<3xf32>
  %b = stablehlo.slice %z [0:3, 0:1] : (tensor<3x2xf32>) -> tensor<3x1xf32>
  %c = stablehlo.reshape %b : (tensor<3x1xf32>) -> tensor<3xf32>
  %d = stablehlo.multiply %a, %c : tensor<3xf32>
  %e = stablehlo.reshape %d : (tensor<3xf32>) -> tensor<3x1xf32>
  %f = stablehlo.reshape %y : (tensor<3x1xf32>) -> tensor<3xf32>
  %g = stablehlo.slice %z [0:3, 1:2] : (tensor<3x2xf32>) -> tensor<3x1xf32>
  %h = stablehlo.reshape %g : (tensor<3x1xf32>) -> tensor<3xf32>
  %i = stablehlo.multiply %f, %h : tensor<3xf32>
  %j = stablehlo.reshape %i : (tensor<3xf32>) -> tensor<3x1xf32>
  %k = stablehlo.concatenate %e, %j, dim = 1 : (tensor<3x1xf32>, tensor<3x1xf32>) -> tensor<3x2xf32>
  return %k : tensor<3x2xf32>
}

// Components of more than one element are rows of their own.
// stays: elementwise_of_stack
func.func @before(%x: tensor<3x2xf32>, %y: tensor<3x1xf32>) -> tensor<3x3xf32> {
  %s = stablehlo.concatenate %x, %y, dim = 1 : (tensor<3x2xf32>, tensor<3x1xf32>) -> tensor<3x3xf32>
  %r = stablehlo.negate %s : tensor<3x3xf32>
  return %r : tensor<3x3xf32>
}

// rewrite: extreme_of_stack
func.func @before(%x: tensor<3x1xf32>, %y: tensor<3x1xf32>, %least: tensor<f32>) -> tensor<3xf32> {
  %s = stablehlo.concatenate %x, %y, dim = 1 : (tensor<3x1xf32>, tensor<3x1xf32>) -> tensor<3x2xf32>
  %r = stablehlo.reduce(%s init: %least) applies stablehlo.maximum across dimensions = [1]
    : (tensor<3x2xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}
func.func @after(%x: tensor<3x1xf32>, %y: tensor<3x1xf32>, %least: tensor<f32>) -> tensor<3xf32> {
  %a = stablehlo.broadcast_in_dim %least, dims = [] : (tensor<f32>) -> tensor<3xf32>
  %b = stablehlo.reshape %x : (tensor<3x1xf32>) -> tensor<3xf32>
  %c = stablehlo.maximum %a, %b : tensor<3xf32>
  %d = stablehlo.reshape %y : (tensor<3x1xf32>) -> tensor<3xf32>
  %e = stablehlo.maximum %c, %d : tensor<3xf32>
  return %e : tensor<3xf32>
}

// Sums have an order of their own.
// stays: extreme_of_stack
func.func @before(%x: tensor<3x1xf32>, %y: tensor<3x1xf32>, %zero: tensor<f32>) -> tensor<3xf32> {
  %s = stablehlo.concatenate %x, %y, dim = 1 : (tensor<3x1xf32>, tensor<3x1xf32>) -> tensor<3x2xf32>
  %r = stablehlo.reduce(%s init: %zero) applies stablehlo.add across dimensions = [1]
    : (tensor<3x2xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// Another dimension than that of the stack is folded as a whole.
// stays: extreme_of_stack
func.func @before(%x: tensor<3x1xf32>, %y: tensor<3x1xf32>, %least: tensor<f32>) -> tensor<2xf32> {
  %s = stablehlo.concatenate %x, %y, dim = 1 : (tensor<3x1xf32>, tensor<3x1xf32>) -> tensor<3x2xf32>
  %r = stablehlo.reduce(%s init: %least) applies stablehlo.maximum across dimensions = [0]
    : (tensor<3x2xf32>, tensor<f32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}
