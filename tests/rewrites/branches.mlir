// Branches and loops whose course is known; ops that are one, or none.

// rewrite: if_of_constant
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %p = stablehlo.constant dense<false> : tensor<i1>
  %r = "stablehlo.if"(%p) ({
    %s = stablehlo.sine %x : tensor<3xf32>
    stablehlo.return %s : tensor<3xf32>
  }, {
    %t = stablehlo.cosine %x : tensor<3xf32>
    stablehlo.return %t : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %t = stablehlo.cosine %x : tensor<3xf32>
  return %t : tensor<3xf32>
}

// stays: if_of_constant
func.func @before(%x: tensor<3xf32>, %p: tensor<i1>) -> tensor<3xf32> {
  %r = "stablehlo.if"(%p) ({
    %s = stablehlo.sine %x : tensor<3xf32>
    stablehlo.return %s : tensor<3xf32>
  }, {
    %t = stablehlo.cosine %x : tensor<3xf32>
    stablehlo.return %t : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// rewrite: case_of_constant
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %p = stablehlo.constant dense<7> : tensor<i32>
  %r = "stablehlo.case"(%p) ({
    %s = stablehlo.sine %x : tensor<3xf32>
    stablehlo.return %s : tensor<3xf32>
  }, {
    %t = stablehlo.cosine %x : tensor<3xf32>
    stablehlo.return %t : tensor<3xf32>
  }) : (tensor<i32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %t = stablehlo.cosine %x : tensor<3xf32>
  return %t : tensor<3xf32>
}

// rewrite: branches_of_one_kind
func.func @before(%x: tensor<3xf32>, %p: tensor<i1>) -> tensor<3xf32> {
  %r = "stablehlo.if"(%p) ({
    %s = stablehlo.sine %x : tensor<3xf32>
    stablehlo.return %s : tensor<3xf32>
  }, {
    %t = stablehlo.sine %x : tensor<3xf32>
    stablehlo.return %t : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>, %p: tensor<i1>) -> tensor<3xf32> {
  %s = stablehlo.sine %x : tensor<3xf32>
  return %s : tensor<3xf32>
}

// stays: branches_of_one_kind
func.func @before(%x: tensor<3xf32>, %p: tensor<i1>) -> tensor<3xf32> {
  %r = "stablehlo.if"(%p) ({
    %s = stablehlo.sine %x : tensor<3xf32>
    stablehlo.return %s : tensor<3xf32>
  }, {
    %t = stablehlo.cosine %x : tensor<3xf32>
    stablehlo.return %t : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// rewrite: while_that_never_runs
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %r = stablehlo.while(%y = %x) : tensor<3xf32>
  cond {
    %never = stablehlo.constant dense<false> : tensor<i1>
    stablehlo.return %never : tensor<i1>
  } do {
    %z = stablehlo.sine %y : tensor<3xf32>
    stablehlo.return %z : tensor<3xf32>
  }
  return %r : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// rewrite: scan_that_never_runs
func.func @before(%x: tensor<0x3xf32>, %s: tensor<3xf32>) -> (tensor<0x3xf32>, tensor<3xf32>) {
  %r:2 = chlo.scan(%x) inits(%s) dimension=0 {
  ^bb0(%row: tensor<3xf32>, %sum: tensor<3xf32>):
    %next = stablehlo.multiply %sum, %row : tensor<3xf32>
    stablehlo.return %row, %next : tensor<3xf32>, tensor<3xf32>
  } : (tensor<0x3xf32>, tensor<3xf32>) -> (tensor<0x3xf32>, tensor<3xf32>)
  return %r#0, %r#1 : tensor<0x3xf32>, tensor<3xf32>
}
func.func @after(%x: tensor<0x3xf32>, %s: tensor<3xf32>) -> (tensor<0x3xf32>, tensor<3xf32>) {
  %y = stablehlo.constant dense<> : tensor<0x3xf32>
  return %y, %s : tensor<0x3xf32>, tensor<3xf32>
}

// rewrite: common_subexpressions
func.func @before(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %a = stablehlo.tanh %x : tensor<3xf32>
  %b = stablehlo.tanh %x : tensor<3xf32>
  return %a, %b : tensor<3xf32>, tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %a = stablehlo.tanh %x : tensor<3xf32>
  return %a, %a : tensor<3xf32>, tensor<3xf32>
}

// rewrite: dead_code
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %a = stablehlo.tanh %x : tensor<3xf32>
  %b = stablehlo.sine %x : tensor<3xf32>
  return %b : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %b = stablehlo.sine %x : tensor<3xf32>
  return %b : tensor<3xf32>
}
