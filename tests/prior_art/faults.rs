//! Ops on traced values that do not fit: told together, with the types that one member has.

use choral::custom_vmap;
use choral::prelude::*;
use insta::assert_snapshot;

use super::{message, numbers};

/// The message of a mapped function's faults without the lines, which must be of this file.
#[track_caller]
fn faults<O: Tree<Var>>(function: impl Fn(Var) -> O) -> String {
    let message = message(vmap(function, 0).trace(&numbers(&[5, 2, 3])));
    let (lines, faults): (Vec<&str>, Vec<&str>) = message.lines().partition(|line| line.starts_with("  at "));
    let heads = faults.iter().filter(|line| !line.starts_with("  ")).count();
    assert_eq!(lines.len(), heads, "each fault has a line:\n{message}");
    assert!(lines.iter().all(|line| line.contains(file!())), "{message}");
    faults.join("\n")
}

#[test]
fn shapes_that_do_not_fit_are_told_together() {
    let faults = faults(|x| {
        (
            [x.reshape([4, -1]), x.reshape([-1, -1]), x.flatten(1, 0), x.unsqueeze(4), x.squeeze(2)],
            [x.permute([0, 0]), x.permute([0]), x.transpose(0, -3), x.broadcast_to([3, 3]), x.flip([2])],
            [x.narrow(1, 2, 2), x.select(0, 2), x.pad([(0, 1)], 0.0), x.cat(&[&x.flatten(0, 1)], 0)],
        )
    });
    assert_snapshot!(faults, @"
    reshape: tensor<2x3xf32> cannot take the shape [4, -1]
    reshape: tensor<2x3xf32> cannot take the shape [-1, -1]
    flatten: dimension 1 does not come before 0 in tensor<2x3xf32>
    unsqueeze: dimension 4 is out of range for a result of rank 3
    dimension 2 is out of range: tensor<2x3xf32> takes -2 to 1
    stablehlo.transpose: permutation names dimension 0 twice (unique)
      operand 0: %arg : tensor<2x3xf32>
    stablehlo.transpose: permutation [0] needs one entry per dimension of tensor<2x3xf32> (C2)
      operand 0: %arg : tensor<2x3xf32>
    dimension -3 is out of range: tensor<2x3xf32> takes -2 to 1
    broadcast_to: tensor<2x3xf32> cannot be repeated to [3, 3]
    dimension 2 is out of range: tensor<2x3xf32> takes -2 to 1
    stablehlo.slice: slice 2:4 does not lie within dimension 1 of tensor<2x3xf32> (C3)
      operand 0: %arg : tensor<2x3xf32>
    stablehlo.slice: slice 2:3 does not lie within dimension 0 of tensor<2x3xf32> (C3)
      operand 0: %arg : tensor<2x3xf32>
    stablehlo.pad: low, high and interior need one entry per dimension of tensor<2x3xf32> (C2)
      operand 0: %arg : tensor<2x3xf32>
      operand 1: %constant.constant : tensor<f32>
    stablehlo.concatenate: operands may differ only in dimension 0, but operand 0 is tensor<2x3xf32> and operand 1 is tensor<6xf32> (C2)
      operand 0: %arg : tensor<2x3xf32>
      operand 1: %reshape : tensor<6xf32>
    ");
}

/// No product of sizes overflows, and nothing is allocated for a result that no memory holds.
#[test]
fn sizes_beyond_all_memory_are_an_error() {
    let reshaped = faults(|x| [x.reshape([i64::MAX, 4]), x.reshape([1 << 40, 1 << 40, -1])]);
    assert_snapshot!(reshaped, @"
    reshape: tensor<2x3xf32> cannot take the shape [9223372036854775807, 4]
    reshape: tensor<2x3xf32> cannot take the shape [1099511627776, 1099511627776, -1]
    ");
    let beyond = faults(|x| {
        let weight = x.select(0, 0).reshape([1, 1, 3]);
        let mut conv =
            Conv1d { weight, bias: None, stride: [1], padding: [1 << 61], dilation: [1], groups: 1 };
        let image = x.reshape([1, 1, 6]);
        [
            x.sum(()).broadcast_to([1 << 62]),
            x.full(vec![1 << 40, 1 << 40], 1.0) + 1.0,
            conv.forward(&image),
            image.max_pool(&[2], &[1], &[usize::MAX]),
            image.pad([(0, 0), (0, 0), (i64::MAX, i64::MAX)], 0.0),
        ]
    });
    assert_snapshot!(beyond, @"
    stablehlo.broadcast_in_dim: result 0 is tensor<4611686018427387904xf32>, which is more than memory can address (size)
      operand 0: %sum : tensor<f32>
    stablehlo.add: operand 0 is tensor<1099511627776x1099511627776xf32>, which is more than memory can address (size)
      operand 0: %constant.constant : tensor<1099511627776x1099511627776xf32>
      operand 1: %add.constant : tensor<1099511627776x1099511627776xf32>
    stablehlo.convolution: result 0 is tensor<1x1x4611686018427387908xf32>, which is more than memory can address (size)
      operand 0: %reshape : tensor<1x1x6xf32>
      operand 1: %reshape : tensor<1x1x3xf32>
    max_pool: padding of [18446744073709551615] is more than memory can address
    stablehlo.pad: padded dimension 2 of tensor<1x1x6xf32> is too large for 64 bits (size)
      operand 0: %reshape : tensor<1x1x6xf32>
      operand 1: %constant.constant : tensor<f32>
    ");
    let copies = vmap(|x: Var| x.exp(), None::<i64>).axis_size(usize::MAX);
    let told = message(copies.call(&numbers(&[2])));
    assert_snapshot!(told, @"
    stablehlo.broadcast_in_dim: result 0 is tensor<18446744073709551615x2xf32>, which is more than memory can address (size)
      operand 0: %exponential : tensor<2xf32>
    ");
    let limited = vmap(|x: Var| x.exp(), None::<i64>).axis_size(usize::MAX).memory_limit(1 << 30);
    assert_eq!(message(limited.call(&numbers(&[2]))), told);
}

#[test]
fn operands_that_do_not_go_together_are_told_together() {
    let faults = faults(|x| {
        let (scalar, pair, cube) = (x.sum(()), x.select(1, 0), x.unsqueeze(0).broadcast_to([4, 2, 3]));
        (
            [&x + &pair, x.matmul(&scalar), x.matmul(&x), cube.matmul(&cube.flip([0]).narrow(0, 0, 3))],
            [x.where_(&x, 0.0), &x + x.to(DType::F64), scalar.take_rows(&pair), x.take_rows(&pair)],
            [x.sum(2), x.mean([0, -3]), x.argmax(5), pair.max_pool2d(2)],
        )
    });
    assert_snapshot!(faults, @"
    stablehlo.add: shapes do not broadcast together: tensor<2x3xf32> and tensor<2xf32>
    matmul: a scalar has no matrix product: tensor<2x3xf32> and tensor<f32>
    stablehlo.dot_general: contracting dimension 1 of lhs tensor<2x3xf32> has size 3, but dimension 0 of rhs tensor<2x3xf32> has size 2 (C9)
      operand 0: %arg : tensor<2x3xf32>
      operand 1: %arg : tensor<2x3xf32>
    matmul: leading dimensions do not broadcast: tensor<4x2x3xf32> and tensor<3x2x3xf32>
    stablehlo.select: the predicate must be i1, got tensor<2x3xf32> (C3)
      operand 0: %arg : tensor<2x3xf32>
      operand 1: %arg : tensor<2x3xf32>
      operand 2: %select.constant : tensor<2x3xf32>
    stablehlo.add: operands must have one element type, but one is tensor<2x3xf32> and operand 1 is tensor<2x3xf64> (C3)
      operand 0: %arg : tensor<2x3xf32>
      operand 1: %convert : tensor<2x3xf64>
    take_rows: tensor<f32> has no rows
    stablehlo.gather: start_indices must be integers, got tensor<2xf32> (I2)
      operand 0: %arg : tensor<2x3xf32>
      operand 1: %reshape : tensor<2xf32>
    dimension 2 is out of range: tensor<2x3xf32> takes -2 to 1
    dimension -3 is out of range: tensor<2x3xf32> takes -2 to 1
    dimension 5 is out of range: tensor<2x3xf32> takes -2 to 1
    max_pool: windows of [2, 2] do not fit into tensor<2xf32>
    ");
}

#[test]
fn layers_tell_what_input_they_expect() {
    let faults = faults(|x| {
        let (channels, kernel) = (x.select(1, 0), x.unsqueeze(0).broadcast_to([4, 2, 3]));
        let mut norm = BatchNorm2d {
            weight: None,
            bias: None,
            running_mean: channels.clone(),
            running_var: channels.clone(),
            num_batches_tracked: channels,
            eps: 1e-5,
            momentum: None,
            training: false,
        };
        let mut conv =
            Conv1d { weight: kernel, bias: None, stride: [1], padding: [0], dilation: [1], groups: 1 };
        [norm.forward(&x), conv.forward(&x)]
    });
    assert_snapshot!(faults, @"
    BatchNorm2d: expected an input of rank 4, got tensor<2x3xf32>
    Conv1d %reshape: expected an input of rank 3, a batch with channels, got tensor<2x3xf32>
    ");
}

#[test]
fn ops_between_members_tell_what_they_expect() {
    let faults = faults(|x| {
        let none: [&str; 0] = [];
        [x.all_gather("members", 4), x.psum(none), x.all_to_all("members", 2, 0)]
    });
    assert_snapshot!(faults, @"
    all_gather: a new dimension 4 is out of range for tensor<2x3xf32>
    psum: expected the name of an axis, got none
    dimension 2 is out of range: tensor<2x3xf32> takes -2 to 1
    ");
}

#[test]
fn a_function_with_a_rule_takes_all_it_uses_as_arguments() {
    let function = |x: Var| {
        let captured = x.clone();
        let rule = |_: usize, _: &[bool], y: Var| (y, vec![true]);
        custom_vmap(move |y: Var| y + &captured, rule).apply(x)
    };
    let message = message(vmap(function, 0).trace(&numbers(&[5, 3])));
    assert_snapshot!(message, @"
    custom_vmap: the function captures values from outside; pass them as arguments
      at tests/prior_art/faults.rs:177:9
    ");
}
