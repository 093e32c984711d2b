// Broadcasts that are sunk below what does the same along a dimension.

// rewrite: elementwise_of_broadcasts
func.func @before(%x: tensor<3xf32>) -> tensor<2x3xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %z = stablehlo.tanh %y : tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<2x3xf32> {
  %y = stablehlo.tanh %x : tensor<3xf32>
  %z = stablehlo.broadcast_in_dim %y, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}

// rewrite: elementwise_of_broadcasts
func.func @before(%x: tensor<3xf32>, %y: tensor<f32>) -> tensor<2x3xf32> {
  %a = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %b = stablehlo.broadcast_in_dim %y, dims = [] : (tensor<f32>) -> tensor<2x3xf32>
  %z = stablehlo.add %a, %b : tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}
func.func @after(%x: tensor<3xf32>, %y: tensor<f32>) -> tensor<2x3xf32> {
  %b = stablehlo.broadcast_in_dim %y, dims = [] : (tensor<f32>) -> tensor<3xf32>
  %c = stablehlo.add %x, %b : tensor<3xf32>
  %z = stablehlo.broadcast_in_dim %c, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}

// rewrite: elementwise_of_broadcasts
func.func @before(%x: tensor<3xf32>) -> tensor<2x3xf32> {
  %a = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %c = stablehlo.constant dense<2.0> : tensor<2x3xf32>
  %z = stablehlo.multiply %a, %c : tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<2x3xf32> {
  %c = stablehlo.constant dense<2.0> : tensor<3xf32>
  %y = stablehlo.multiply %x, %c : tensor<3xf32>
  %z = stablehlo.broadcast_in_dim %y, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}

// rewrite: elementwise_of_broadcasts
func.func @before(%x: tensor<3x1xf32>) -> tensor<3x2xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [0, 1] : (tensor<3x1xf32>) -> tensor<3x2xf32>
  %z = stablehlo.tanh %y : tensor<3x2xf32>
  return %z : tensor<3x2xf32>
}
func.func @after(%x: tensor<3x1xf32>) -> tensor<3x2xf32> {
  %a = stablehlo.reshape %x : (tensor<3x1xf32>) -> tensor<3xf32>
  %y = stablehlo.tanh %a : tensor<3xf32>
  %z = stablehlo.broadcast_in_dim %y, dims = [0] : (tensor<3xf32>) -> tensor<3x2xf32>
  return %z : tensor<3x2xf32>
}

// stays: elementwise_of_broadcasts
func.func @before(%x: tensor<3xf32>, %y: tensor<2xf32>) -> tensor<2x3xf32> {
  %a = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %b = stablehlo.broadcast_in_dim %y, dims = [0] : (tensor<2xf32>) -> tensor<2x3xf32>
  %z = stablehlo.add %a, %b : tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}

// rewrite: product_of_broadcast
func.func @before(%x: tensor<3xf32>, %w: tensor<3x4xf32>) -> tensor<2x4xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %z = stablehlo.dot_general %y, %w, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}
func.func @after(%x: tensor<3xf32>, %w: tensor<3x4xf32>) -> tensor<2x4xf32> {
  %y = stablehlo.dot_general %x, %w, contracting_dims = [0] x [0] : (tensor<3xf32>, tensor<3x4xf32>) -> tensor<4xf32>
  %z = stablehlo.broadcast_in_dim %y, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}

// rewrite: product_of_broadcast
func.func @before(%x: tensor<5x3xf32>, %w: tensor<5x3xf32>) -> tensor<5x4x2xf32> {
  %a = stablehlo.broadcast_in_dim %x, dims = [0, 2] : (tensor<5x3xf32>) -> tensor<5x4x3xf32>
  %b = stablehlo.broadcast_in_dim %w, dims = [0, 1] : (tensor<5x3xf32>) -> tensor<5x3x2xf32>
  %z = stablehlo.dot_general %a, %b, batching_dims = [0] x [0], contracting_dims = [2] x [1] : (tensor<5x4x3xf32>, tensor<5x3x2xf32>) -> tensor<5x4x2xf32>
  return %z : tensor<5x4x2xf32>
}
func.func @after(%x: tensor<5x3xf32>, %w: tensor<5x3xf32>) -> tensor<5x4x2xf32> {
  %c = stablehlo.dot_general %x, %w, batching_dims = [0] x [0], contracting_dims = [1] x [1] : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<5xf32>
  %r = stablehlo.broadcast_in_dim %c, dims = [0] : (tensor<5xf32>) -> tensor<5x2xf32>
  %d = stablehlo.broadcast_in_dim %r, dims = [0, 2] : (tensor<5x2xf32>) -> tensor<5x4x2xf32>
  return %d : tensor<5x4x2xf32>
}

// stays: product_of_broadcast
func.func @before(%x: tensor<3xf32>, %w: tensor<5x3x4xf32>) -> tensor<5x4xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<5x3xf32>
  %z = stablehlo.dot_general %y, %w, batching_dims = [0] x [0], contracting_dims = [1] x [1] : (tensor<5x3xf32>, tensor<5x3x4xf32>) -> tensor<5x4xf32>
  return %z : tensor<5x4xf32>
}
