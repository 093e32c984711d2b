module @IrToHlo.101 attributes {mhlo.cross_program_prefetches = [], mhlo.input_output_alias = [], mhlo.is_dynamic = false, mhlo.use_auto_spmd_partitioning = false} {
  func.func @main(%arg0: tensor<4xf32>, %arg1: tensor<2x3x4xf32>, %arg2: tensor<4xf32>, %arg3: tensor<f32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>) {
    %cst = stablehlo.constant dense<2.000000e+00> : tensor<2x3x4xf32>
    %cst_0 = stablehlo.constant dense<9.99999974E-6> : tensor<6xf32>
    %cst_1 = stablehlo.constant dense<0.000000e+00> : tensor<6xf32>
    %cst_2 = stablehlo.constant dense<1.000000e+00> : tensor<6xf32>
    %cst_3 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %0 = stablehlo.reshape %arg1 : (tensor<2x3x4xf32>) -> tensor<1x6x4xf32>
    %output, %batch_mean, %batch_var = "stablehlo.batch_norm_training"(%0, %cst_2, %cst_1) <{epsilon = 9.99999974E-6 : f32, feature_index = 1 : i64}> : (tensor<1x6x4xf32>, tensor<6xf32>, tensor<6xf32>) -> (tensor<1x6x4xf32>, tensor<6xf32>, tensor<6xf32>)
    %1 = stablehlo.add %batch_var, %cst_0 : tensor<6xf32>
    %2 = stablehlo.rsqrt %1 : tensor<6xf32>
    %3 = stablehlo.divide %cst_2, %2 : tensor<6xf32>
    %4 = stablehlo.multiply %3, %3 : tensor<6xf32>
    %5 = stablehlo.subtract %4, %cst_0 : tensor<6xf32>
    %6 = stablehlo.broadcast_in_dim %arg2, dims = [2] : (tensor<4xf32>) -> tensor<2x3x4xf32>
    %7 = stablehlo.reshape %output : (tensor<1x6x4xf32>) -> tensor<2x3x4xf32>
    %8 = stablehlo.broadcast_in_dim %arg0, dims = [2] : (tensor<4xf32>) -> tensor<2x3x4xf32>
    %9 = stablehlo.multiply %7, %8 : tensor<2x3x4xf32>
    %10 = stablehlo.add %6, %9 : tensor<2x3x4xf32>
    %11 = stablehlo.power %10, %cst : tensor<2x3x4xf32>
    %12 = stablehlo.broadcast_in_dim %arg3, dims = [] : (tensor<f32>) -> tensor<2x3x4xf32>
    %13 = stablehlo.multiply %11, %12 : tensor<2x3x4xf32>
    %14 = stablehlo.multiply %13, %8 : tensor<2x3x4xf32>
    %15 = stablehlo.reshape %14 : (tensor<2x3x4xf32>) -> tensor<1x6x4xf32>
    %grad_operand, %grad_scale, %grad_offset = "stablehlo.batch_norm_grad"(%0, %cst_2, %batch_mean, %5, %15) <{epsilon = 9.99999974E-6 : f32, feature_index = 1 : i64}> : (tensor<1x6x4xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<1x6x4xf32>) -> (tensor<1x6x4xf32>, tensor<6xf32>, tensor<6xf32>)
    %16 = stablehlo.reshape %grad_operand : (tensor<1x6x4xf32>) -> tensor<2x3x4xf32>
    %17 = stablehlo.multiply %13, %7 : tensor<2x3x4xf32>
    %18 = stablehlo.reduce(%17 init: %cst_3) applies stablehlo.add across dimensions = [0, 1] : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<4xf32>
    %19 = stablehlo.reduce(%13 init: %cst_3) applies stablehlo.add across dimensions = [0, 1] : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<4xf32>
    return %10, %16, %18, %19 : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>
  }
}
