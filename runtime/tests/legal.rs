//! Ops that kernels lack become others, with the bits that their definitions give, and without running those.

use choral_ir::op::{Binary, Unary, While};
use choral_ir::op::{
    BitcastConvert, ComparisonDirection, DotGeneral, Gather, Iota, Map, Reduce, ReduceWindow, Scan, Scatter,
    SelectAndScatter, Sort,
};
use choral_ir::{BuildError, Builder, DType, Element, Graph, Op, Tensor, TensorType, Value, with_dtype};
use choral_runtime::{Device, Executable};

/// The results of a graph, the same to the bit on every device, and whether a kernel runs every op.
#[track_caller]
fn same(graph: &Graph, inputs: &[Tensor]) -> (Vec<Tensor>, bool) {
    let compiled = |device| Executable::compile(graph, device).unwrap();
    let (reference, cpu) = (compiled(Device::Reference), compiled(Device::Cpu));
    let has_kernels = cpu.plan().unwrap().host_ops().is_empty();
    let (expected, got) = (reference.run(inputs).unwrap(), cpu.run(inputs).unwrap());
    for (expected, got) in expected.iter().zip(&got) {
        assert!(expected.bit_eq(got), "{graph}{expected}\non the reference, on the processor\n{got}");
    }
    (got, has_kernels)
}

/// The results of an op, by kernels alone.
#[track_caller]
fn run(op: impl Into<Op>, operands: &[Tensor]) -> Vec<Tensor> {
    let mut builder = Builder::new("main");
    let values: Vec<Value> = operands.iter().map(|of| builder.input("x", of.ty().clone())).collect();
    let results = builder.push_all(op, &values).unwrap();
    let graph = builder.finish(&results);
    let (results, has_kernels) = same(&graph, operands);
    assert!(has_kernels, "{graph}");
    results
}

/// A body of scalars of these types.
fn body(types: &[DType], make: impl Fn(&mut Builder, &[Value]) -> Result<Vec<Value>, BuildError>) -> Graph {
    let mut builder = Builder::new("body");
    let inputs: Vec<Value> =
        types.iter().map(|&dtype| builder.input("x", TensorType::scalar(dtype))).collect();
    let results = make(&mut builder, &inputs).unwrap();
    builder.finish(&results)
}

/// Numbers that differ from their neighbours.
fn numbers(shape: &[usize], dtype: DType) -> Tensor {
    with_dtype!(dtype, T => Tensor::from_fn(shape, |at| T::from_f64(((at * 37 + 11) % 23) as f64 * 0.75 - 6.0)))
}

/// Halves a number until it is below 1, by a loop: more than elementwise ops.
fn halved(builder: &mut Builder, x: Value) -> Result<Value, BuildError> {
    let float = TensorType::scalar(DType::F32);
    let mut cond = Builder::new("cond");
    let at = cond.input("at", float.clone());
    let one = cond.full(1.0, DType::F32, []);
    let goes_on = cond.compare(ComparisonDirection::Ge, at, one)?;
    let mut step = Builder::new("step");
    let at = step.input("at", float);
    let half = step.full(0.5, DType::F32, []);
    let next = step.binary(Binary::Multiply, at, half)?;
    let (cond, body) = (cond.finish(&[goes_on]).into(), step.finish(&[next]).into());
    builder.push(While { cond, body }, &[x])
}

/// `sofar + halved(x)`.
fn sum_of_halved() -> Graph {
    body(&[DType::F32; 2], |builder, of| {
        let half = halved(builder, of[1])?;
        Ok(vec![builder.binary(Binary::Add, of[0], half)?])
    })
}

/// `(sofar - x * weight, weight_sofar + weight)`.
fn weighted(dtype: DType) -> Graph {
    body(&[dtype; 4], |builder, of| {
        let product = builder.binary(Binary::Multiply, of[2], of[3])?;
        let sofar = builder.binary(Binary::Subtract, of[0], product)?;
        Ok(vec![sofar, builder.binary(Binary::Add, of[1], of[3])?])
    })
}

const TYPES: [DType; 7] =
    [DType::F32, DType::F64, DType::F16, DType::Bf16, DType::I4, DType::Ui8, DType::I64];

#[test]
fn folds_of_several_operands() {
    for dtype in TYPES {
        for (shape, dimensions) in [
            (vec![7], vec![0]),
            (vec![3, 5, 4], vec![1]),
            (vec![3, 5, 4], vec![2, 0]),
            (vec![2, 300], vec![1]),
        ] {
            let (x, weights) = (numbers(&shape, dtype), numbers(&shape, dtype));
            let [one, two] = [1.0, 2.0].map(|of| Tensor::scalar_of(dtype, of));
            let fold = Reduce { dimensions, body: weighted(dtype).into() };
            run(fold, &[x, weights, one, two]);
        }
    }
    let fold = Reduce { dimensions: vec![0], body: weighted(DType::F32).into() };
    let x = Tensor::from([1.0f32, 2.0, 3.0]);
    let results = run(fold, &[x.clone(), x, Tensor::scalar(0.0f32), Tensor::scalar(10.0f32)]);
    assert_eq!([results[0].to_f64_vec(), results[1].to_f64_vec()], [[-14.0], [16.0]]);
}

#[test]
fn folds_that_keep_an_order() {
    for dtype in TYPES {
        let fold =
            |dimensions| Reduce { dimensions, body: Graph::reducer(Binary::Subtract, dtype).unwrap().into() };
        run(fold(vec![1]), &[numbers(&[4, 6], dtype), Tensor::scalar_of(dtype, 1.0)]);
        run(fold(vec![0]), &[numbers(&[0, 3], dtype), numbers(&[3], dtype)]);
        // Of no dimensions: once each.
        run(fold(Vec::new()), &[numbers(&[2, 3], dtype), Tensor::scalar_of(dtype, 1.0)]);
        let turned = body(&[dtype; 2], |builder, of| Ok(vec![builder.binary(Binary::Add, of[1], of[0])?]));
        let turned = Reduce { dimensions: vec![0], body: turned.into() };
        run(turned, &[numbers(&[1100, 2], dtype), Tensor::scalar_of(dtype, 1.0)]);
    }
}

fn windows(body: Graph) -> ReduceWindow {
    ReduceWindow {
        window_dimensions: vec![2, 3],
        window_strides: vec![1, 2],
        base_dilations: vec![2, 1],
        window_dilations: vec![1, 2],
        padding: vec![(1, 0), (-1, 3)],
        body: body.into(),
    }
}

#[test]
fn windows_by_bodies() {
    for dtype in TYPES {
        let inits = [1.0, 2.0].map(|of| Tensor::scalar_of(dtype, of));
        let operands = [numbers(&[4, 9], dtype), numbers(&[4, 9], dtype)];
        run(windows(weighted(dtype)), &[operands.as_slice(), &inits].concat());
    }
}

#[test]
fn bodies_that_hold_loops() {
    let (x, zero) = (numbers(&[3, 8], DType::F32), Tensor::scalar(0.5f32));
    let sum = || sum_of_halved().into();
    run(Reduce { dimensions: vec![1], body: sum() }, &[x.clone(), zero.clone()]);
    run(Reduce { dimensions: vec![1, 0], body: sum() }, &[x.clone(), zero.clone()]);
    run(Reduce { dimensions: Vec::new(), body: sum() }, &[x.clone(), zero.clone()]);
    run(windows(sum_of_halved()), &[x.clone(), zero.clone()]);
    let empty = ReduceWindow { window_dimensions: vec![9, 30], ..windows(sum_of_halved()) };
    run(empty, &[x.clone(), zero]);
    let select = body(&[DType::F32; 2], |builder, of| {
        let [left, right] = [halved(builder, of[0])?, halved(builder, of[1])?];
        Ok(vec![builder.compare(ComparisonDirection::Gt, left, right)?])
    });
    pooled(select, Binary::Add, DType::F32);
    let each = body(&[DType::F32], |builder, of| Ok(vec![halved(builder, of[0])?]));
    let halves = run(Map { computation: each.into() }, &[Tensor::from([0.5f32, 6.0, -3.0])]);
    assert_eq!(halves[0].to_f64_vec(), [0.5, 0.75, -3.0]);
}

/// What the processor leaves to definitions: loops in the bodies of scatters and sorts.
#[test]
fn scatters_and_sorts_by_loops_run_by_their_definitions() {
    let mut builder = Builder::new("main");
    let x = builder.input("x", TensorType::new([6], DType::F32));
    let comparator = body(&[DType::F32; 2], |builder, of| {
        let [left, right] = [halved(builder, of[0])?, halved(builder, of[1])?];
        Ok(vec![builder.compare(ComparisonDirection::Lt, left, right)?])
    });
    let sorted = builder.push(Sort { dimension: 0, is_stable: true, comparator: comparator.into() }, &[x]);
    let graph = builder.finish(&[sorted.unwrap()]);
    let (results, has_kernels) = same(&graph, &[Tensor::from([5.0f32, 1.0, 0.25, 7.0, 3.0, 0.25])]);
    // 0.25 0.25, then 1 as 0.5, 5 as 0.625, 3 as 0.75 and 7 as 0.875.
    assert_eq!(results[0].to_f64_vec(), [0.25, 0.25, 1.0, 5.0, 3.0, 7.0]);
    assert!(!has_kernels);
}

#[test]
fn maps_are_their_bodies() {
    let tanh = |builder: &mut Builder, of: &[Value]| {
        let half = builder.full(0.5, DType::F32, []);
        let product = builder.binary(Binary::Multiply, of[0], half)?;
        let one = builder.reshape(product, [1, 1])?;
        let tanh = builder.unary(Unary::Tanh, one)?;
        let tanh = builder.reshape(tanh, [])?;
        Ok(vec![builder.convert(tanh, DType::F16)?])
    };
    let map = Map { computation: body(&[DType::F32], tanh).into() };
    run(map.clone(), &[numbers(&[3, 40], DType::F32)]);
    run(map.clone(), &[numbers(&[], DType::F32)]);
    run(map, &[numbers(&[0, 2], DType::F32)]);
}

#[test]
fn running_sums_of_halves_accumulate() {
    for dtype in [DType::F16, DType::Bf16] {
        let sum = body(&[dtype; 2], |builder, of| {
            let sum = builder.binary(Binary::Add, of[0], of[1])?;
            Ok(vec![sum, sum])
        });
        let scan =
            Scan { dimension: 0, is_reverse: true, length: 900, inputs: 1, carried: 1, body: sum.into() };
        run(scan, &[numbers(&[900], dtype), Tensor::scalar_of(dtype, 0.25)]);
        let scatter = Scatter {
            update_window_dims: Vec::new(),
            inserted_window_dims: vec![0],
            input_batching_dims: Vec::new(),
            scatter_indices_batching_dims: Vec::new(),
            scatter_dims_to_operand_dims: vec![0],
            index_vector_dim: 1,
            body: Graph::reducer(Binary::Add, dtype).unwrap().into(),
        };
        let places = Tensor::from_fn([700, 1], |at| (at % 5) as i32 - 1);
        run(scatter, &[numbers(&[3], dtype), places, numbers(&[700], dtype)]);
    }
}

/// A gradient of a pooling that selects and folds like this.
#[track_caller]
fn pooled(select: Graph, fold: Binary, dtype: DType) {
    let op = SelectAndScatter {
        window_dimensions: vec![2, 3],
        window_strides: vec![2, 1],
        padding: vec![(1, 0), (0, 1)],
        select: select.into(),
        scatter: Graph::reducer(fold, dtype).unwrap().into(),
    };
    let source = numbers(&op.source_shape(&[5, 6]).unwrap(), dtype);
    run(op, &[numbers(&[5, 6], dtype), source, Tensor::scalar_of(dtype, 1.0)]);
}

#[test]
fn gradients_of_poolings_of_any_kind() {
    for dtype in TYPES {
        for fold in [Binary::Add, Binary::Multiply, Binary::Maximum, Binary::Subtract] {
            for direction in [ComparisonDirection::Ge, ComparisonDirection::Ne] {
                let select =
                    body(&[dtype; 2], |builder, of| Ok(vec![builder.compare(direction, of[0], of[1])?]));
                pooled(select, fold, dtype);
            }
        }
    }
}

/// Products of every type with results of every other.
#[test]
fn products_convert_what_does_not_widen() {
    for from in DType::ALL {
        for dtype in DType::ALL {
            let op = DotGeneral {
                lhs_batching: Vec::new(),
                rhs_batching: Vec::new(),
                lhs_contracting: vec![1],
                rhs_contracting: vec![0],
                dtype,
            };
            run(op, &[numbers(&[3, 5], from), numbers(&[5, 2], from)]);
        }
    }
}

/// Numbers beyond the result's type wrap as conversions do.
#[test]
fn products_of_what_does_not_fit() {
    let op = |dtype| DotGeneral {
        lhs_batching: Vec::new(),
        rhs_batching: Vec::new(),
        lhs_contracting: vec![0],
        rhs_contracting: vec![0],
        dtype,
    };
    let product = |x: Tensor, dtype| run(op(dtype), &[x.clone(), x])[0].to_f64_vec();
    assert_eq!(product(Tensor::from([300i32, 2]), DType::Ui8), [f64::from((44 * 44 + 4) % 256)]);
    assert_eq!(product(Tensor::from([300i16, 2]), DType::I8), [f64::from((44i32 * 44 + 4) as i8)]);
    assert_eq!(product(Tensor::from([19i32, 2]), DType::I4), [-3.0]);
}

#[test]
fn bits_of_every_type_as_every_other() {
    for from in DType::ALL {
        for to in DType::ALL {
            let parts = (to.bits() / from.bits()).max(1);
            for x in [numbers(&[3, parts], from), numbers(&[0, parts], from)] {
                let x = if to.bits() > from.bits() { x } else { x.reshape([x.len()]).unwrap() };
                run(BitcastConvert { dtype: to }, std::slice::from_ref(&x));
                // The same of a splat.
                let mut builder = Builder::new("main");
                let splat = builder.full(1.0, from, x.shape());
                let bits = builder.push(BitcastConvert { dtype: to }, &[splat]).unwrap();
                assert!(same(&builder.finish(&[bits]), &[]).1, "{from} as {to}");
            }
        }
    }
}

#[test]
fn slices_of_nothing_are_zeros() {
    let gather = Gather {
        offset_dims: Vec::new(),
        collapsed_slice_dims: vec![0],
        operand_batching_dims: Vec::new(),
        start_indices_batching_dims: Vec::new(),
        start_index_map: vec![0],
        index_vector_dim: 1,
        slice_sizes: vec![0],
        indices_are_sorted: false,
    };
    let zeros = run(gather, &[numbers(&[4], DType::F32), Tensor::from_fn([3, 1], |at| at as i32)]);
    assert_eq!(zeros[0].to_f64_vec(), [0.0; 3]);
}

/// Numbers from 0 on that no table holds.
#[test]
fn long_counts() {
    for dtype in [DType::I8, DType::Ui4, DType::F16, DType::F32, DType::I64, DType::Ui32] {
        let length = (1 << 20) + 77;
        let mut builder = Builder::new("main");
        let count = builder.push(Iota { shape: vec![length, 2], dtype, dimension: 0 }, &[]).unwrap();
        assert!(same(&builder.finish(&[count]), &[]).1, "{dtype}");
    }
}
