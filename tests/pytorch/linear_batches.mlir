module @IrToHlo.14 attributes {mhlo.cross_program_prefetches = [], mhlo.input_output_alias = [], mhlo.is_dynamic = false, mhlo.use_auto_spmd_partitioning = false} {
  func.func @main(%arg0: tensor<5xf32>, %arg1: tensor<5x3xf32>, %arg2: tensor<4x2x3xf32>) -> tensor<4x2x5xf32> {
    %0 = stablehlo.reshape %arg2 : (tensor<4x2x3xf32>) -> tensor<8x3xf32>
    %1 = stablehlo.transpose %arg1, dims = [1, 0] {result_layout = dense<[0, 1]> : tensor<2xindex>, xla_shape = "f32[3,5]{0,1}"} : (tensor<5x3xf32>) -> tensor<3x5xf32>
    %2 = stablehlo.dot_general %0, %1, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<8x3xf32>, tensor<3x5xf32>) -> tensor<8x5xf32>
    %3 = stablehlo.broadcast_in_dim %arg0, dims = [1] : (tensor<5xf32>) -> tensor<8x5xf32>
    %4 = stablehlo.add %2, %3 : tensor<8x5xf32>
    %5 = stablehlo.reshape %4 : (tensor<8x5xf32>) -> tensor<4x2x5xf32>
    return %5 : tensor<4x2x5xf32>
  }
}
