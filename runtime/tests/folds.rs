//! Folds and orders with kernels of their own, beside values computed by hand and the definition.
#![allow(clippy::unwrap_used)]

use choral_ir::op::{Binary, ComparisonDirection, Reduce, ReduceWindow, Sort};
use choral_ir::{Builder, Comparator, DType, Extreme, Graph, Op, Tensor, TensorType, Value};
use choral_runtime::{Device, Executable};

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

fn counting(shape: &[usize]) -> Tensor {
    Tensor::from_fn(shape, |at| at as f32)
}

/// Windows that begin or end at each place of a dimension, and span all of it.
fn running(shape: &[usize], dim: usize, from_end: bool) -> ReduceWindow {
    let ones = vec![1; shape.len()];
    let mut op = ReduceWindow {
        window_dimensions: ones.clone(),
        window_strides: ones.clone(),
        base_dilations: ones.clone(),
        window_dilations: ones,
        padding: vec![(0, 0); shape.len()],
        body: Graph::reducer(Binary::Add, DType::F32).unwrap().into(),
    };
    let reach = shape[dim] as i64 - 1;
    (op.window_dimensions[dim], op.padding[dim]) =
        (shape[dim], if from_end { (0, reach) } else { (reach, 0) });
    op
}

#[test]
fn running_folds_go_both_ways_along_any_dimension() {
    let (x, zero) = (counting(&[3, 4]), Tensor::scalar(0.0f32));
    let sums =
        |dim, from_end| run(running(&[3, 4], dim, from_end), &[x.clone(), zero.clone()])[0].to_f64_vec();
    // Rows 0 1 2 3, 4 5 6 7 and 8 9 10 11.
    assert_eq!(sums(0, false), [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 21.0]);
    assert_eq!(sums(0, true), [12.0, 15.0, 18.0, 21.0, 12.0, 14.0, 16.0, 18.0, 8.0, 9.0, 10.0, 11.0]);
    assert_eq!(sums(1, false), [0.0, 1.0, 3.0, 6.0, 4.0, 9.0, 15.0, 22.0, 8.0, 17.0, 27.0, 38.0]);
    assert_eq!(sums(1, true), [6.0, 6.0, 5.0, 3.0, 22.0, 18.0, 13.0, 7.0, 38.0, 30.0, 21.0, 11.0]);
    for (shape, dim) in [(vec![5, 1], 0), (vec![4, 2], 0), (vec![2, 3, 5], 1), (vec![2, 3, 4], 0)] {
        for from_end in [false, true] {
            run(
                running(&shape, dim, from_end),
                &[Tensor::from_fn(shape.clone(), |at| (at * at) as f32), zero.clone()],
            );
        }
    }
}

/// Behind leading dimensions that no window spans, each dimension keeps its own attributes.
#[test]
fn windows_behind_leading_dimensions() {
    let x = Tensor::from_fn([2, 3, 7, 7], |at| (at % 49) as f32);
    let op =
        |last: [usize; 2], strides: [usize; 2], base: [usize; 2], padding: [(i64, i64); 2]| ReduceWindow {
            window_dimensions: vec![1, 1, 2, 3],
            window_strides: [1, 1].into_iter().chain(strides).collect(),
            base_dilations: [1, 1].into_iter().chain(base).collect(),
            window_dilations: [1, 1].into_iter().chain(last).collect(),
            padding: [(0, 0), (0, 0)].into_iter().chain(padding).collect(),
            body: Graph::reducer(Binary::Add, DType::F32).unwrap().into(),
        };
    let plain = ([1, 1], [1, 1], [(0, 0), (0, 0)]);
    let dilated = run(op([4, 2], plain.0, plain.1, plain.2), &[x.clone(), Tensor::scalar(0.0f32)]);
    assert_eq!(dilated[0].shape(), [2, 3, 3, 3]);
    // Of a plane that counts 0..49, the window at (i, j) holds rows i and i + 4, columns j, j + 2 and j + 4.
    let at = |i: usize, j: usize| (6 * 7 * i + 3 * 28 + 6 * j + 12) as f64;
    let plane: Vec<f64> = (0..9).map(|place| at(place / 3, place % 3)).collect();
    assert_eq!(dilated[0].to_f64_vec(), plane.repeat(6));
    // Every other attribute unequal as well.
    let minus = Tensor::scalar(-1.0f32);
    for dilations in [[1, 2], [2, 1], [3, 2]] {
        let unequal = op(dilations, [2, 1], [1, 2], [(1, 0), (0, 2)]);
        run(unequal, &[x.clone(), minus.clone()]);
    }
}

/// Element and place of the extreme, folded from an element at place -1.
#[track_caller]
fn extreme(which: Extreme, elements: &[f32], from: f32, expected: (f32, i32)) {
    let body = Graph::extreme(which, DType::F32, DType::I32).unwrap().into();
    let count = elements.len();
    let places = Tensor::from_fn([count], |at| at as i32);
    let operands =
        [Tensor::new([count], elements.to_vec()).unwrap(), places, Tensor::scalar(from), Tensor::scalar(-1)];
    let results = run(Reduce { dimensions: vec![0], body }, &operands);
    let (element, place) = (results[0].item::<f32>().unwrap(), results[1].item::<i32>().unwrap());
    assert_eq!((element.to_bits(), place), (expected.0.to_bits(), expected.1), "{which:?} of {elements:?}");
}

/// NaN is before all, the first of several stays, and of equal elements the first counts.
#[test]
fn extremes_of_nan_and_of_equals() {
    use Extreme::{Greatest, Least};
    const NAN: f32 = f32::NAN;
    let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
    extreme(Greatest, &[1.0, 3.0, 3.0, 2.0], low, (3.0, 1));
    extreme(Least, &[2.0, 1.0, 3.0, 1.0], high, (1.0, 1));
    extreme(Greatest, &[5.0, NAN, 7.0], low, (NAN, 1));
    extreme(Least, &[5.0, NAN, -7.0], high, (NAN, 1));
    extreme(Greatest, &[NAN, 5.0, NAN, high], low, (NAN, 0));
    extreme(Least, &[1.0, NAN, NAN], high, (NAN, 1));
    extreme(Greatest, &[1.0, 2.0], NAN, (NAN, -1));
    extreme(Greatest, &[low, low], low, (low, -1));
    // Equal elements with different bits: the place of the first, but the last of them, as JAX has it.
    extreme(Greatest, &[-0.0, 0.0], low, (0.0, 0));
}

/// A comparator of `f32` keys and their places.
fn comparator(body: impl Fn(&mut Builder, Value, Value) -> Value) -> Comparator {
    let mut builder = Builder::new("comparator");
    let [left, right] = ["left", "right"].map(|name| builder.input(name, TensorType::scalar(DType::F32)));
    for name in ["first", "second"] {
        builder.input(name, TensorType::scalar(DType::I32));
    }
    let before = body(&mut builder, left, right);
    builder.finish(&[before]).into()
}

/// Whether `lesser` comes before `greater`, where NaN is greatest.
fn nan_greatest(builder: &mut Builder, lesser: Value, greater: Value) -> Value {
    let is_less = builder.compare(ComparisonDirection::Lt, lesser, greater).unwrap();
    let is_nan = builder.compare(ComparisonDirection::Ne, greater, greater).unwrap();
    let is_number = builder.compare(ComparisonDirection::Eq, lesser, lesser).unwrap();
    let is_last = builder.binary(Binary::And, is_nan, is_number).unwrap();
    builder.binary(Binary::Or, is_less, is_last).unwrap()
}

/// The places in which elements lie in order.
#[track_caller]
fn places(comparator: Comparator, keys: &[f32]) -> Vec<f64> {
    let count = keys.len();
    let operands = [Tensor::new([count], keys.to_vec()).unwrap(), Tensor::from_fn([count], |at| at as i32)];
    run(Sort { dimension: 0, is_stable: true, comparator }, &operands)[1].to_f64_vec()
}

/// Orders with a name and the same ones behind a double negation, which has none, agree.
#[test]
fn orders_with_a_name_sort_as_their_bodies_do() {
    use ComparisonDirection::{Eq, Ge, Gt, Le, Lt, Ne};
    let keys = [2.0, f32::NAN, -0.0, 0.0, f32::INFINITY, -1.0, -f32::NAN, 2.0, f32::NEG_INFINITY, 0.0];
    let disguised = |builder: &mut Builder, before: Value| {
        let not = builder.unary(choral_ir::op::Unary::Not, before).unwrap();
        builder.unary(choral_ir::op::Unary::Not, not).unwrap()
    };
    let total = |builder: &mut Builder, direction, left, right| {
        let compare_type = choral_ir::op::ComparisonType::TotalOrder;
        builder.push(choral_ir::op::Compare { direction, compare_type }, &[left, right]).unwrap()
    };
    let ascending = comparator(nan_greatest);
    assert_eq!(places(ascending, &keys), [8.0, 5.0, 2.0, 3.0, 9.0, 0.0, 7.0, 4.0, 1.0, 6.0]);
    let descending = comparator(|builder, left, right| nan_greatest(builder, right, left));
    assert_eq!(places(descending, &keys), [1.0, 6.0, 4.0, 0.0, 7.0, 2.0, 3.0, 9.0, 5.0, 8.0]);
    type Body<'a> = &'a dyn Fn(&mut Builder, Value, Value) -> Value;
    let check = |body: Body<'_>| {
        let hidden = comparator(|builder, left, right| {
            let before = body(builder, left, right);
            disguised(builder, before)
        });
        assert_ne!(comparator(body).order(), choral_ir::Order::Body);
        assert_eq!(hidden.order(), choral_ir::Order::Body);
        assert_eq!(places(comparator(body), &keys), places(hidden, &keys));
    };
    check(&nan_greatest);
    check(&|builder, left, right| nan_greatest(builder, right, left));
    for direction in [Eq, Ge, Gt, Le, Lt, Ne] {
        check(&|builder, left, right| builder.compare(direction, left, right).unwrap());
        check(&|builder, left, right| builder.compare(direction, right, left).unwrap());
        check(&|builder, left, right| total(builder, direction, left, right));
    }
}
