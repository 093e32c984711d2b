module @IrToHlo.14 attributes {mhlo.cross_program_prefetches = [], mhlo.input_output_alias = [], mhlo.is_dynamic = false, mhlo.use_auto_spmd_partitioning = false} {
  func.func @main(%arg0: tensor<2x5xf32>) -> tensor<2x5xf32> {
    %cst = stablehlo.constant dense<1.000000e+00> : tensor<2x5xf32>
    %cst_0 = stablehlo.constant dense<0.707106769> : tensor<2x5xf32>
    %cst_1 = stablehlo.constant dense<5.000000e-01> : tensor<2x5xf32>
    %0 = stablehlo.multiply %arg0, %cst_1 : tensor<2x5xf32>
    %1 = stablehlo.multiply %arg0, %cst_0 : tensor<2x5xf32>
    %2 = stablehlo.custom_call @mhlo.erf(%1) {mhlo.attributes = {}, mhlo.version = 1 : i64} : (tensor<2x5xf32>) -> tensor<2x5xf32>
    %3 = stablehlo.add %2, %cst : tensor<2x5xf32>
    %4 = stablehlo.multiply %0, %3 : tensor<2x5xf32>
    return %4 : tensor<2x5xf32>
  }
}
