// Slices, pads and concatenations that do nothing, or are one; places that are known.

// rewrite: slice_of_all
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.slice %x [0:3] : (tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: slice_twice
func.func @before(%x: tensor<10xf32>) -> tensor<2xf32> {
  %y = stablehlo.slice %x [2:10:3] : (tensor<10xf32>) -> tensor<3xf32>
  %z = stablehlo.slice %y [1:3] : (tensor<3xf32>) -> tensor<2xf32>
  return %z : tensor<2xf32>
}
func.func @after(%x: tensor<10xf32>) -> tensor<2xf32> {
  %z = stablehlo.slice %x [5:9:3] : (tensor<10xf32>) -> tensor<2xf32>
  return %z : tensor<2xf32>
}

// rewrite: slice_twice
func.func @before(%x: tensor<10xf32>) -> tensor<1xf32> {
  %y = stablehlo.slice %x [2:10:3] : (tensor<10xf32>) -> tensor<3xf32>
  %z = stablehlo.slice %y [0:1:2] : (tensor<3xf32>) -> tensor<1xf32>
  return %z : tensor<1xf32>
}
func.func @after(%x: tensor<10xf32>) -> tensor<1xf32> {
  %z = stablehlo.slice %x [2:3] : (tensor<10xf32>) -> tensor<1xf32>
  return %z : tensor<1xf32>
}

// rewrite: slice_of_broadcast
func.func @before(%x: tensor<3xf32>) -> tensor<2x3xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<5x3xf32>
  %z = stablehlo.slice %y [1:5:2, 0:3] : (tensor<5x3xf32>) -> tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<2x3xf32> {
  %z = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}

// stays: slice_of_broadcast
func.func @before(%x: tensor<3xf32>) -> tensor<5x2xf32> {
  %y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<5x3xf32>
  %z = stablehlo.slice %y [0:5, 1:3] : (tensor<5x3xf32>) -> tensor<5x2xf32>
  return %z : tensor<5x2xf32>
}

// rewrite: slice_of_concatenation
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<2xf32> {
  %c = stablehlo.concatenate %x, %y, dim = 0 : (tensor<3xf32>, tensor<3xf32>) -> tensor<6xf32>
  %z = stablehlo.slice %c [4:6] : (tensor<6xf32>) -> tensor<2xf32>
  return %z : tensor<2xf32>
}
func.func @after(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<2xf32> {
  %z = stablehlo.slice %y [1:3] : (tensor<3xf32>) -> tensor<2xf32>
  return %z : tensor<2xf32>
}

// stays: slice_of_concatenation
func.func @before(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<2xf32> {
  %c = stablehlo.concatenate %x, %y, dim = 0 : (tensor<3xf32>, tensor<3xf32>) -> tensor<6xf32>
  %z = stablehlo.slice %c [2:4] : (tensor<6xf32>) -> tensor<2xf32>
  return %z : tensor<2xf32>
}

// rewrite: pad_with_nothing
func.func @before(%x: tensor<3xf32>, %v: tensor<f32>) -> tensor<3xf32> {
  %y = stablehlo.pad %x, %v, low = [0], high = [0], interior = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>, %v: tensor<f32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: pad_that_removes
func.func @before(%x: tensor<3xf32>, %v: tensor<f32>) -> tensor<1xf32> {
  %y = stablehlo.pad %x, %v, low = [-1], high = [-1], interior = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<1xf32>
  return %y : tensor<1xf32>
}
func.func @after(%x: tensor<3xf32>, %v: tensor<f32>) -> tensor<1xf32> {
  %y = stablehlo.slice %x [1:2] : (tensor<3xf32>) -> tensor<1xf32>
  return %y : tensor<1xf32>
}

// stays: pad_that_removes
func.func @before(%x: tensor<3xf32>, %v: tensor<f32>) -> tensor<3xf32> {
  %y = stablehlo.pad %x, %v, low = [-1], high = [1], interior = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: pad_twice
func.func @before(%x: tensor<3xf32>, %v: tensor<f32>) -> tensor<6xf32> {
  %y = stablehlo.pad %x, %v, low = [1], high = [0], interior = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<4xf32>
  %z = stablehlo.pad %y, %v, low = [1], high = [1], interior = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<6xf32>
  return %z : tensor<6xf32>
}
func.func @after(%x: tensor<3xf32>, %v: tensor<f32>) -> tensor<6xf32> {
  %z = stablehlo.pad %x, %v, low = [2], high = [1], interior = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>
  return %z : tensor<6xf32>
}

// stays: pad_twice
func.func @before(%x: tensor<3xf32>, %v: tensor<f32>, %w: tensor<f32>) -> tensor<6xf32> {
  %y = stablehlo.pad %x, %v, low = [1], high = [0], interior = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<4xf32>
  %z = stablehlo.pad %y, %w, low = [1], high = [1], interior = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<6xf32>
  return %z : tensor<6xf32>
}

// rewrite: pad_of_padding
func.func @before() -> tensor<4xf32> {
  %x = stablehlo.constant dense<0.0> : tensor<3xf32>
  %v = stablehlo.constant dense<0.0> : tensor<f32>
  %y = stablehlo.pad %x, %v, low = [1], high = [0], interior = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func @after() -> tensor<4xf32> {
  %y = stablehlo.constant dense<0.0> : tensor<4xf32>
  return %y : tensor<4xf32>
}

// rewrite: concatenate_one
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.concatenate %x, dim = 0 : (tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: concatenate_empty
func.func @before(%x: tensor<3xf32>, %e: tensor<0xf32>, %y: tensor<3xf32>) -> tensor<6xf32> {
  %z = stablehlo.concatenate %x, %e, %y, dim = 0 : (tensor<3xf32>, tensor<0xf32>, tensor<3xf32>) -> tensor<6xf32>
  return %z : tensor<6xf32>
}
func.func @after(%x: tensor<3xf32>, %e: tensor<0xf32>, %y: tensor<3xf32>) -> tensor<6xf32> {
  %z = stablehlo.concatenate %x, %y, dim = 0 : (tensor<3xf32>, tensor<3xf32>) -> tensor<6xf32>
  return %z : tensor<6xf32>
}

// rewrite: concatenate_neighbours
func.func @before(%x: tensor<6xf32>) -> tensor<4xf32> {
  %a = stablehlo.slice %x [1:3] : (tensor<6xf32>) -> tensor<2xf32>
  %b = stablehlo.slice %x [3:5] : (tensor<6xf32>) -> tensor<2xf32>
  %z = stablehlo.concatenate %a, %b, dim = 0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  return %z : tensor<4xf32>
}
func.func @after(%x: tensor<6xf32>) -> tensor<4xf32> {
  %z = stablehlo.slice %x [1:5] : (tensor<6xf32>) -> tensor<4xf32>
  return %z : tensor<4xf32>
}

// stays: concatenate_neighbours
func.func @before(%x: tensor<6xf32>) -> tensor<4xf32> {
  %a = stablehlo.slice %x [1:3] : (tensor<6xf32>) -> tensor<2xf32>
  %b = stablehlo.slice %x [2:4] : (tensor<6xf32>) -> tensor<2xf32>
  %z = stablehlo.concatenate %a, %b, dim = 0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  return %z : tensor<4xf32>
}

// rewrite: concatenate_constants
func.func @before() -> tensor<5xf32> {
  %x = stablehlo.constant dense<1.0> : tensor<3xf32>
  %y = stablehlo.constant dense<1.0> : tensor<2xf32>
  %z = stablehlo.concatenate %x, %y, dim = 0 : (tensor<3xf32>, tensor<2xf32>) -> tensor<5xf32>
  return %z : tensor<5xf32>
}
func.func @after() -> tensor<5xf32> {
  %z = stablehlo.constant dense<1.0> : tensor<5xf32>
  return %z : tensor<5xf32>
}

// rewrite: dynamic_slice_of_all
func.func @before(%x: tensor<3xf32>, %i: tensor<i32>) -> tensor<3xf32> {
  %y = stablehlo.dynamic_slice %x, %i, sizes = [3] : (tensor<3xf32>, tensor<i32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>, %i: tensor<i32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: dynamic_slice_at_constants
func.func @before(%x: tensor<6xf32>) -> tensor<2xf32> {
  %i = stablehlo.constant dense<3> : tensor<i32>
  %y = stablehlo.dynamic_slice %x, %i, sizes = [2] : (tensor<6xf32>, tensor<i32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
func.func @after(%x: tensor<6xf32>) -> tensor<2xf32> {
  %y = stablehlo.slice %x [3:5] : (tensor<6xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// rewrite: dynamic_slice_at_constants
func.func @before(%x: tensor<6xf32>) -> tensor<2xf32> {
  %i = stablehlo.constant dense<9> : tensor<i32>
  %y = stablehlo.dynamic_slice %x, %i, sizes = [2] : (tensor<6xf32>, tensor<i32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
func.func @after(%x: tensor<6xf32>) -> tensor<2xf32> {
  %y = stablehlo.slice %x [4:6] : (tensor<6xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// stays: dynamic_slice_at_constants
func.func @before(%x: tensor<6xf32>, %i: tensor<i32>) -> tensor<2xf32> {
  %y = stablehlo.dynamic_slice %x, %i, sizes = [2] : (tensor<6xf32>, tensor<i32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// rewrite: dynamic_update_of_all
func.func @before(%x: tensor<3xf32>, %u: tensor<3xf32>, %i: tensor<i32>) -> tensor<3xf32> {
  %y = stablehlo.dynamic_update_slice %x, %u, %i : (tensor<3xf32>, tensor<3xf32>, tensor<i32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>, %u: tensor<3xf32>, %i: tensor<i32>) -> tensor<3xf32> {
  return %u : tensor<3xf32>
}

// rewrite: gather_of_one_slice
func.func @before(%x: tensor<5x3xf32>) -> tensor<3xf32> {
  %i = stablehlo.constant dense<[2]> : tensor<1xi32>
  %y = "stablehlo.gather"(%x, %i) <{dimension_numbers = #stablehlo.gather<offset_dims = [0], collapsed_slice_dims = [0], start_index_map = [0]>, indices_are_sorted = false, slice_sizes = array<i64: 1, 3>}> : (tensor<5x3xf32>, tensor<1xi32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<5x3xf32>) -> tensor<3xf32> {
  %s = stablehlo.slice %x [2:3, 0:3] : (tensor<5x3xf32>) -> tensor<1x3xf32>
  %y = stablehlo.reshape %s : (tensor<1x3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// rewrite: gather_of_one_slice
func.func @before(%x: tensor<5x3xf32>) -> tensor<3xf32> {
  %i = stablehlo.constant dense<[-7]> : tensor<1xi32>
  %y = "stablehlo.gather"(%x, %i) <{dimension_numbers = #stablehlo.gather<offset_dims = [0], collapsed_slice_dims = [0], start_index_map = [0]>, indices_are_sorted = false, slice_sizes = array<i64: 1, 3>}> : (tensor<5x3xf32>, tensor<1xi32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @after(%x: tensor<5x3xf32>) -> tensor<3xf32> {
  %s = stablehlo.slice %x [0:1, 0:3] : (tensor<5x3xf32>) -> tensor<1x3xf32>
  %y = stablehlo.reshape %s : (tensor<1x3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// stays: gather_of_one_slice
func.func @before(%x: tensor<5x3xf32>, %i: tensor<1xi32>) -> tensor<3xf32> {
  %y = "stablehlo.gather"(%x, %i) <{dimension_numbers = #stablehlo.gather<offset_dims = [0], collapsed_slice_dims = [0], start_index_map = [0]>, indices_are_sorted = false, slice_sizes = array<i64: 1, 3>}> : (tensor<5x3xf32>, tensor<1xi32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
