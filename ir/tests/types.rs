//! Type rules: what does not fit is told with the op, the operands and the constraint's label.

use choral_ir::op::{
    Binary, BroadcastInDim, Compare, ComparisonDirection, ComparisonType, Concatenate, Convolution,
    DotGeneral, Elementwise, Gather, Iota, Layout, Pad, Reduce, ReduceWindow, Reshape, Reverse, Slice,
    Transpose, Unary,
};
use choral_ir::{Builder, DType, Graph, Op, Reducer, Storage, Tensor, TensorType};

fn f32s(shape: impl Into<Vec<usize>>) -> TensorType {
    TensorType::new(shape, DType::F32)
}

fn i32s(shape: impl Into<Vec<usize>>) -> TensorType {
    TensorType::new(shape, DType::I32)
}

/// The error of an op on operands of these types.
#[track_caller]
fn refused(op: impl Into<Op>, operands: &[TensorType]) -> String {
    let mut builder = Builder::new("main");
    let names = ["a", "b", "c"];
    let values: Vec<_> =
        operands.iter().zip(names).map(|(ty, name)| builder.input(name, ty.clone())).collect();
    builder.push(op, &values).unwrap_err().to_string()
}

/// Several refusals as one text.
fn all(refusals: &[String]) -> String {
    refusals.join("\n\n")
}

fn dot(lhs: &[usize], rhs: &[usize]) -> DotGeneral {
    DotGeneral {
        lhs_batching: Vec::new(),
        rhs_batching: Vec::new(),
        lhs_contracting: lhs.to_vec(),
        rhs_contracting: rhs.to_vec(),
        dtype: DType::F32,
    }
}

fn convolution(groups: usize) -> Convolution {
    Convolution {
        batching_dims: Vec::new(),
        input: Layout::channels_first(1),
        kernel: Layout::channels_first(1),
        output: Layout::channels_first(1),
        strides: vec![1],
        padding: vec![(0, 0)],
        lhs_dilation: vec![1],
        rhs_dilation: vec![1],
        reversal: vec![false],
        feature_group_count: groups,
        batch_group_count: 1,
        dtype: DType::F32,
    }
}

fn sum() -> Reducer {
    Graph::reducer(Binary::Add, DType::F32).unwrap().into()
}

#[test]
fn elementwise() {
    let total = Compare { direction: ComparisonDirection::Lt, compare_type: ComparisonType::TotalOrder };
    insta::assert_snapshot!(all(&[
        refused(Unary::Tanh, &[i32s([2])]),
        refused(Unary::Not, &[f32s([2])]),
        refused(Binary::Add, &[f32s([2]), f32s([3])]),
        refused(Binary::Add, &[f32s([2]), i32s([2])]),
        refused(Binary::Add, &[f32s([2])]),
        refused(Binary::ShiftLeft, &[f32s([2]), f32s([2])]),
        refused(Elementwise::Select, &[f32s([2]), f32s([2]), f32s([2])]),
        refused(Elementwise::Clamp, &[f32s([2]), f32s([2]), i32s([2])]),
        refused(total, &[i32s([2]), i32s([2])]),
    ]));
}

#[test]
fn shape() {
    insta::assert_snapshot!(all(&[
        refused(Reshape { shape: vec![5] }, &[f32s([2, 3])]),
        refused(Transpose { permutation: vec![0, 0] }, &[f32s([2, 3])]),
        refused(BroadcastInDim { shape: vec![4, 3], dims: vec![0] }, &[f32s([2])]),
        refused(BroadcastInDim { shape: vec![2, 2], dims: vec![2] }, &[f32s([2])]),
        refused(Reverse { dims: vec![1] }, &[f32s([2])]),
        refused(Slice { start: vec![1], limit: vec![4], strides: vec![1] }, &[f32s([3])]),
        refused(Slice { start: vec![1], limit: vec![2], strides: vec![0] }, &[f32s([3])]),
        refused(Pad { low: vec![0], high: vec![0], interior: vec![0] }, &[f32s([3]), f32s([1])]),
        refused(Concatenate { dimension: 1 }, &[f32s([2, 3]), f32s([3, 3])]),
        refused(Iota { shape: vec![2], dtype: DType::F32, dimension: 1 }, &[]),
    ]));
}

#[test]
fn contractions() {
    insta::assert_snapshot!(all(&[
        refused(dot(&[1], &[0]), &[f32s([2, 3]), f32s([4, 5])]),
        refused(dot(&[2], &[0]), &[f32s([2, 3]), f32s([3, 5])]),
        refused(dot(&[0, 1], &[0]), &[f32s([2, 3]), f32s([3, 5])]),
        refused(convolution(1), &[f32s([1, 4, 9]), f32s([2, 3, 3])]),
        refused(convolution(3), &[f32s([1, 4, 9]), f32s([2, 3, 3])]),
        refused(convolution(1), &[f32s([1, 4]), f32s([2, 3, 3])]),
    ]));
}

#[test]
fn folds() {
    let window = ReduceWindow {
        window_dimensions: vec![2],
        window_strides: vec![0],
        base_dilations: vec![1],
        window_dilations: vec![1],
        padding: vec![(0, 0)],
        body: sum(),
    };
    insta::assert_snapshot!(all(&[
        refused(Reduce { dimensions: vec![2], body: sum() }, &[f32s([2, 3]), f32s([])]),
        refused(Reduce { dimensions: vec![0], body: sum() }, &[f32s([2, 3]), i32s([])]),
        refused(Reduce { dimensions: vec![0], body: sum() }, &[i32s([2, 3]), i32s([])]),
        refused(Reduce { dimensions: vec![0], body: sum() }, &[f32s([2, 3]), f32s([2])]),
        refused(window, &[f32s([4]), f32s([])]),
    ]));
}

#[test]
fn gathers() {
    let gather = |sizes: [usize; 2]| Gather {
        offset_dims: vec![1],
        collapsed_slice_dims: vec![0],
        operand_batching_dims: Vec::new(),
        start_indices_batching_dims: Vec::new(),
        start_index_map: vec![0],
        index_vector_dim: 1,
        slice_sizes: sizes.to_vec(),
        indices_are_sorted: false,
    };
    insta::assert_snapshot!(all(&[
        refused(gather([2, 4]), &[f32s([10, 4]), i32s([5])]),
        refused(gather([1, 5]), &[f32s([10, 4]), i32s([5])]),
        refused(gather([1, 4]), &[f32s([10, 4]), f32s([5])]),
        refused(gather([1, 4]), &[f32s([10]), i32s([5])]),
    ]));
}

/// Between all integer types, at the limits of each and beside zero: the same number, or the nearest limit.
#[test]
fn integers_convert_exactly() {
    let integers = || DType::ALL.into_iter().filter(|dtype| dtype.is_integer());
    let limits = |dtype: DType| dtype.limits().expect("the limits of an integer type");
    let tensor = |number: i128, dtype: DType| {
        let bytes = &number.to_le_bytes()[..dtype.bytes()];
        Tensor::from_storage([], Storage::from_le_bytes(dtype, bytes).unwrap()).unwrap()
    };
    for (from, to) in integers().flat_map(|from| integers().map(move |to| (from, to))) {
        let (least, most) = limits(from);
        for number in [least, least + 1, 0, 1, most - 1, most] {
            let expected = tensor(number.clamp(limits(to).0, limits(to).1), to);
            assert_eq!(tensor(number, from).to_dtype(to), expected, "{number} of {from} as {to}");
        }
    }
    assert_eq!(Tensor::from([1i64 << 32, 0]).to_dtype(DType::I1), Tensor::from([true, false]));
}

/// The last bits of a wider float decide on which side of the middle of two neighbours it lies.
#[test]
fn floats_of_16_bits_are_rounded_by_all_digits() {
    let middle = f32::from_bits(0x3f80_8000);
    let wide =
        Tensor::from([middle, f32::from_bits(middle.to_bits() + 1), f32::from_bits(middle.to_bits() - 1)]);
    let bits = |dtype| wide.to_dtype(dtype).to_f64_vec();
    assert_eq!(bits(DType::Bf16), [1.0, 1.0078125, 1.0]);
    let middle = 1.0 + f64::powi(2.0, -11);
    let wide = Tensor::from([middle, middle + f64::powi(2.0, -50), middle - f64::powi(2.0, -50)]);
    assert_eq!(wide.to_dtype(DType::F16).to_f64_vec(), [1.0, 1.0 + f64::powi(2.0, -10), 1.0]);
    assert_eq!(Tensor::scalar_of(DType::Bf16, 1.003906250931323).to_f64_vec(), [1.0078125]);
}
