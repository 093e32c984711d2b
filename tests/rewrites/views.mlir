// Broadcasts, reshapes, transposes and reversals that do nothing, or are one.

// rewrite: constant_moved
func.func @before() -> tensor<2x3xf32> {
  %c = stablehlo.constant dense<2.5> : tensor<3xf32>
  %y = stablehlo.broadcast_in_dim %c, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
func.func @after() -> tensor<2x3xf32> {
  %y = stablehlo.constant dense<2.5> : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// rewrite: constant_moved
func.func @before() -> tensor<2x2xf32> {
  %c = stablehlo.constant dense<2.5> : tensor<2x3xf32>
  %y = stablehlo.slice %c [0:2, 1:3] : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
func.func @after() -> tensor<2x2xf32> {
  %y = stablehlo.constant dense<2.5> : tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// rewrite: reshape_to_itself
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.reshape %x : (tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: reshape_twice
func.func @before(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %y = stablehlo.reshape %x : (tensor<2x3xf32>) -> tensor<6xf32>
  %z = stablehlo.reshape %y : (tensor<6xf32>) -> tensor<3x2xf32>
  return %z : tensor<3x2xf32>
}
func.func @after(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %z = stablehlo.reshape %x : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %z : tensor<3x2xf32>
}

// rewrite: transpose_to_itself
func.func @before(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %y = stablehlo.transpose %x, dims = [0, 1] : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
func.func @after(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  return %x : tensor<2x3xf32>
}

// rewrite: transpose_twice
func.func @before(%x: tensor<2x3x4xf32>) -> tensor<4x2x3xf32> {
  %y = stablehlo.transpose %x, dims = [1, 2, 0] : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>
  %z = stablehlo.transpose %y, dims = [1, 2, 0] : (tensor<3x4x2xf32>) -> tensor<4x2x3xf32>
  return %z : tensor<4x2x3xf32>
}
func.func @after(%x: tensor<2x3x4xf32>) -> tensor<4x2x3xf32> {
  %z = stablehlo.transpose %x, dims = [2, 0, 1] : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  return %z : tensor<4x2x3xf32>
}

// rewrite: transpose_of_broadcast
func.func @before(%x: tensor<3xf32>) -> tensor<3x2xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %z = stablehlo.transpose %y, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %z : tensor<3x2xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3x2xf32> {
  %z = stablehlo.broadcast_in_dim %x, dims = [0] : (tensor<3xf32>) -> tensor<3x2xf32>
  return %z : tensor<3x2xf32>
}

// rewrite: transpose_of_units
func.func @before(%x: tensor<2x1x3xf32>) -> tensor<1x2x3xf32> {
  %y = stablehlo.transpose %x, dims = [1, 0, 2] : (tensor<2x1x3xf32>) -> tensor<1x2x3xf32>
  return %y : tensor<1x2x3xf32>
}
func.func @after(%x: tensor<2x1x3xf32>) -> tensor<1x2x3xf32> {
  %y = stablehlo.reshape %x : (tensor<2x1x3xf32>) -> tensor<1x2x3xf32>
  return %y : tensor<1x2x3xf32>
}

// stays: transpose_of_units
func.func @before(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %y = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// rewrite: broadcast_to_itself
func.func @before(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [0, 1] : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
func.func @after(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  return %x : tensor<2x3xf32>
}

// stays: broadcast_to_itself
func.func @before(%x: tensor<3x3xf32>) -> tensor<3x3xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [1, 0] : (tensor<3x3xf32>) -> tensor<3x3xf32>
  return %y : tensor<3x3xf32>
}

// rewrite: broadcast_twice
func.func @before(%x: tensor<3xf32>) -> tensor<2x3x4xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [0] : (tensor<3xf32>) -> tensor<3x4xf32>
  %z = stablehlo.broadcast_in_dim %y, dims = [1, 2] : (tensor<3x4xf32>) -> tensor<2x3x4xf32>
  return %z : tensor<2x3x4xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<2x3x4xf32> {
  %z = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3x4xf32>
  return %z : tensor<2x3x4xf32>
}

// rewrite: broadcast_of_transpose
func.func @before(%x: tensor<3x2xf32>) -> tensor<2x3x4xf32> {
  %y = stablehlo.transpose %x, dims = [1, 0] : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %z = stablehlo.broadcast_in_dim %y, dims = [0, 1] : (tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %z : tensor<2x3x4xf32>
}
func.func @after(%x: tensor<3x2xf32>) -> tensor<2x3x4xf32> {
  %z = stablehlo.broadcast_in_dim %x, dims = [1, 0] : (tensor<3x2xf32>) -> tensor<2x3x4xf32>
  return %z : tensor<2x3x4xf32>
}

// rewrite: broadcast_of_units
func.func @before(%x: tensor<3xf32>) -> tensor<3x4xf32> {
  %y = stablehlo.reshape %x : (tensor<3xf32>) -> tensor<3x1xf32>
  %z = stablehlo.broadcast_in_dim %y, dims = [0, 1] : (tensor<3x1xf32>) -> tensor<3x4xf32>
  return %z : tensor<3x4xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3x4xf32> {
  %z = stablehlo.broadcast_in_dim %x, dims = [0] : (tensor<3xf32>) -> tensor<3x4xf32>
  return %z : tensor<3x4xf32>
}

// rewrite: broadcast_to_units
func.func @before(%x: tensor<3xf32>) -> tensor<1x3xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<1x3xf32> {
  %y = stablehlo.reshape %x : (tensor<3xf32>) -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// stays: broadcast_to_units
func.func @before(%x: tensor<3xf32>) -> tensor<1x3x2xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<1x3x2xf32>
  return %y : tensor<1x3x2xf32>
}

// rewrite: broadcast_of_counted
func.func @before() -> tensor<2x4xi32> {
  %n = stablehlo.iota dim = 0 : tensor<4xi32>
  %y = stablehlo.broadcast_in_dim %n, dims = [1] : (tensor<4xi32>) -> tensor<2x4xi32>
  return %y : tensor<2x4xi32>
}
func.func @after() -> tensor<2x4xi32> {
  %y = stablehlo.iota dim = 1 : tensor<2x4xi32>
  return %y : tensor<2x4xi32>
}

// rewrite: counted_to_one
func.func @before() -> tensor<1x4xi32> {
  %n = stablehlo.iota dim = 0 : tensor<1x4xi32>
  return %n : tensor<1x4xi32>
}
func.func @after() -> tensor<1x4xi32> {
  %n = stablehlo.constant dense<0> : tensor<1x4xi32>
  return %n : tensor<1x4xi32>
}

// rewrite: reverse_nothing
func.func @before(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  %y = stablehlo.reverse %x, dims = [0] : tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}
func.func @after(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  return %x : tensor<1x3xf32>
}

// rewrite: reverse_twice
func.func @before(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %y = stablehlo.reverse %x, dims = [0, 1] : tensor<2x3xf32>
  %z = stablehlo.reverse %y, dims = [1] : tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}
func.func @after(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %z = stablehlo.reverse %x, dims = [0] : tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}
