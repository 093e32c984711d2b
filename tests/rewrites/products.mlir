// Transposes that products do by themselves.

// rewrite: product_of_transpose
func.func @before(%x: tensor<3x2xf32>, %w: tensor<4x3xf32>) -> tensor<2x4xf32> {
  %a = stablehlo.transpose %x, dims = [1, 0] : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %b = stablehlo.transpose %w, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %z = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}
func.func @after(%x: tensor<3x2xf32>, %w: tensor<4x3xf32>) -> tensor<2x4xf32> {
  %z = stablehlo.dot_general %x, %w, contracting_dims = [0] x [1] : (tensor<3x2xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}

// stays: product_of_transpose
func.func @before(%x: tensor<2x4x3xf32>, %w: tensor<3x5xf32>) -> tensor<4x2x5xf32> {
  %a = stablehlo.transpose %x, dims = [1, 0, 2] : (tensor<2x4x3xf32>) -> tensor<4x2x3xf32>
  %z = stablehlo.dot_general %a, %w, contracting_dims = [2] x [0] : (tensor<4x2x3xf32>, tensor<3x5xf32>) -> tensor<4x2x5xf32>
  return %z : tensor<4x2x5xf32>
}

// rewrite: products_of_one_operand
func.func @before(%x: tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x1xf32>) {
  %w = stablehlo.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %v = stablehlo.constant dense<[[7.0], [8.0], [9.0]]> : tensor<3x1xf32>
  %a = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %b = stablehlo.dot_general %x, %v, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x1xf32>) -> tensor<2x1xf32>
  return %a, %b : tensor<2x2xf32>, tensor<2x1xf32>
}
func.func @after(%x: tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x1xf32>) {
  %w = stablehlo.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %v = stablehlo.constant dense<[[7.0], [8.0], [9.0]]> : tensor<3x1xf32>
  %c = stablehlo.concatenate %w, %v, dim = 1 : (tensor<3x2xf32>, tensor<3x1xf32>) -> tensor<3x3xf32>
  %z = stablehlo.dot_general %x, %c, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a = stablehlo.slice %z [0:2, 0:2] : (tensor<2x3xf32>) -> tensor<2x2xf32>
  %b = stablehlo.slice %z [0:2, 2:3] : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return %a, %b : tensor<2x2xf32>, tensor<2x1xf32>
}

// stays: products_of_one_operand
func.func @before(%x: tensor<2x3xf32>, %w: tensor<3x2xf32>, %v: tensor<3x1xf32>) -> (tensor<2x2xf32>, tensor<2x1xf32>) {
  %a = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %b = stablehlo.dot_general %x, %v, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x1xf32>) -> tensor<2x1xf32>
  return %a, %b : tensor<2x2xf32>, tensor<2x1xf32>
}
