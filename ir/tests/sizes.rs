//! Sizes beyond what memory or 64 bits hold: refused by type rules and constructors, not wrapped around.

use choral_ir::op::{
    Binary, BroadcastInDim, Concatenate, Convolution, DynamicUpdateSlice, Iota, Layout, Pad, ReduceWindow,
    Reshape, RngAlgorithm, RngBitGenerator, SelectAndScatter, Slice,
};
use choral_ir::{Builder, DType, Graph, Key, Op, Tensor, TensorError, TensorType, cost};

fn f32s(shape: impl Into<Vec<usize>>) -> TensorType {
    TensorType::new(shape, DType::F32)
}

/// The type of an op's result, or the error's first line.
fn inferred(op: impl Into<Op>, operands: &[TensorType]) -> Result<Vec<usize>, String> {
    let mut builder = Builder::new("main");
    let values: Vec<_> = operands.iter().map(|ty| builder.input("x", ty.clone())).collect();
    let result = builder.push(op, &values);
    let line = |error: choral_ir::BuildError| error.to_string().lines().next().unwrap().to_owned();
    result.map(|value| builder.graph().ty(value).shape.clone()).map_err(line)
}

fn convolution(padding: (i64, i64), dilation: usize, step: usize) -> Convolution {
    Convolution {
        batching_dims: Vec::new(),
        input: Layout::channels_first(1),
        kernel: Layout::channels_first(1),
        output: Layout::channels_first(1),
        strides: vec![1],
        padding: vec![padding],
        lhs_dilation: vec![dilation],
        rhs_dilation: vec![step],
        reversal: vec![false],
        feature_group_count: 1,
        batch_group_count: 1,
        dtype: DType::F32,
    }
}

fn window(padding: (i64, i64), size: usize, dilations: [usize; 2]) -> ReduceWindow {
    ReduceWindow {
        window_dimensions: vec![size],
        window_strides: vec![1],
        base_dilations: vec![dilations[0]],
        window_dilations: vec![dilations[1]],
        padding: vec![padding],
        body: Graph::reducer(Binary::Add, DType::F32).unwrap().into(),
    }
}

fn pad(low: i64, high: i64, interior: usize) -> Pad {
    Pad { low: vec![low], high: vec![high], interior: vec![interior] }
}

#[test]
fn type_rules_compute_sizes_checked() {
    const MOST: usize = i64::MAX as usize;
    let image = [f32s([1, 1, 9]), f32s([1, 1, 2])];
    let line = [f32s([9]), f32s([])];
    let select = |padding| SelectAndScatter {
        window_dimensions: vec![2],
        window_strides: vec![2],
        padding: vec![padding],
        select: Graph::reducer(Binary::Add, DType::F32).unwrap().into(),
        scatter: Graph::reducer(Binary::Add, DType::F32).unwrap().into(),
    };
    let refused = [
        inferred(convolution((0, 0), 1, MOST), &image),
        inferred(convolution((0, 0), MOST, 1), &image),
        inferred(convolution((i64::MAX, i64::MAX), 1, 1), &image),
        inferred(convolution((i64::MIN, i64::MAX), 1, 1), &image),
        inferred(convolution((1 << 61, 0), 1, 1), &image),
        inferred(window((i64::MAX, 1), 2, [1, 1]), &line),
        inferred(window((0, 0), 1 << 40, [1, 1 << 40]), &line),
        inferred(window((0, 0), 2, [usize::MAX, 1]), &line),
        inferred(select((i64::MAX, i64::MAX)), &[f32s([4]), f32s([2]), f32s([])]),
        inferred(pad(i64::MAX, 1, 0), &line),
        inferred(pad(0, 0, usize::MAX), &line),
        inferred(pad(i64::MIN, i64::MAX, 0), &line),
        inferred(pad(1 << 62, 0, 0), &line),
        inferred(Concatenate { dimension: 0 }, &[f32s([1 << 59]), f32s([1 << 59]), f32s([1 << 59])]),
        inferred(BroadcastInDim { shape: vec![1 << 40, 1 << 40], dims: vec![] }, &[f32s([])]),
        inferred(Reshape { shape: vec![usize::MAX, 3] }, &[f32s([usize::MAX, 2])]),
        inferred(Iota { shape: vec![0, 1 << 61], dtype: DType::I8, dimension: 0 }, &[]),
    ];
    let messages: Vec<String> = refused.into_iter().map(Result::unwrap_err).collect();
    assert!(messages.iter().all(|message| message.ends_with("(size)")), "{messages:#?}");
    insta::assert_snapshot!(messages.join("\n"));
}

/// What is long and possible stays possible.
#[test]
fn sizes_at_the_edge_are_right() {
    let image = [f32s([1, 1, 9]), f32s([1, 1, 2])];
    // The window is longer than the line: there is none.
    assert_eq!(inferred(convolution((0, 0), 1, 1 << 62), &image), Ok(vec![1, 1, 0]));
    assert_eq!(inferred(convolution((-9, 0), 1, 1), &image), Ok(vec![1, 1, 0]));
    assert_eq!(inferred(convolution((1 << 40, 0), 1, 1), &image), Ok(vec![1, 1, (1 << 40) + 8]));
    assert_eq!(inferred(window((0, 0), 3, [1, 4]), &[f32s([9]), f32s([])]), Ok(vec![1]));
    assert_eq!(inferred(pad(-4, -5, 0), &[f32s([9]), f32s([])]), Ok(vec![0]));
    assert_eq!(inferred(pad(1, 2, 3), &[f32s([3]), f32s([])]), Ok(vec![12]));
    let slice = Slice { start: vec![1], limit: vec![9], strides: vec![i64::MAX as usize] };
    assert_eq!(inferred(slice.clone(), &[f32s([9])]), Ok(vec![1]));
    // Text has no number for it.
    assert!(inferred(Slice { strides: vec![usize::MAX], ..slice }, &[f32s([9])]).is_err());
    let far = Convolution { strides: vec![usize::MAX], ..convolution((0, 0), 1, 1) };
    assert!(inferred(far, &image).is_err());
}

/// Attributes that no text spells, but JSON can.
#[test]
fn attributes_without_sense_are_refused() {
    let mut layouts = convolution((0, 0), 1, 1);
    layouts.kernel = Layout::channels_first(0);
    assert!(inferred(layouts, &[f32s([1, 1, 9]), f32s([1, 1])]).unwrap_err().contains("(C12)"));
    let bits = RngBitGenerator {
        algorithm: RngAlgorithm::Default,
        batching_dims: usize::MAX,
        shape: vec![2],
        dtype: DType::Ui32,
    };
    assert!(inferred(bits, &[TensorType::new([2], DType::Ui64)]).unwrap_err().contains("(C1)"));
    let update = DynamicUpdateSlice { batching_dims: vec![usize::MAX] };
    assert!(inferred(update, &[f32s([2]), f32s([2])]).unwrap_err().contains("(C4)"));
}

/// By going through windows and taps one by one.
#[test]
fn products_of_convolutions_are_counted() {
    for (padding, dilation, step, stride) in
        [((0, 0), 1, 1, 1), ((3, 1), 2, 3, 2), ((-2, 4), 3, 1, 2), ((5, 5), 4, 2, 3), ((2, 2), 2, 2, 5)]
    {
        let op = Convolution { strides: vec![stride], ..convolution(padding, dilation, step) };
        let mut builder = Builder::new("main");
        let (x, w) = (builder.input("x", f32s([1, 1, 9])), builder.input("w", f32s([1, 1, 3])));
        let y = builder.push(op, &[x, w]).unwrap();
        let windows = builder.graph().ty(y).shape[2] as i64;
        let meets = |window: i64, tap: i64| {
            let place = window * stride as i64 + tap * step as i64 - padding.0;
            (0..9).any(|element| element * dilation as i64 == place)
        };
        let expected = (0..windows).map(|w| (0..3).filter(|&tap| meets(w, tap)).count() as u64).sum::<u64>();
        assert_eq!(
            cost::multiply_adds(&builder.finish(&[y])),
            expected,
            "{padding:?} {dilation} {step} {stride}"
        );
    }
}

#[test]
fn constructors_give_errors() {
    let key = Key::new(0);
    let huge = [usize::MAX, 2];
    let refused = [
        Tensor::try_full(huge, 1.0f32),
        Tensor::try_zeros(f32s(huge)),
        Tensor::try_from_fn([1 << 62], |_| 1u8),
        Tensor::try_randn(huge, key),
        Tensor::try_rand([1 << 50, 1 << 50], key),
        Tensor::try_full([0, 1 << 61], 1.0f32),
        Tensor::new([0, usize::MAX], Vec::<f32>::new()),
        Tensor::zeros(f32s([0])).reshape([usize::MAX, 0]),
        Tensor::from([[1.0f32], [2.0]]).take(&[]).and_then(|rows| rows.take(&[0])),
        Tensor::scalar(1.0f32).take(&[]),
    ];
    for result in &refused[..8] {
        let error = result.as_ref().unwrap_err();
        let TensorError::Memory { ty, location, .. } = error else { panic!("{error}") };
        assert!(error.to_string().contains(&ty.to_string()), "{error}");
        assert!(error.to_string().contains(&format!("{}:{}", file!(), location.line)), "{error}");
    }
    assert!(refused[8..].iter().all(|result| matches!(result, Err(TensorError::Index { .. }))));
    assert!(key.try_split_n(1 << 62).is_err());
    // 100 PB: there is as much to address, but no machine has it.
    assert!(Tensor::try_zeros(TensorType::new([100 << 50], DType::I8)).is_err());
}

/// A constructor without a `Result` says what it could not make, and where it was called.
#[test]
fn constructors_without_errors_say_what_is_too_large() {
    let panics = |make: fn() -> Tensor| {
        let panic = std::panic::catch_unwind(make).unwrap_err();
        panic.downcast::<String>().map(|message| *message).unwrap_or_default()
    };
    let made: [fn() -> Tensor; 4] = [
        || Tensor::full([usize::MAX, 2], 1.0f32),
        || Tensor::randn([1 << 62], Key::new(0)),
        || Tensor::zeros(f32s([1 << 62])),
        || Tensor::from(Key::new(0).split_n(1 << 62)),
    ];
    for make in made {
        let message = panics(make);
        assert!(message.contains("more bytes than can be addressed"), "{message}");
    }
    assert!(panics(made[0]).contains(file!()));
}

/// A list within a list, 100,000 deep, is written without recursion and read as bytes.
#[test]
fn ranks_without_bound_are_written() {
    let deep = Tensor::new(vec![1; 100_000], vec![1.5f32]).unwrap();
    let text = deep.to_string();
    assert!(text.ends_with(&format!("[1.5{}", "]".repeat(100_000))), "{}", &text[text.len() - 10..]);
    let pair = Tensor::new([vec![1; 200], vec![2]].concat(), vec![1.5f32, -2.0]).unwrap();
    let mut builder = Builder::new("main");
    let value = builder.constant(pair);
    let graph = builder.finish(&[value]);
    assert_eq!(Graph::parse(&graph.to_text()).unwrap(), graph);
}

#[test]
fn tensors_are_written_in_nested_lists() {
    let shown = |shape: &[usize]| Tensor::from_fn(shape, |at| at as i32).to_string();
    insta::assert_snapshot!(
        [&[][..], &[3], &[2, 2], &[2, 1, 2], &[8], &[9, 2], &[2, 7], &[0], &[2, 0], &[0, 2]]
            .map(shown)
            .join("\n")
    );
}
