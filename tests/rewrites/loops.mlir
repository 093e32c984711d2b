// What each round of a loop does anew, and what a loop makes for nobody.

// rewrite: counted_loop
func.func @before(%x: tensor<3xf32>) -> tensor<3xf32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %last:2 = stablehlo.while(%i = %zero, %y = %x) : tensor<i32>, tensor<3xf32>
  cond {
    %end = stablehlo.constant dense<5> : tensor<i32>
    %more = stablehlo.compare LT, %i, %end : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %more : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %next = stablehlo.add %i, %one : tensor<i32>
    %s = stablehlo.sine %y : tensor<3xf32>
    stablehlo.return %next, %s : tensor<i32>, tensor<3xf32>
  }
  return %last#1 : tensor<3xf32>
}
func.func @after(%x: tensor<3xf32>) -> tensor<3xf32> {
  %last = chlo.scan() inits(%x) dimension=0 length=5 {
  ^bb0(%y: tensor<3xf32>):
    %s = stablehlo.sine %y : tensor<3xf32>
    stablehlo.return %s : tensor<3xf32>
  } : (tensor<3xf32>) -> tensor<3xf32>
  return %last : tensor<3xf32>
}

// rewrite: unread_results
// The second carried value goes, and with it what is walked along for its sake.
func.func @before(%xs: tensor<4x3xf32>, %ys: tensor<4x3xf32>, %a: tensor<3xf32>, %b: tensor<3xf32>) -> tensor<3xf32> {
  %r:3 = chlo.scan(%xs, %ys) inits(%a, %b) dimension=0 {
  ^bb0(%x: tensor<3xf32>, %y: tensor<3xf32>, %c: tensor<3xf32>, %d: tensor<3xf32>):
    %e = stablehlo.multiply %x, %c : tensor<3xf32>
    %f = stablehlo.multiply %y, %d : tensor<3xf32>
    %g = stablehlo.add %e, %x : tensor<3xf32>
    stablehlo.return %f, %g, %f : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
  } : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>)
  return %r#1 : tensor<3xf32>
}
func.func @after(%xs: tensor<4x3xf32>, %ys: tensor<4x3xf32>, %a: tensor<3xf32>, %b: tensor<3xf32>) -> tensor<3xf32> {
  %r = chlo.scan(%xs) inits(%a) dimension=0 {
  ^bb0(%x: tensor<3xf32>, %c: tensor<3xf32>):
    %e = stablehlo.multiply %x, %c : tensor<3xf32>
    %g = stablehlo.add %e, %x : tensor<3xf32>
    stablehlo.return %g : tensor<3xf32>
  } : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// rewrite: unread_results
func.func @before(%x: tensor<i8>, %z: tensor<3xf32>) -> tensor<i8> {
  %r:2 = stablehlo.while(%y = %x, %w = %z) : tensor<i8>, tensor<3xf32>
  cond {
    %limit = stablehlo.constant dense<9> : tensor<i8>
    %below = stablehlo.compare LT, %y, %limit : (tensor<i8>, tensor<i8>) -> tensor<i1>
    stablehlo.return %below : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i8>
    %next = stablehlo.add %y, %one : tensor<i8>
    %s = stablehlo.sine %w : tensor<3xf32>
    stablehlo.return %next, %s : tensor<i8>, tensor<3xf32>
  }
  return %r#0 : tensor<i8>
}
func.func @after(%x: tensor<i8>, %z: tensor<3xf32>) -> tensor<i8> {
  %r = stablehlo.while(%y = %x) : tensor<i8>
  cond {
    %limit = stablehlo.constant dense<9> : tensor<i8>
    %below = stablehlo.compare LT, %y, %limit : (tensor<i8>, tensor<i8>) -> tensor<i1>
    stablehlo.return %below : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i8>
    %next = stablehlo.add %y, %one : tensor<i8>
    stablehlo.return %next : tensor<i8>
  }
  return %r : tensor<i8>
}

// rewrite: unread_results
func.func @before(%p: tensor<i1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %r:2 = "stablehlo.if"(%p) ({
    %s = stablehlo.sine %x : tensor<3xf32>
    stablehlo.return %s, %x : tensor<3xf32>, tensor<3xf32>
  }, {
    %c = stablehlo.cosine %x : tensor<3xf32>
    stablehlo.return %x, %c : tensor<3xf32>, tensor<3xf32>
  }) : (tensor<i1>) -> (tensor<3xf32>, tensor<3xf32>)
  return %r#0 : tensor<3xf32>
}
func.func @after(%p: tensor<i1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %r = "stablehlo.if"(%p) ({
    %s = stablehlo.sine %x : tensor<3xf32>
    stablehlo.return %s : tensor<3xf32>
  }, {
    stablehlo.return %x : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// stays: unread_results
// A running sum of halves accumulates in f32, and would so without the second value: it does not begin to.
func.func @before(%xs: tensor<4x3xf16>, %a: tensor<3xf16>, %b: tensor<3xf16>) -> (tensor<4x3xf16>, tensor<3xf16>) {
  %r:3 = chlo.scan(%xs) inits(%a, %b) dimension=0 {
  ^bb0(%x: tensor<3xf16>, %sum: tensor<3xf16>, %other: tensor<3xf16>):
    %next = stablehlo.add %sum, %x : tensor<3xf16>
    %sine = stablehlo.sine %other : tensor<3xf16>
    stablehlo.return %next, %next, %sine : tensor<3xf16>, tensor<3xf16>, tensor<3xf16>
  } : (tensor<4x3xf16>, tensor<3xf16>, tensor<3xf16>) -> (tensor<4x3xf16>, tensor<3xf16>, tensor<3xf16>)
  return %r#0, %r#1 : tensor<4x3xf16>, tensor<3xf16>
}

// rewrite: carried_unchanged
func.func @before(%xs: tensor<4x3xf32>, %a: tensor<3xf32>, %b: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %r:2 = chlo.scan(%xs) inits(%a, %b) dimension=0 {
  ^bb0(%x: tensor<3xf32>, %w: tensor<3xf32>, %sum: tensor<3xf32>):
    %y = stablehlo.multiply %x, %w : tensor<3xf32>
    %next = stablehlo.add %sum, %y : tensor<3xf32>
    stablehlo.return %w, %next : tensor<3xf32>, tensor<3xf32>
  } : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %r#0, %r#1 : tensor<3xf32>, tensor<3xf32>
}
func.func @after(%xs: tensor<4x3xf32>, %a: tensor<3xf32>, %b: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %r = chlo.scan(%xs) inits(%b) dimension=0 {
  ^bb0(%x: tensor<3xf32>, %sum: tensor<3xf32>):
    %y = stablehlo.multiply %x, %a : tensor<3xf32>
    %next = stablehlo.add %sum, %y : tensor<3xf32>
    stablehlo.return %next : tensor<3xf32>
  } : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %a, %r : tensor<3xf32>, tensor<3xf32>
}

// rewrite: scan_of_one_step
func.func @before(%xs: tensor<1x3xf32>, %a: tensor<3xf32>) -> (tensor<1x3xf32>, tensor<3xf32>) {
  %r:2 = chlo.scan(%xs) inits(%a) dimension=0 {
  ^bb0(%x: tensor<3xf32>, %sum: tensor<3xf32>):
    %y = stablehlo.multiply %x, %sum : tensor<3xf32>
    stablehlo.return %y, %y : tensor<3xf32>, tensor<3xf32>
  } : (tensor<1x3xf32>, tensor<3xf32>) -> (tensor<1x3xf32>, tensor<3xf32>)
  return %r#0, %r#1 : tensor<1x3xf32>, tensor<3xf32>
}
func.func @after(%xs: tensor<1x3xf32>, %a: tensor<3xf32>) -> (tensor<1x3xf32>, tensor<3xf32>) {
  %x = stablehlo.reshape %xs : (tensor<1x3xf32>) -> tensor<3xf32>
  %y = stablehlo.multiply %x, %a : tensor<3xf32>
  %r = stablehlo.reshape %y : (tensor<3xf32>) -> tensor<1x3xf32>
  return %r, %y : tensor<1x3xf32>, tensor<3xf32>
}

// rewrite: invariant_of_scan
func.func @before(%xs: tensor<4x3xf32>, %a: tensor<3xf32>, %w: tensor<3xf32>) -> tensor<3xf32> {
  %r = chlo.scan(%xs) inits(%a) dimension=0 {
  ^bb0(%x: tensor<3xf32>, %sum: tensor<3xf32>):
    %t = stablehlo.tanh %w : tensor<3xf32>
    %y = stablehlo.multiply %x, %t : tensor<3xf32>
    %next = stablehlo.add %sum, %y : tensor<3xf32>
    stablehlo.return %next : tensor<3xf32>
  } : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}
func.func @after(%xs: tensor<4x3xf32>, %a: tensor<3xf32>, %w: tensor<3xf32>) -> tensor<3xf32> {
  %t = stablehlo.tanh %w : tensor<3xf32>
  %r = chlo.scan(%xs) inits(%a) dimension=0 {
  ^bb0(%x: tensor<3xf32>, %sum: tensor<3xf32>):
    %y = stablehlo.multiply %x, %t : tensor<3xf32>
    %next = stablehlo.add %sum, %y : tensor<3xf32>
    stablehlo.return %next : tensor<3xf32>
  } : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// stays: invariant_of_scan
// A view is better made where it is read.
func.func @before(%xs: tensor<4x3xf32>, %a: tensor<3xf32>, %w: tensor<f32>) -> tensor<3xf32> {
  %r = chlo.scan(%xs) inits(%a) dimension=0 {
  ^bb0(%x: tensor<3xf32>, %sum: tensor<3xf32>):
    %t = stablehlo.broadcast_in_dim %w, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %y = stablehlo.multiply %x, %t : tensor<3xf32>
    %next = stablehlo.add %sum, %y : tensor<3xf32>
    stablehlo.return %next : tensor<3xf32>
  } : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// rewrite: invariant_of_while
func.func @before(%x: tensor<i8>, %step: tensor<i8>) -> tensor<i8> {
  %r:2 = stablehlo.while(%y = %x, %s = %step) : tensor<i8>, tensor<i8>
  cond {
    %limit = stablehlo.constant dense<9> : tensor<i8>
    %below = stablehlo.compare LT, %y, %limit : (tensor<i8>, tensor<i8>) -> tensor<i1>
    stablehlo.return %below : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i8>
    %three = stablehlo.constant dense<3> : tensor<i8>
    %least = stablehlo.maximum %s, %one : tensor<i8>
    %more = stablehlo.minimum %least, %three : tensor<i8>
    %zero = stablehlo.constant dense<0> : tensor<i8>
    %from = stablehlo.maximum %y, %zero : tensor<i8>
    %next = stablehlo.add %from, %more : tensor<i8>
    stablehlo.return %next, %s : tensor<i8>, tensor<i8>
  }
  return %r#0 : tensor<i8>
}
func.func @after(%x: tensor<i8>, %step: tensor<i8>) -> tensor<i8> {
  %one = stablehlo.constant dense<1> : tensor<i8>
  %three = stablehlo.constant dense<3> : tensor<i8>
  %least = stablehlo.maximum %step, %one : tensor<i8>
  %more = stablehlo.minimum %least, %three : tensor<i8>
  %r:3 = stablehlo.while(%y = %x, %s = %step, %m = %more) : tensor<i8>, tensor<i8>, tensor<i8>
  cond {
    %limit = stablehlo.constant dense<9> : tensor<i8>
    %below = stablehlo.compare LT, %y, %limit : (tensor<i8>, tensor<i8>) -> tensor<i1>
    stablehlo.return %below : tensor<i1>
  } do {
    %zero = stablehlo.constant dense<0> : tensor<i8>
    %from = stablehlo.maximum %y, %zero : tensor<i8>
    %next = stablehlo.add %from, %m : tensor<i8>
    stablehlo.return %next, %s, %m : tensor<i8>, tensor<i8>, tensor<i8>
  }
  return %r#0 : tensor<i8>
}

// rewrite: products_over_all_steps
func.func @before(%xs: tensor<4x2x3xf32>, %h: tensor<2x5xf32>, %w: tensor<3x5xf32>) -> tensor<2x5xf32> {
  %r = chlo.scan(%xs) inits(%h) dimension=0 {
  ^bb0(%x: tensor<2x3xf32>, %c: tensor<2x5xf32>):
    %p = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x5xf32>
    %s = stablehlo.add %p, %c : tensor<2x5xf32>
    %next = stablehlo.tanh %s : tensor<2x5xf32>
    stablehlo.return %next : tensor<2x5xf32>
  } : (tensor<4x2x3xf32>, tensor<2x5xf32>) -> tensor<2x5xf32>
  return %r : tensor<2x5xf32>
}
func.func @after(%xs: tensor<4x2x3xf32>, %h: tensor<2x5xf32>, %w: tensor<3x5xf32>) -> tensor<2x5xf32> {
  %p = stablehlo.dot_general %xs, %w, contracting_dims = [2] x [0] : (tensor<4x2x3xf32>, tensor<3x5xf32>) -> tensor<4x2x5xf32>
  %r = chlo.scan(%p) inits(%h) dimension=0 {
  ^bb0(%q: tensor<2x5xf32>, %c: tensor<2x5xf32>):
    %s = stablehlo.add %q, %c : tensor<2x5xf32>
    %next = stablehlo.tanh %s : tensor<2x5xf32>
    stablehlo.return %next : tensor<2x5xf32>
  } : (tensor<4x2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xf32>
  return %r : tensor<2x5xf32>
}

// stays: products_over_all_steps
// A scan that carries nothing is a loop for the sake of memory.
func.func @before(%xs: tensor<4x2x3xf32>, %w: tensor<3x5xf32>) -> tensor<4x2x5xf32> {
  %r = chlo.scan(%xs) inits() dimension=0 {
  ^bb0(%x: tensor<2x3xf32>):
    %p = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x5xf32>
    stablehlo.return %p : tensor<2x5xf32>
  } : (tensor<4x2x3xf32>) -> tensor<4x2x5xf32>
  return %r : tensor<4x2x5xf32>
}

// rewrite: products_of_one_operand
// What a loop only reads is put together in its body, from where it goes before the loop.
func.func @before(%h: tensor<2x3xf32>, %w: tensor<3x3xf32>, %v: tensor<3x3xf32>) -> tensor<2x3xf32> {
  %r = chlo.scan() inits(%h) dimension=0 length=4 {
  ^bb0(%c: tensor<2x3xf32>):
    %a = stablehlo.dot_general %c, %w, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
    %b = stablehlo.dot_general %c, %v, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
    %next = stablehlo.multiply %a, %b : tensor<2x3xf32>
    stablehlo.return %next : tensor<2x3xf32>
  } : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}
func.func @after(%h: tensor<2x3xf32>, %w: tensor<3x3xf32>, %v: tensor<3x3xf32>) -> tensor<2x3xf32> {
  %r = chlo.scan() inits(%h) dimension=0 length=4 {
  ^bb0(%c: tensor<2x3xf32>):
    %wv = stablehlo.concatenate %w, %v, dim = 1 : (tensor<3x3xf32>, tensor<3x3xf32>) -> tensor<3x6xf32>
    %p = stablehlo.dot_general %c, %wv, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x6xf32>) -> tensor<2x6xf32>
    %a = stablehlo.slice %p [0:2, 0:3] : (tensor<2x6xf32>) -> tensor<2x3xf32>
    %b = stablehlo.slice %p [0:2, 3:6] : (tensor<2x6xf32>) -> tensor<2x3xf32>
    %next = stablehlo.multiply %a, %b : tensor<2x3xf32>
    stablehlo.return %next : tensor<2x3xf32>
  } : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}
