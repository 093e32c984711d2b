//! Folds of 16-bit floats: they accumulate in `f32` and are rounded once, on every device.

use choral_ir::op::{Binary, ComparisonDirection, Reduce, ReduceWindow, Scan, Scatter, SelectAndScatter};
use choral_ir::{Builder, DType, Graph, Key, Op, Reducer, Tensor, TensorType};
use choral_runtime::{Device, Executable};

const HALVES: [DType; 2] = [DType::Bf16, DType::F16];

/// An op's results, the same to the bit on every device.
#[track_caller]
fn run(op: impl Into<Op>, operands: &[Tensor]) -> Vec<Tensor> {
    let mut builder = Builder::new("main");
    let values: Vec<_> = operands.iter().map(|operand| builder.input("x", operand.ty().clone())).collect();
    let results = builder.push_all(op, &values).unwrap();
    let graph = builder.finish(&results);
    let on = |device| Executable::compile(&graph, device).unwrap().run(operands).unwrap();
    let (reference, cpu) = (on(Device::Reference), on(Device::Cpu));
    let same = reference.iter().zip(&cpu).all(|(reference, cpu)| reference.bit_eq(cpu));
    assert!(same, "{reference:?} on the reference, {cpu:?} on the CPU");
    reference
}

/// Checks that all elements of the first result are this number.
#[track_caller]
fn expect(results: &[Tensor], expected: f64) {
    assert!(results[0].to_f64_vec().iter().all(|&x| x == expected), "{}, not {expected}", results[0]);
}

fn filled(dtype: DType, shape: &[usize], value: f32) -> Tensor {
    Tensor::from_fn(shape, |_| value).to_dtype(dtype)
}

fn folding(op: Binary, dtype: DType) -> Reducer {
    Graph::reducer(op, dtype).unwrap().into()
}

/// 300 ones are added to 84; in steps of one, `bf16` itself counts to 256.
#[test]
fn folds_of_halves_accumulate_in_f32() {
    for dtype in HALVES {
        let filled = |shape: &[usize], value| filled(dtype, shape, value);
        let folding = |op| folding(op, dtype);
        let (ones, one) = (filled(&[4, 300], 1.0), filled(&[], 1.0));
        let sum = Reduce { dimensions: vec![1], body: folding(Binary::Add) };
        expect(&run(sum.clone(), &[ones.clone(), filled(&[], 84.0)]), 384.0);
        expect(&run(sum, &[ones.clone(), filled(&[4], 84.0)]), 384.0);
        let columns = Reduce { dimensions: vec![0], body: folding(Binary::Add) };
        expect(&run(columns, &[filled(&[300, 5], 1.0), filled(&[], 84.0)]), 384.0);
        // 1.0078125 ^ 300 is 10.326.
        let product = Reduce { dimensions: vec![1], body: folding(Binary::Multiply) };
        let product = run(product, &[filled(&[1, 300], 1.0078125), one.clone()])[0].to_f64_vec()[0];
        assert!((product - 10.326).abs() < 0.02, "{product}");
        let windows = |padding| ReduceWindow {
            window_dimensions: vec![1, 300],
            window_strides: vec![1; 2],
            base_dilations: vec![1; 2],
            window_dilations: vec![1; 2],
            padding: vec![(0, 0), padding],
            body: folding(Binary::Add),
        };
        expect(&run(windows((0, 0)), &[ones.clone(), filled(&[], 84.0)]), 384.0);
        let running = run(windows((299, 0)), &[ones.clone(), filled(&[], 0.0)])[0].to_f64_vec();
        assert_eq!((running[255], running[279], running[299]), (256.0, 280.0, 300.0));
    }
}

/// Bodies of two accumulators, in either order of their operands; a body that does more keeps its type.
#[test]
fn what_accumulates_is_known_by_its_body() {
    let body = |square: bool| {
        let mut body = Builder::new("body");
        let scalars = [DType::Bf16, DType::I32, DType::Bf16, DType::I32].map(TensorType::scalar);
        let [sum, count, x, one] = scalars.map(|ty| body.input("x", ty));
        let x = if square { body.binary(Binary::Multiply, x, x).unwrap() } else { x };
        let (sum, count) = (body.binary(Binary::Add, x, sum), body.binary(Binary::Add, count, one));
        body.finish(&[sum.unwrap(), count.unwrap()])
    };
    let ones = filled(DType::Bf16, &[300], 1.0);
    for (square, expected) in [(false, 300.0), (true, 256.0)] {
        let reduce = Reduce { dimensions: vec![0], body: body(square).into() };
        assert_eq!(Op::from(reduce.clone()).accumulating().is_some(), !square);
        let (counts, zero) = (Tensor::from_fn([300], |_| 1), filled(DType::Bf16, &[], 0.0));
        let results = run(reduce, &[ones.clone(), counts, zero, Tensor::scalar(0)]);
        assert_eq!((results[0].to_f64_vec(), results[1].to_f64_vec()), (vec![expected], vec![300.0]));
    }
}

/// Many updates to one place; windows that select one place; a running sum along either dimension.
#[test]
fn scatters_and_scans_of_halves_accumulate_in_f32() {
    for dtype in HALVES {
        let filled = |shape: &[usize], value| filled(dtype, shape, value);
        let sum = || folding(Binary::Add, dtype);
        let scatter = Scatter {
            update_window_dims: vec![],
            inserted_window_dims: vec![0],
            input_batching_dims: vec![],
            scatter_indices_batching_dims: vec![],
            scatter_dims_to_operand_dims: vec![0],
            index_vector_dim: 1,
            body: sum(),
        };
        let places = Tensor::from_fn([600, 1], |at| at as i32 % 2);
        let added = run(scatter, &[filled(&[3], 84.0), places, filled(&[600], 1.0)]);
        assert_eq!(added[0].to_f64_vec(), [384.0, 384.0, 84.0]);
        let select = {
            let mut select = Builder::new("select");
            let [selected, other] =
                ["selected", "other"].map(|name| select.input(name, TensorType::scalar(dtype)));
            let stays = select.compare(ComparisonDirection::Ge, selected, other).unwrap();
            select.finish(&[stays]).into()
        };
        let windows = SelectAndScatter {
            window_dimensions: vec![40],
            window_strides: vec![1],
            padding: vec![(0, 0)],
            select,
            scatter: sum(),
        };
        // In their own types these would stop at 256 and 2048.
        let start = if dtype == DType::F16 { 2040.0 } else { 240.0 };
        let peak = Tensor::from_fn([79], |at| (at == 39) as u8 as f32).to_dtype(dtype);
        let scattered = run(windows, &[peak, filled(&[40], 1.0), filled(&[], start)])[0].to_f64_vec();
        let start = f64::from(start);
        assert_eq!((scattered[38], scattered[39], scattered[40]), (start, start + 40.0, start));
        for (dimension, shape) in [(0, [300, 2]), (1, [2, 300])] {
            let mut body = Builder::new("body");
            let [x, sofar] = ["x", "sofar"].map(|name| body.input(name, TensorType::new([2], dtype)));
            let next = body.binary(Binary::Add, sofar, x).unwrap();
            let body = body.finish(&[sofar, next]).into();
            let scan = Scan { dimension, is_reverse: true, length: 300, inputs: 1, carried: 1, body };
            let results = run(scan, &[filled(&shape, 1.0), filled(&[2], 84.0)]);
            assert_eq!(results[1].to_f64_vec(), [384.0, 384.0]);
            // Each place holds what had been added when its turn came.
            let step = if dimension == 0 { 2 } else { 1 };
            let last = if dtype == DType::F16 { 383.0 } else { 384.0 };
            assert_eq!([results[0].to_f64_vec()[0], results[0].to_f64_vec()[299 * step]], [last, 84.0]);
        }
    }
}

/// The sums of halves have the same bits on every device, however they lie in memory.
#[test]
fn sums_of_halves_are_the_same_to_the_bit() {
    for dtype in HALVES {
        let x = Tensor::randn([37, 5, 101], Key::new(3)).to_dtype(dtype);
        for dimensions in [vec![0], vec![1], vec![2], vec![0, 2], vec![2, 1], vec![0, 1, 2]] {
            let op = Reduce { dimensions, body: folding(Binary::Add, dtype) };
            run(op, &[x.clone(), filled(dtype, &[], 0.3)]);
        }
    }
}
