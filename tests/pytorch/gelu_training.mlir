module @IrToHlo.43 attributes {mhlo.cross_program_prefetches = [], mhlo.input_output_alias = [], mhlo.is_dynamic = false, mhlo.use_auto_spmd_partitioning = false} {
  func.func @main(%arg0: tensor<2x5xf32>) -> (tensor<2x5xf32>, tensor<2x5xf32>) {
    %cst = stablehlo.constant dense<0.398942292> : tensor<2x5xf32>
    %cst_0 = stablehlo.constant dense<-5.000000e-01> : tensor<2x5xf32>
    %cst_1 = stablehlo.constant dense<1.000000e+00> : tensor<2x5xf32>
    %cst_2 = stablehlo.constant dense<0.707106769> : tensor<2x5xf32>
    %cst_3 = stablehlo.constant dense<5.000000e-01> : tensor<2x5xf32>
    %0 = stablehlo.multiply %arg0, %cst_3 : tensor<2x5xf32>
    %1 = stablehlo.multiply %arg0, %cst_2 : tensor<2x5xf32>
    %2 = stablehlo.custom_call @mhlo.erf(%1) {mhlo.attributes = {}, mhlo.version = 1 : i64} : (tensor<2x5xf32>) -> tensor<2x5xf32>
    %3 = stablehlo.add %2, %cst_1 : tensor<2x5xf32>
    %4 = stablehlo.multiply %0, %3 : tensor<2x5xf32>
    %5 = stablehlo.multiply %3, %cst_3 : tensor<2x5xf32>
    %6 = stablehlo.multiply %arg0, %arg0 : tensor<2x5xf32>
    %7 = stablehlo.multiply %6, %cst_0 : tensor<2x5xf32>
    %8 = stablehlo.exponential %7 : tensor<2x5xf32>
    %9 = stablehlo.multiply %arg0, %8 : tensor<2x5xf32>
    %10 = stablehlo.multiply %9, %cst : tensor<2x5xf32>
    %11 = stablehlo.add %5, %10 : tensor<2x5xf32>
    return %4, %11 : tensor<2x5xf32>, tensor<2x5xf32>
  }
}
