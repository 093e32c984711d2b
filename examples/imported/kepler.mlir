module @jit_kepler attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<f32>, %arg1: tensor<f32>) -> (tensor<f32> {jax.result_info = "result[0]"}, tensor<i32> {jax.result_info = "result[1]"}) {
    %c = stablehlo.constant dense<0> : tensor<i32>
    %0:6 = stablehlo.while(%iterArg = %arg1, %iterArg_0 = %arg0, %iterArg_1 = %arg1, %iterArg_2 = %arg0, %iterArg_3 = %arg0, %iterArg_4 = %c) : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<i32>
    cond {
      %1 = stablehlo.sine %iterArg_3 : tensor<f32>
      %2 = stablehlo.multiply %iterArg, %1 : tensor<f32>
      %3 = stablehlo.subtract %iterArg_3, %2 : tensor<f32>
      %4 = stablehlo.subtract %3, %iterArg_0 : tensor<f32>
      %5 = stablehlo.abs %4 : tensor<f32>
      %cst = stablehlo.constant dense<9.99999997E-7> : tensor<f32>
      %6 = stablehlo.compare GT, %5, %cst, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %6 : tensor<i1>
    } do {
      %1 = stablehlo.sine %iterArg_3 : tensor<f32>
      %2 = stablehlo.multiply %iterArg_1, %1 : tensor<f32>
      %3 = stablehlo.subtract %iterArg_3, %2 : tensor<f32>
      %4 = stablehlo.subtract %3, %iterArg_2 : tensor<f32>
      %5 = stablehlo.cosine %iterArg_3 : tensor<f32>
      %6 = stablehlo.multiply %iterArg_1, %5 : tensor<f32>
      %cst = stablehlo.constant dense<1.000000e+00> : tensor<f32>
      %7 = stablehlo.subtract %cst, %6 : tensor<f32>
      %8 = stablehlo.divide %4, %7 : tensor<f32>
      %9 = stablehlo.subtract %iterArg_3, %8 : tensor<f32>
      %c_5 = stablehlo.constant dense<1> : tensor<i32>
      %10 = stablehlo.add %iterArg_4, %c_5 : tensor<i32>
      stablehlo.return %iterArg, %iterArg_0, %iterArg_1, %iterArg_2, %9, %10 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<i32>
    }
    return %0#4, %0#5 : tensor<f32>, tensor<i32>
  }
}

