module @IrToHlo.60 attributes {mhlo.cross_program_prefetches = [], mhlo.input_output_alias = [], mhlo.is_dynamic = false, mhlo.use_auto_spmd_partitioning = false} {
  func.func @main(%arg0: tensor<2x2xi64>, %arg1: tensor<7x3xf32>, %arg2: tensor<f32>, %arg3: tensor<i64>) -> (tensor<2x2x3xf32>, tensor<7x3xf32>) {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<4x3xf32>
    %cst_0 = stablehlo.constant dense<1.000000e+00> : tensor<2x2x3xf32>
    %c = stablehlo.constant dense<-1> : tensor<4xi64>
    %c_1 = stablehlo.constant dense<0> : tensor<4xi64>
    %cst_2 = stablehlo.constant dense<0.000000e+00> : tensor<7x3xf32>
    %0 = stablehlo.reshape %arg0 : (tensor<2x2xi64>) -> tensor<4xi64>
    %1 = stablehlo.convert %0 : (tensor<4xi64>) -> tensor<4xui32>
    %2 = "stablehlo.gather"(%arg1, %1) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = false, slice_sizes = array<i64: 1, 3>}> : (tensor<7x3xf32>, tensor<4xui32>) -> tensor<4x3xf32>
    %3 = stablehlo.reshape %2 : (tensor<4x3xf32>) -> tensor<2x2x3xf32>
    %4 = stablehlo.compare  LT, %0, %c_1 : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi1>
    %5 = stablehlo.broadcast_in_dim %arg3, dims = [] : (tensor<i64>) -> tensor<4xi64>
    %6 = stablehlo.add %0, %5 : tensor<4xi64>
    %7 = stablehlo.select %4, %6, %0 : tensor<4xi1>, tensor<4xi64>
    %8 = stablehlo.reshape %7 : (tensor<4xi64>) -> tensor<4x1xi64>
    %9 = stablehlo.compare  NE, %0, %c : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi1>
    %10 = stablehlo.broadcast_in_dim %9, dims = [0] : (tensor<4xi1>) -> tensor<4x3xi1>
    %11 = stablehlo.power %3, %cst_0 : tensor<2x2x3xf32>
    %12 = stablehlo.broadcast_in_dim %arg2, dims = [] : (tensor<f32>) -> tensor<2x2x3xf32>
    %13 = stablehlo.multiply %11, %12 : tensor<2x2x3xf32>
    %14 = stablehlo.reshape %13 : (tensor<2x2x3xf32>) -> tensor<4x3xf32>
    %15 = stablehlo.select %10, %14, %cst : tensor<4x3xi1>, tensor<4x3xf32>
    %16 = "stablehlo.scatter"(%cst_2, %8, %15) <{indices_are_sorted = false, scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, unique_indices = false}> ({
    ^bb0(%arg4: tensor<f32>, %arg5: tensor<f32>):
      %17 = stablehlo.add %arg4, %arg5 : tensor<f32>
      stablehlo.return %17 : tensor<f32>
    }) : (tensor<7x3xf32>, tensor<4x1xi64>, tensor<4x3xf32>) -> tensor<7x3xf32>
    return %3, %16 : tensor<2x2x3xf32>, tensor<7x3xf32>
  }
}
