module @IrToHlo.55 attributes {mhlo.cross_program_prefetches = [], mhlo.input_output_alias = [], mhlo.is_dynamic = false, mhlo.use_auto_spmd_partitioning = false} {
  func.func @main(%arg0: tensor<3xf32>, %arg1: tensor<3xf32>, %arg2: tensor<3xf32>, %arg3: tensor<3xf32>, %arg4: tensor<5x3xf32>, %arg5: tensor<f32>) -> (tensor<5x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<5x3xf32>, tensor<3xf32>, tensor<3xf32>) {
    %cst = stablehlo.constant dense<2.000000e+00> : tensor<5x3xf32>
    %cst_0 = stablehlo.constant dense<9.99999974E-6> : tensor<3xf32>
    %cst_1 = stablehlo.constant dense<1.000000e+00> : tensor<3xf32>
    %cst_2 = stablehlo.constant dense<0.899999976> : tensor<3xf32>
    %cst_3 = stablehlo.constant dense<1.000000e-01> : tensor<3xf32>
    %output, %batch_mean, %batch_var = "stablehlo.batch_norm_training"(%arg4, %arg3, %arg2) <{epsilon = 9.99999974E-6 : f32, feature_index = 1 : i64}> : (tensor<5x3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<5x3xf32>, tensor<3xf32>, tensor<3xf32>)
    %0 = stablehlo.multiply %batch_mean, %cst_3 : tensor<3xf32>
    %1 = stablehlo.multiply %arg1, %cst_2 : tensor<3xf32>
    %2 = stablehlo.add %0, %1 : tensor<3xf32>
    %3 = stablehlo.multiply %batch_var, %cst_3 : tensor<3xf32>
    %4 = stablehlo.multiply %arg0, %cst_2 : tensor<3xf32>
    %5 = stablehlo.add %3, %4 : tensor<3xf32>
    %6 = stablehlo.add %batch_var, %cst_0 : tensor<3xf32>
    %7 = stablehlo.rsqrt %6 : tensor<3xf32>
    %8 = stablehlo.divide %cst_1, %7 : tensor<3xf32>
    %9 = stablehlo.multiply %8, %8 : tensor<3xf32>
    %10 = stablehlo.subtract %9, %cst_0 : tensor<3xf32>
    %11 = stablehlo.power %output, %cst : tensor<5x3xf32>
    %12 = stablehlo.broadcast_in_dim %arg5, dims = [] : (tensor<f32>) -> tensor<5x3xf32>
    %13 = stablehlo.multiply %11, %12 : tensor<5x3xf32>
    %grad_operand, %grad_scale, %grad_offset = "stablehlo.batch_norm_grad"(%arg4, %arg3, %batch_mean, %10, %13) <{epsilon = 9.99999974E-6 : f32, feature_index = 1 : i64}> : (tensor<5x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<5x3xf32>) -> (tensor<5x3xf32>, tensor<3xf32>, tensor<3xf32>)
    return %output, %2, %5, %grad_operand, %grad_scale, %grad_offset : tensor<5x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<5x3xf32>, tensor<3xf32>, tensor<3xf32>
  }
}
