//! What the ops mean, on small cases computed by hand from the specification.

use choral_ir::element::{bf16, f16, i4};
use choral_ir::op::{
    Binary, BitcastConvert, BroadcastInDim, Cholesky, Compare, ComparisonDirection, ComparisonType,
    Concatenate, Elementwise, Gather, Iota, Pad, Reduce, ReducePrecision, ReduceWindow, Reverse, Scatter,
    Slice, Transpose, TriangularSolve, Unary,
};
use choral_ir::{Builder, DType, Element, Graph, Op, Reducer, Tensor, TensorType};
use choral_runtime::{Device, Executable};

use crate::products::slide;

/// The first result of an op on constants-as-inputs, the same on every device.
#[track_caller]
pub(crate) fn run(op: impl Into<Op>, operands: &[Tensor]) -> Tensor {
    let mut builder = Builder::new("main");
    let values: Vec<_> = operands.iter().map(|operand| builder.input("x", operand.ty().clone())).collect();
    let result = builder.push(op, &values).unwrap();
    let graph = builder.finish(&[result]);
    let on = |device| Executable::compile(&graph, device).unwrap().run(operands).unwrap().remove(0);
    let (reference, cpu) = (on(Device::Reference), on(Device::Cpu));
    assert_eq!(reference.to_string(), cpu.to_string(), "the devices differ");
    reference
}

/// Checks the elements of a result, bit for bit.
#[track_caller]
pub(crate) fn check<T: Element>(got: &Tensor, expected: impl Into<Vec<T>>) {
    let expected = expected.into();
    let bits = |values: &[T]| values.iter().map(|value| value.to_bits64()).collect::<Vec<_>>();
    let got = got.as_slice::<T>().unwrap();
    assert_eq!(bits(got), bits(&expected), "got {got:?}, expected {expected:?}");
}

pub(crate) fn tensor<T: Element>(shape: &[usize], values: impl Into<Vec<T>>) -> Tensor {
    Tensor::new(shape, values.into()).unwrap()
}

/// 1, 2, 3, .. in a shape.
pub(crate) fn counting(shape: &[usize]) -> Tensor {
    Tensor::from_fn(shape, |place| (place + 1) as f32)
}

#[test]
fn integer_division_has_an_answer_for_everything() {
    let (x, y) = (Tensor::from([7, -7, 5, i32::MIN]), Tensor::from([2, 2, 0, -1]));
    check(&run(Binary::Divide, &[x.clone(), y.clone()]), [3, -3, -1, i32::MIN]);
    check(&run(Binary::Remainder, &[x, y]), [1, -1, 5, 0]);
    let (x, y) = (Tensor::from([7u8, 5]), Tensor::from([2u8, 0]));
    check(&run(Binary::Divide, &[x.clone(), y.clone()]), [3u8, u8::MAX]);
    check(&run(Binary::Remainder, &[x, y]), [1u8, 5]);
}

#[test]
fn integers_wrap() {
    check(&run(Binary::Add, &[Tensor::from([i8::MAX]), Tensor::from([1i8])]), [i8::MIN]);
    check(&run(Binary::Multiply, &[Tensor::from([200u8]), Tensor::from([2u8])]), [144u8]);
    check(&run(Unary::Abs, &[Tensor::from([i32::MIN, -3])]), [i32::MIN, 3]);
    check(&run(Unary::Negate, &[Tensor::from([1u16])]), [u16::MAX]);
    let (base, exponent) = (Tensor::from([2, 2, -1, 0, 3]), Tensor::from([10, -1, -3, -2, 0]));
    check(&run(Binary::Power, &[base, exponent]), [1024, 0, -1, -1, 1]);
    check(&run(Binary::Mulhi, &[Tensor::from([u64::MAX]), Tensor::from([u64::MAX])]), [u64::MAX - 1]);
    check(&run(Binary::Mulhi, &[Tensor::from([-1i16]), Tensor::from([2i16])]), [-1i16]);
}

#[test]
fn shifts_past_the_width_leave_nothing() {
    let (x, by) = (Tensor::from([-8i32, -8, -8]), Tensor::from([1, 32, -1]));
    check(&run(Binary::ShiftLeft, &[x.clone(), by.clone()]), [-16, 0, 0]);
    check(&run(Binary::ShiftRightArithmetic, &[x.clone(), by.clone()]), [-4, -1, -1]);
    check(&run(Binary::ShiftRightLogical, &[x, by]), [0x7FFF_FFFC, 0, 0]);
}

#[test]
fn nan_wins_and_zeros_have_signs() {
    let (x, y) = (Tensor::from([f32::NAN, 1.0, -0.0, 2.0]), Tensor::from([1.0f32, f32::NAN, 0.0, 3.0]));
    let max = run(Binary::Maximum, &[x.clone(), y.clone()]);
    let min = run(Binary::Minimum, &[x, y]);
    assert!(max.to_f64_vec()[..2].iter().chain(&min.to_f64_vec()[..2]).all(|value| value.is_nan()));
    check(&max, [max.as_slice::<f32>().unwrap()[0], max.as_slice::<f32>().unwrap()[1], 0.0, 3.0]);
    check(&min, [min.as_slice::<f32>().unwrap()[0], min.as_slice::<f32>().unwrap()[1], -0.0, 2.0]);
    check(&run(Unary::Sign, &[Tensor::from([-0.0f32, -3.0, 5.0])]), [-0.0f32, -1.0, 1.0]);
}

#[test]
fn rounding() {
    let x = Tensor::from([0.5f32, 1.5, 2.5, -0.5, -2.5]);
    check(&run(Unary::RoundNearestEven, std::slice::from_ref(&x)), [0.0f32, 2.0, 2.0, -0.0, -2.0]);
    check(&run(Unary::RoundNearestAfz, &[x]), [1.0f32, 2.0, 3.0, -1.0, -3.0]);
}

#[test]
fn neighbours() {
    let least = f32::from_bits(1);
    let x = Tensor::from([0.0f32, -0.0, 0.0, least, 1.0, f32::MAX, f32::INFINITY, -1.0]);
    let y = Tensor::from([1.0f32, -1.0, -0.0, 0.0, 2.0, f32::INFINITY, 0.0, 0.0]);
    let below_one = 1.0 - f32::EPSILON / 2.0;
    let expected = [least, -least, -0.0, 0.0, 1.0 + f32::EPSILON, f32::INFINITY, f32::MAX, -below_one];
    check(&run(Binary::NextAfter, &[x, y]), expected);
}

#[test]
fn exact_functions_at_the_edges() {
    let x = Tensor::from([-0.3f32, -0.0, f32::NEG_INFINITY, -8_388_608.5, f32::from_bits(0x8000_0001)]);
    let least = f32::from_bits(0x8000_0001);
    let run = |op| run(op, std::slice::from_ref(&x));
    check(&run(Unary::RoundNearestEven), [-0.0f32, -0.0, f32::NEG_INFINITY, -8_388_608.0, -0.0]);
    check(&run(Unary::RoundNearestAfz), [-0.0f32, -0.0, f32::NEG_INFINITY, -8_388_608.0, -0.0]);
    check(&run(Unary::Ceil), [-0.0f32, -0.0, f32::NEG_INFINITY, -8_388_608.0, -0.0]);
    check(&run(Unary::Floor), [-1.0f32, -0.0, f32::NEG_INFINITY, -8_388_608.0, -1.0]);
    check(&run(Unary::Sign), [-1.0f32, -0.0, -1.0, -1.0, -1.0]);
    check(&run(Unary::Abs), [0.3f32, 0.0, f32::INFINITY, 8_388_608.0, -least]);
    check(&run(Unary::Negate), [0.3f32, 0.0, f32::INFINITY, 8_388_608.0, -least]);
    check(&run(Unary::IsFinite), [true, true, false, true, true]);
    check(&run(Unary::IsInf), [false, false, true, false, false]);
    check(&run(Unary::IsNegInf), [false, false, true, false, false]);
    check(&run(Unary::IsPosInf), [false; 5]);
}

#[test]
fn bits_are_counted() {
    check(&run(Unary::CountLeadingZeros, &[Tensor::from([0i8, 1, -1])]), [8i8, 7, 0]);
    check(&run(Unary::Popcnt, &[Tensor::from([0i64, -1, i64::MIN])]), [0i64, 64, 1]);
}

#[test]
fn orders() {
    let compare = |direction, compare_type| Compare { direction, compare_type };
    let (x, y) = (Tensor::from([f32::NAN, -0.0, 1.0]), Tensor::from([f32::NAN, 0.0, 2.0]));
    let natural = |direction| run(compare(direction, ComparisonType::Natural), &[x.clone(), y.clone()]);
    check(&natural(ComparisonDirection::Eq), [false, true, false]);
    check(&natural(ComparisonDirection::Ne), [true, false, true]);
    check(&natural(ComparisonDirection::Lt), [false, false, true]);
    let total = run(compare(ComparisonDirection::Lt, ComparisonType::TotalOrder), &[x.clone(), y.clone()]);
    check(&total, [false, true, true]);
}

#[test]
fn conversions() {
    let x = Tensor::from([1.9f32, -1.9, 300.0, f32::NAN, f32::NEG_INFINITY]);
    check(&run(Elementwise::Convert(DType::I8), std::slice::from_ref(&x)), [1i8, -1, 127, 0, -128]);
    check(&run(Elementwise::Convert(DType::I1), &[x]), [true, true, true, true, true]);
    check(&run(Elementwise::Convert(DType::Ui8), &[Tensor::from([-1i32, 257])]), [255u8, 1]);
    check(&run(Elementwise::Convert(DType::I64), &[Tensor::from([u32::MAX])]), [i64::from(u32::MAX)]);
    check(&run(Elementwise::Convert(DType::F32), &[Tensor::from([true, false])]), [1.0f32, 0.0]);
}

/// To nearest, of two as near to the even one, and as if at once: not by way of fewer bits.
#[test]
fn halves_are_rounded_once() {
    let convert = |x: Tensor, dtype| run(Elementwise::Convert(dtype), &[x]).to_f64_vec();
    let (bf16, f16) = (DType::Bf16, DType::F16);
    let tie = 1.0 + 2f32.powi(-8);
    let x = Tensor::from([tie, tie + f32::EPSILON, -tie - f32::EPSILON, tie + 2f32.powi(-7), f32::MAX]);
    assert_eq!(convert(x, bf16), [1.0, 1.0078125, -1.0078125, 1.015625, f64::INFINITY]);
    let tie = 1.0 + 2f64.powi(-11);
    let (above, least) = (1.0 + 2f64.powi(-10), 2f64.powi(-24));
    let x =
        Tensor::from([tie, tie + 1e-12, tie - 1e-12, 65520.0, 65520.0 - 1e-9, 0.5 * least + 1e-20, -1e300]);
    assert_eq!(convert(x, f16), [1.0, above, 1.0, f64::INFINITY, 65504.0, least, f64::NEG_INFINITY]);
}

#[test]
fn conversions_round_once() {
    let to = |dtype, x: Tensor| run(Elementwise::Convert(dtype), &[x]);
    // Just beyond the middle between 1 and the next f16 or bf16, and just before; in f32 they are the middle.
    let half_step = |step: f64| [1.0 + step / 2.0 + 1e-12, 1.0 + step / 2.0, 1.0 + step / 2.0 - 1e-12];
    check(
        &to(DType::F16, Tensor::from(half_step(2f64.powi(-10)))),
        [0x3C01, 0x3C00, 0x3C00].map(f16::from_bits),
    );
    check(
        &to(DType::Bf16, Tensor::from(half_step(2f64.powi(-7)))),
        [0x3F81, 0x3F80, 0x3F80].map(bf16::from_bits),
    );
    check(
        &to(DType::F16, Tensor::from([65_520.0, 65_519.999_999_9, -1e-300])),
        [0x7C00, 0x7BFF, 0x8000].map(f16::from_bits),
    );
    // The middle of two f32, and one more, which is less than the last place of f64.
    let middle = (1i64 << 60) + (1 << 36);
    let step = 2f32.powi(37);
    check(
        &to(DType::F32, Tensor::from([middle, middle + 1, -middle - 1])),
        [2f32.powi(60), 2f32.powi(60) + step, -2f32.powi(60) - step],
    );
    check(&to(DType::F32, Tensor::from([u64::MAX])), [2f32.powi(64)]);
    check(&to(DType::I32, tensor(&[2], [i4::new(-1), i4::new(7)])), [-1, 7]);
}

#[test]
fn fewer_bits() {
    let round = |exponent_bits, mantissa_bits, values: [f32; 4]| {
        let op = ReducePrecision { exponent_bits, mantissa_bits };
        run(Elementwise::ReducePrecision(op), &[Tensor::from(values)])
    };
    // bfloat16: 1 + 2^-8 lies between neighbours and goes to the even one.
    check(
        &round(8, 7, [1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, -1e-3, 1e38]),
        [1.0f32, 1.0 + 4.0 / 256.0, f32::from_bits(0xBA83_0000), f32::from_bits(0x7E96_0000)],
    );
    check(&round(5, 10, [65_520.0, 65_519.0, 1e-6, -0.0]), [f32::INFINITY, 65_504.0, 0.0, -0.0]);
}

#[test]
fn bits_as_other_types() {
    let cast = |dtype, x: Tensor| run(BitcastConvert { dtype }, &[x]);
    check(&cast(DType::Ui32, Tensor::from([1.0f32])), [0x3F80_0000u32]);
    check(&cast(DType::Ui16, Tensor::from([0x0001_0002u32])), [2u16, 1]);
    check(&cast(DType::Ui32, tensor(&[1, 2], [2u16, 1])), [0x0001_0002u32]);
}

#[test]
fn places() {
    let x = counting(&[2, 3]);
    let one = std::slice::from_ref(&x);
    check(&run(Transpose { permutation: vec![1, 0] }, one), [1.0f32, 4.0, 2.0, 5.0, 3.0, 6.0]);
    check(&run(Reverse { dims: vec![1] }, one), [3.0f32, 2.0, 1.0, 6.0, 5.0, 4.0]);
    let slice = Slice { start: vec![0, 0], limit: vec![2, 3], strides: vec![1, 2] };
    check(&run(slice, one), [1.0f32, 3.0, 4.0, 6.0]);
    check(
        &run(Concatenate { dimension: 1 }, &[x.clone(), tensor(&[2, 1], [7.0f32, 8.0])]),
        [1.0f32, 2.0, 3.0, 7.0, 4.0, 5.0, 6.0, 8.0],
    );
    let broadcast = BroadcastInDim { shape: vec![2, 2, 1], dims: vec![1, 2] };
    check(&run(broadcast, &[tensor(&[2, 1], [1i32, 2])]), [1, 2, 1, 2]);
    check(&run(Iota { shape: vec![2, 2], dtype: DType::Ui8, dimension: 0 }, &[]), [0u8, 0, 1, 1]);
}

#[test]
fn padding_may_lie_between_and_be_negative() {
    let pad = |low, high, interior| Pad { low: vec![low], high: vec![high], interior: vec![interior] };
    let operands = [Tensor::from([1i32, 2, 3]), Tensor::scalar(0i32)];
    check(&run(pad(1, 0, 1), &operands), [0, 1, 0, 2, 0, 3]);
    check(&run(pad(-1, 2, 0), &operands), [2, 3, 0, 0]);
    check(&run(pad(-1, -1, 1), &operands), [0, 2, 0]);
}

#[test]
fn folds() {
    let sum = || Graph::reducer(Binary::Add, DType::F32).unwrap().into();
    let operands = [counting(&[2, 3]), Tensor::scalar(100.0f32)];
    check(&run(Reduce { dimensions: vec![1], body: sum() }, &operands), [106.0f32, 115.0]);
    check(&run(Reduce { dimensions: vec![0, 1], body: sum() }, &operands), [121.0f32]);
    let each = [counting(&[2, 3]), Tensor::from([100.0f32, 200.0])];
    check(&run(Reduce { dimensions: vec![1], body: sum() }, &each), [106.0f32, 215.0]);
    let windows = ReduceWindow {
        window_dimensions: vec![2],
        window_strides: vec![2],
        base_dilations: vec![1],
        window_dilations: vec![2],
        padding: vec![(1, 1)],
        body: sum(),
    };
    // Padded: 0 1 2 3 4 0; windows over places 0 and 2, then 2 and 4.
    check(&run(windows, &[counting(&[4]), Tensor::scalar(0.0f32)]), [2.0f32, 6.0]);
}

/// Row-major, in whichever order the op lists the dimensions.
#[test]
fn reductions_fold_in_row_major_order() {
    let mut body = Builder::new("digits");
    let [sofar, other] = ["sofar", "other"].map(|name| body.input(name, TensorType::scalar(DType::I32)));
    let ten = body.full(10.0, DType::I32, []);
    let tens = body.binary(Binary::Multiply, sofar, ten).unwrap();
    let digits = body.binary(Binary::Add, tens, other).unwrap();
    let body = Reducer::from(body.finish(&[digits]));
    let x = Tensor::from([[1, 2, 3], [4, 5, 6]]);
    for dimensions in [vec![0, 1], vec![1, 0]] {
        check(&run(Reduce { dimensions, body: body.clone() }, &[x.clone(), Tensor::scalar(0)]), [123456]);
    }
}

/// Padding counts as the initial value, also where there is nothing else.
#[test]
fn windows_over_nothing() {
    let windows = ReduceWindow {
        window_dimensions: vec![1],
        window_strides: vec![1],
        base_dilations: vec![1],
        window_dilations: vec![1],
        padding: vec![(1, 1)],
        body: Graph::reducer(Binary::Add, DType::F32).unwrap().into(),
    };
    check(&run(windows, &[counting(&[0]), Tensor::scalar(2.0f32)]), [4.0f32, 4.0]);
}

/// The place of the greatest element: a body of two accumulators.
#[test]
fn a_body_of_two_values() {
    let mut body = Builder::new("body");
    let names = [("best", DType::F32), ("place", DType::I32), ("value", DType::F32), ("index", DType::I32)];
    let [best, place, value, index] = names.map(|(name, dtype)| body.input(name, TensorType::scalar(dtype)));
    let greater = body.compare(ComparisonDirection::Gt, value, best).unwrap();
    let best = body.select(greater, value, best).unwrap();
    let place = body.select(greater, index, place).unwrap();
    let body = body.finish(&[best, place]);
    let mut builder = Builder::new("main");
    let x = builder.input("x", TensorType::new([4], DType::F32));
    let places = builder.constant(Tensor::from([0i32, 1, 2, 3]));
    let lowest = builder.constant(Tensor::scalar(f32::NEG_INFINITY));
    let zero = builder.constant(Tensor::scalar(0i32));
    let op = Reduce { dimensions: vec![0], body: body.into() };
    let results = builder.push_all(op, &[x, places, lowest, zero]).unwrap();
    let graph = builder.finish(&results);
    for device in [Device::Reference, Device::Cpu] {
        let x = Tensor::from([1.0f32, 9.0, 9.0, 2.0]);
        let results = Executable::compile(&graph, device).unwrap().run(&[x]).unwrap();
        check(&results[0], [9.0f32]);
        check(&results[1], [1i32]);
    }
}

#[test]
fn starts_beyond_the_ends_are_clamped() {
    let rows = Gather {
        offset_dims: vec![1],
        collapsed_slice_dims: vec![0],
        operand_batching_dims: Vec::new(),
        start_indices_batching_dims: Vec::new(),
        start_index_map: vec![0],
        index_vector_dim: 1,
        slice_sizes: vec![1, 2],
        indices_are_sorted: false,
    };
    let result = run(rows, &[counting(&[3, 2]), Tensor::from([2i32, -5, 7])]);
    check(&result, [5.0f32, 6.0, 1.0, 2.0, 5.0, 6.0]);
}

#[test]
fn factors_and_solves() {
    let a = tensor(&[2, 2], [4.0f32, 9.0, 2.0, 5.0]);
    check(&run(Cholesky { lower: true }, std::slice::from_ref(&a)), [2.0f32, 0.0, 1.0, 2.0]);
    let upper = tensor(&[2, 2], [4.0f32, 2.0, 9.0, 5.0]);
    check(&run(Cholesky { lower: false }, &[upper]), [2.0f32, 1.0, 0.0, 2.0]);
    let solve = |left_side, lower, transpose_a, unit_diagonal, b: Tensor| {
        run(TriangularSolve { left_side, lower, unit_diagonal, transpose_a }, &[a.clone(), b])
    };
    let (column, row) = (tensor(&[2, 1], [8.0f32, 14.0]), tensor(&[1, 2], [8.0f32, 14.0]));
    // 4 x = 8; 2 x + 5 y = 14.
    check(&solve(true, true, false, false, column.clone()), [2.0f32, 2.0]);
    // 5 y = 14; 4 x + 9 y = 8.
    let got = solve(true, false, false, false, column.clone()).to_f64_vec();
    assert!((got[1] - 2.8).abs() < 1e-6 && (got[0] + 4.3).abs() < 1e-6, "{got:?}");
    // Transposed: 5 y = 14; 4 x + 2 y = 8.
    let got = solve(true, true, true, false, column.clone()).to_f64_vec();
    assert!((got[1] - 2.8).abs() < 1e-6 && (got[0] - 0.6).abs() < 1e-6, "{got:?}");
    // From the right: 5 y = 14; 4 x + 2 y = 8.
    let got = solve(false, true, false, false, row).to_f64_vec();
    assert!((got[1] - 2.8).abs() < 1e-6 && (got[0] - 0.6).abs() < 1e-6, "{got:?}");
    check(&solve(true, true, false, true, column), [8.0f32, -2.0]);
}

/// What XLA gives where there is nothing to read: zero.
#[test]
fn slices_of_size_zero_give_zeros() {
    let gather = |sizes: [usize; 2], offset_dims: &[usize], collapsed: &[usize]| Gather {
        offset_dims: offset_dims.to_vec(),
        collapsed_slice_dims: collapsed.to_vec(),
        operand_batching_dims: Vec::new(),
        start_indices_batching_dims: Vec::new(),
        start_index_map: vec![0],
        index_vector_dim: 1,
        slice_sizes: sizes.to_vec(),
        indices_are_sorted: false,
    };
    let (rows, at) = (counting(&[4, 3]), tensor(&[2, 1], [9i32, 1]));
    check(&run(gather([0, 3], &[1], &[0]), &[rows.clone(), at.clone()]), [0.0f32; 6]);
    check(&run(gather([1, 0], &[1], &[0]), &[rows, at.clone()]), Vec::<f32>::new());
    let none = tensor(&[0, 3], Vec::<f32>::new());
    check(&run(gather([0, 1], &[], &[0, 1]), &[none, at]), [0.0f32; 2]);
}

/// A window that does not lie within the input is left out, also along a dimension that no index names.
#[test]
fn scattering_into_nothing() {
    let scatter = Scatter {
        update_window_dims: Vec::new(),
        inserted_window_dims: vec![0, 1],
        input_batching_dims: Vec::new(),
        scatter_indices_batching_dims: Vec::new(),
        scatter_dims_to_operand_dims: vec![1],
        index_vector_dim: 1,
        body: Graph::reducer(Binary::Add, DType::F32).unwrap().into(),
    };
    let (none, at) = (tensor(&[0, 3], Vec::<f32>::new()), tensor(&[2, 1], [0i32, 1]));
    check(&run(scatter, &[none, at, tensor(&[2], [1.0f32, 2.0])]), Vec::<f32>::new());
}

/// Steps and paddings so large that only what lies at their start or end is taken.
#[test]
fn distances_beyond_every_size() {
    let slice = Slice { start: vec![1], limit: vec![4], strides: vec![i64::MAX as usize] };
    check(&run(slice, &[counting(&[4])]), [2.0f32]);
    let pad = Pad { low: vec![1], high: vec![0], interior: vec![1 << 62] };
    check(&run(pad, &[counting(&[1]), Tensor::from(0.0f32)]), [0.0f32, 1.0]);
    let far = slide(|op| (op.padding[0], op.strides[0]) = ((-(1 << 40), 1 << 40), i64::MAX as usize));
    assert_eq!(far.shape().last(), Some(&1));
}
