//! Sums of products by their definition: contractions and convolutions.

use choral_ir::element::bf16;
use choral_ir::op::{BatchingDim, Binary, Convolution, DotGeneral, Layout};
use choral_ir::{Builder, DType, Tensor};
use choral_runtime::{Device, Executable};

use crate::reference::{check, counting, run, tensor};

#[test]
fn contractions() {
    let dot = |batching: usize, dtype| DotGeneral {
        lhs_batching: (0..batching).collect(),
        rhs_batching: (0..batching).collect(),
        lhs_contracting: vec![batching + 1],
        rhs_contracting: vec![batching],
        dtype,
    };
    let product = run(dot(0, DType::F32), &[counting(&[2, 2]), counting(&[2, 2])]);
    check(&product, [7.0f32, 10.0, 15.0, 22.0]);
    let batched = run(dot(1, DType::F32), &[counting(&[2, 1, 2]), counting(&[2, 2, 1])]);
    check(&batched, [5.0f32, 25.0]);
    let wide = run(dot(0, DType::I32), &[tensor(&[1, 2], [100i8, -128]), tensor(&[2, 1], [-100i8, 127])]);
    check(&wide, [-100 * 100 - 128 * 127i32]);
}

/// The sum of the products of two vectors, on the reference.
fn product_of_vectors(lhs: &Tensor, rhs: &Tensor, dtype: DType) -> Tensor {
    let mut builder = Builder::new("main");
    let values: Vec<_> = [lhs, rhs].map(|operand| builder.input("x", operand.ty().clone())).into();
    let (none, all) = (Vec::new(), vec![0]);
    let op = DotGeneral {
        lhs_batching: none.clone(),
        rhs_batching: none,
        lhs_contracting: all.clone(),
        rhs_contracting: all,
        dtype,
    };
    let result = builder.push(op, &values).unwrap();
    let graph = builder.finish(&[result]);
    let operands = [lhs.clone(), rhs.clone()];
    Executable::compile(&graph, Device::Reference).unwrap().run(&operands).unwrap().remove(0)
}

#[test]
fn sums_of_products_are_chains_of_fused_multiply_adds() {
    // (1 + e) * (1 - e) - 1 = -e * e, which a product that is rounded on its own loses.
    let e = f32::EPSILON;
    let product =
        product_of_vectors(&Tensor::from([-1.0, 1.0 + e]), &Tensor::from([1.0, 1.0 - e]), DType::F32);
    check(&product, [-e * e]);
    // 16-bit floats are summed in `f32`: 256 + 1 - 256.
    let halves = [256.0, 1.0, -256.0].map(bf16::from_f32);
    let ones = Tensor::from([bf16::ONE; 3]);
    check(&product_of_vectors(&Tensor::from(halves), &ones, DType::Bf16), [bf16::ONE]);
    // `f32` in `f64`.
    check(
        &product_of_vectors(&Tensor::from([1.0f32 + e]), &Tensor::from([1.0f32 + e]), DType::F64),
        [(1.0 + f64::from(e)) * (1.0 + f64::from(e))],
    );
    // No terms, and none but -0.0.
    check(&product_of_vectors(&tensor::<f32>(&[0], []), &tensor::<f32>(&[0], []), DType::F32), [0.0f32]);
    check(&product_of_vectors(&Tensor::from([-0.0f32]), &Tensor::from([1.0f32]), DType::F32), [0.0f32]);
}

/// 2^24 swallows a 1 that comes after it in its chain, and not what stands in another block.
#[test]
fn long_sums_of_products_are_trees_of_chains() {
    let sum = |length: usize, big: usize| {
        let values = Tensor::from_fn([length], |at| if at == big { 16_777_216.0 } else { 1.0f32 });
        let ones = Tensor::from_fn([length], |_| 1.0f32);
        product_of_vectors(&values, &ones, DType::F32).as_slice::<f32>().unwrap()[0] - 16_777_216.0
    };
    // 4,095 is halfway between 4,094 and 4,096.
    assert_eq!([sum(4096, 0), sum(4096, 4095)], [0.0, 4096.0]);
    // Blocks of 2,048, 2,048 and 4: the first two are added first.
    assert_eq!([sum(4100, 0), sum(4100, 2048), sum(4100, 4096)], [2052.0, 2052.0, 4096.0]);
    // Five blocks: ((0 + 1) + (2 + 3)) + 4.
    assert_eq!([sum(8196, 0), sum(8196, 8192)], [2048.0 + 4096.0 + 4.0, 8192.0]);
}

/// One spatial dimension, one image, a kernel `[1, 1, 2]` of 1 and 10.
pub(crate) fn slide(change: impl FnOnce(&mut Convolution)) -> Tensor {
    let mut op = Convolution {
        batching_dims: Vec::new(),
        input: Layout::channels_first(1),
        kernel: Layout::channels_first(1),
        output: Layout::channels_first(1),
        strides: vec![1],
        padding: vec![(0, 0)],
        lhs_dilation: vec![1],
        rhs_dilation: vec![1],
        reversal: vec![false],
        feature_group_count: 1,
        batch_group_count: 1,
        dtype: DType::F32,
    };
    change(&mut op);
    run(op, &[counting(&[1, 1, 4]), tensor(&[1, 1, 2], [1.0f32, 10.0])])
}

#[test]
fn windows_slide() {
    check(&slide(|_| {}), [21.0f32, 32.0, 43.0]);
    check(&slide(|op| op.strides = vec![2]), [21.0f32, 43.0]);
    check(&slide(|op| op.padding = vec![(1, -1)]), [10.0f32, 21.0, 32.0]);
    check(&slide(|op| op.rhs_dilation = vec![2]), [31.0f32, 42.0]);
    check(&slide(|op| op.lhs_dilation = vec![2]), [1.0f32, 20.0, 2.0, 30.0, 3.0, 40.0]);
    check(&slide(|op| op.reversal = vec![true]), [12.0f32, 23.0, 34.0]);
}

/// Places of the kernel come first, then input features; what lies in the padding is no term.
#[test]
fn convolutions_sum_in_order() {
    let layout = || Layout::channels_first(1);
    let op = Convolution {
        batching_dims: Vec::new(),
        input: layout(),
        kernel: layout(),
        output: layout(),
        strides: vec![1],
        padding: vec![(1, 0)],
        lhs_dilation: vec![1],
        rhs_dilation: vec![1],
        reversal: vec![false],
        feature_group_count: 1,
        batch_group_count: 1,
        dtype: DType::F32,
    };
    let big = 16_777_216.0f32;
    let mut builder = Builder::new("main");
    let operands =
        [tensor(&[1, 2, 2], [big, 1.0, 1.0, -big]), tensor(&[1, 2, 2], [1.0f32, 1.0, 1.0, f32::INFINITY])];
    let values: Vec<_> = operands.iter().map(|operand| builder.input("x", operand.ty().clone())).collect();
    let result = builder.push(op, &values).unwrap();
    let graph = builder.finish(&[result]);
    let result = Executable::compile(&graph, Device::Reference).unwrap().run(&operands).unwrap().remove(0);
    check(&result, [f32::INFINITY, f32::NEG_INFINITY]);
}

#[test]
fn groups_and_members_keep_apart() {
    let layout = Layout::channels_first(1);
    let op = |groups, batching_dims, input: Layout, kernel: Layout, output: Layout| Convolution {
        batching_dims,
        input,
        kernel,
        output,
        strides: vec![1],
        padding: vec![(0, 0)],
        lhs_dilation: vec![1],
        rhs_dilation: vec![1],
        reversal: vec![false],
        feature_group_count: groups,
        batch_group_count: 1,
        dtype: DType::F32,
    };
    let grouped = op(2, Vec::new(), layout.clone(), layout.clone(), layout.clone());
    check(
        &run(grouped, &[counting(&[1, 2, 2]), tensor(&[2, 1, 1], [1.0f32, 10.0])]),
        [1.0f32, 2.0, 30.0, 40.0],
    );
    let members = vec![BatchingDim { input: None, kernel: Some(0), output: 0 }];
    let own_kernels = op(1, members, layout.clone(), layout.map(|dim| dim + 1), layout.map(|dim| dim + 1));
    let result = run(own_kernels, &[counting(&[1, 1, 2]), tensor(&[2, 1, 1, 1], [1.0f32, 10.0])]);
    check(&result, [1.0f32, 2.0, 10.0, 20.0]);
    let mut batch_groups = op(1, Vec::new(), layout.clone(), layout.clone(), layout);
    batch_groups.batch_group_count = 2;
    let result = run(batch_groups, &[counting(&[2, 1, 2]), tensor(&[2, 1, 1], [1.0f32, 10.0])]);
    check(&result, [1.0f32, 2.0, 30.0, 40.0]);
}

/// Images wide enough for vectors of places: three members have kernels of their own, one element of them is infinite, so
/// that the padding must be no term, and the sums get their bias and their rectifier.
#[test]
fn wide_images_have_the_bits_of_the_reference() {
    let mut op = Convolution {
        batching_dims: vec![BatchingDim { input: None, kernel: Some(0), output: 0 }],
        input: Layout::channels_first(2),
        kernel: Layout::channels_first(2).map(|dim| dim + 1),
        output: Layout::channels_first(2).map(|dim| dim + 1),
        strides: vec![1; 2],
        padding: vec![(1, 2), (2, 1)],
        lhs_dilation: vec![1; 2],
        rhs_dilation: vec![1; 2],
        reversal: vec![false; 2],
        feature_group_count: 1,
        batch_group_count: 1,
        dtype: DType::F32,
    };
    let images = Tensor::from_fn([2, 3, 21, 27], |place| (place * 37 % 101 + 1) as f32 * 0.01);
    let kernels = Tensor::from_fn([3, 7, 3, 4, 3], |place| match place {
        300 => f32::INFINITY,
        _ => (place * 53 % 97) as f32 * 0.02 - 1.0,
    });
    let biases = Tensor::from_fn([3, 7], |place| place as f32 * 0.3 - 2.0);
    for (strides, reversal) in [([1, 1], [false, false]), ([2, 1], [false, true]), ([1, 2], [true, false])] {
        (op.strides, op.reversal) = (strides.into(), reversal.into());
        let operands = [images.clone(), kernels.clone(), biases.clone()];
        let mut builder = Builder::new("main");
        let [x, w, b] = operands.each_ref().map(|operand| builder.input("x", operand.ty().clone()));
        let sums = builder.push(op.clone(), &[x, w]).unwrap();
        let shape = builder.graph().ty(sums).shape.clone();
        let bias = builder.broadcast_in_dim(b, shape.clone(), vec![0, 2]).unwrap();
        let sums = builder.push(Binary::Add, &[sums, bias]).unwrap();
        let zero = builder.constant(Tensor::from(0.0f32));
        let zeros = builder.broadcast_in_dim(zero, shape, Vec::new()).unwrap();
        let result = builder.push(Binary::Maximum, &[sums, zeros]).unwrap();
        let graph = builder.finish(&[result]);
        let on = |device| Executable::compile(&graph, device).unwrap().run(&operands).unwrap().remove(0);
        let (reference, cpu) = (on(Device::Reference), on(Device::Cpu));
        let reference = reference.as_slice::<f32>().unwrap();
        assert!(reference.contains(&f32::INFINITY) && !reference.iter().any(|value| value.is_nan()));
        check(&cpu, reference);
    }
}
