//! Layers and functions against values computed by hand or from their definitions, the way
//! PyTorch documents them; and state dicts to files and back.

use choral::prelude::*;
use choral::tree::leaves;
use insta::assert_snapshot;

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Runs a layer on an input.
fn forward<M>(layer: &M, input: &Tensor) -> Result<Tensor, choral::Error>
where
    M: Module<Tensor> + Clone,
    choral::ensemble::FunctionalModule<M::With<TensorType>>:
        Function<(State<Var>, State<Var>, Var), Output = Var>,
{
    let (fmodel, params, buffers) = combine_state_for_ensemble(std::slice::from_ref(layer))?;
    let member = |state: &State<Tensor>| choral::ensemble::member_state(state, 0);
    jit(fmodel).call((member(&params)?, member(&buffers)?, input.clone()))
}

#[track_caller]
fn assert_close(got: &Tensor, expected: &[f64]) {
    let got = got.to_f64_vec();
    assert_eq!(got.len(), expected.len(), "{got:?}");
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-5, "{got} instead of {expected}");
    }
}

fn line(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::new(shape.to_vec(), values.to_vec()).expect("as many values as the shape has")
}

/// What a layer says of zeros of this shape, and that it names a line.
#[track_caller]
fn refusal<M>(layer: &M, shape: impl Into<Vec<usize>>) -> String
where
    M: Module<Tensor> + Clone,
    choral::ensemble::FunctionalModule<M::With<TensorType>>:
        Function<(State<Var>, State<Var>, Var), Output = Var>,
{
    let error = forward(layer, &Tensor::zeros(TensorType::new(shape, DType::F32))).expect_err("a refusal");
    let message = error.to_string();
    assert!(message.contains("\n  at tests/layers.rs:"), "{message}");
    message.lines().next().expect("a line").to_owned()
}

#[test]
fn linear() -> TestResult {
    let layer = Linear {
        weight: Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]),
        bias: Some(Tensor::from([10.0f32, 20.0])),
    };
    let x = Tensor::from([[1.0f32, 1.0], [0.0, 1.0]]);
    assert_close(&forward(&layer, &x)?, &[13.0, 27.0, 12.0, 24.0]);
    assert_close(&forward(&layer.without_bias(), &x)?, &[3.0, 7.0, 2.0, 4.0]);
    Ok(())
}

#[test]
fn linear_takes_any_leading_dimensions() -> TestResult {
    let layer = Linear::init(3, 2, Key::new(0));
    assert_eq!(forward(&layer, &Tensor::randn([3], Key::new(1)))?.shape(), [2]);
    assert_eq!(forward(&layer, &Tensor::randn([4, 5, 3], Key::new(1)))?.shape(), [4, 5, 2]);
    Ok(())
}

#[test]
fn convolutions_slide_as_in_pytorch() -> TestResult {
    let x = line(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1, 1, 5]);
    let kernel = |values: &[f32]| Conv1d {
        weight: line(values, &[1, 1, values.len()]),
        ..Conv1d::init(1, 1, values.len(), Key::new(0)).without_bias()
    };
    assert_close(&forward(&kernel(&[1.0, 10.0]), &x)?, &[21.0, 32.0, 43.0, 54.0]);
    assert_close(&forward(&kernel(&[1.0, 10.0]).stride(2), &x)?, &[21.0, 43.0]);
    assert_close(&forward(&kernel(&[1.0, 10.0]).dilation(3), &x)?, &[41.0, 52.0]);
    assert_close(&forward(&kernel(&[1.0, 10.0]).padding(1), &x)?, &[10.0, 21.0, 32.0, 43.0, 54.0, 5.0]);
    Ok(())
}

/// The padding of both sides makes room for one window exactly; a window that is larger is refused.
#[test]
fn windows_as_large_as_the_padded_input() -> TestResult {
    let one = line(&[7.0], &[1, 1, 1]);
    let conv = Conv1d { weight: line(&[1.0, 10.0, 100.0], &[1, 1, 3]), ..Conv1d::init(1, 1, 3, Key::new(0)) };
    let conv = conv.without_bias().padding(1);
    assert_close(&forward(&conv, &one)?, &[70.0]);
    assert_close(&forward(&conv.clone().padding(2).dilation(2), &one)?, &[70.0]);
    assert_close(&forward(&MaxPool1d::new(3).padding(1), &one)?, &[7.0]);
    assert_close(&forward(&AvgPool1d::new(3).padding(1), &one)?, &[7.0 / 3.0]);
    let larger = "[4] are larger than [3]";
    assert!(refusal(&Conv1d::init(1, 1, 4, Key::new(0)).padding(1), [1, 1, 1]).contains(larger));
    assert!(refusal(&MaxPool1d::new(4).padding(1), [1, 1, 1]).contains(larger));
    Ok(())
}

#[test]
fn grouped_convolutions_keep_channels_apart() -> TestResult {
    let mut layer = Conv2d::init_grouped(2, 2, 1, 2, Key::new(0));
    assert_eq!(layer.weight.shape(), [2, 1, 1, 1]);
    layer.weight = line(&[2.0, 3.0], &[2, 1, 1, 1]);
    layer.bias = Some(Tensor::from([0.5f32, 0.25]));
    let x = line(&[1.0, 2.0, 10.0, 20.0], &[1, 2, 1, 2]);
    assert_close(&forward(&layer, &x)?, &[2.5, 4.5, 30.25, 60.25]);
    Ok(())
}

#[test]
fn pooling() -> TestResult {
    let x = line(&[1.0, 5.0, 2.0, 3.0, -1.0, 0.0], &[1, 1, 6]);
    assert_close(&forward(&MaxPool1d::new(2), &x)?, &[5.0, 3.0, 0.0]);
    assert_close(&forward(&AvgPool1d::new(2), &x)?, &[3.0, 2.5, -0.5]);
    assert_close(&forward(&MaxPool1d::new(3).stride(2).padding(1), &x)?, &[5.0, 5.0, 3.0]);
    assert_close(&forward(&AvgPool1d::new(3).stride(2).padding(1), &x)?, &[2.0, 10.0 / 3.0, 2.0 / 3.0]);
    Ok(())
}

#[test]
fn embedding_looks_rows_up() -> TestResult {
    let layer = Embedding { weight: Tensor::from([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]) };
    let rows = forward(&layer, &Tensor::from([[2i64, 0]]))?;
    assert_eq!(rows.shape(), [1, 2, 2]);
    assert_close(&rows, &[5.0, 6.0, 1.0, 2.0]);
    Ok(())
}

#[test]
fn layer_normalisation() -> TestResult {
    let layer = LayerNorm::init([4]);
    // Mean 2.5, biased variance 1.25.
    let scale = (1.25f64 + 1e-5).sqrt();
    let expected = [-1.5 / scale, -0.5 / scale, 0.5 / scale, 1.5 / scale];
    assert_close(&forward(&layer, &Tensor::from([[1.0f32, 2.0, 3.0, 4.0]]))?, &expected);
    // Mean 0, variance 3; with an eps of 1 the root is 2.
    let x = Tensor::from([[-3f32.sqrt(), 3f32.sqrt()]]);
    let half = 3f64.sqrt() / 2.0;
    assert_close(&forward(&LayerNorm::init([2]).eps(1.0), &x)?, &[-half, half]);
    Ok(())
}

#[test]
fn batch_normalisation_in_evaluation_mode() -> TestResult {
    let mut layer = BatchNorm1d::init(2);
    layer.running_mean = Tensor::from([1.0f32, 2.0]);
    layer.running_var = Tensor::from([4.0f32, 9.0]);
    layer.weight = Some(Tensor::from([2.0f32, 3.0]));
    layer.bias = Some(Tensor::from([0.5f32, -0.5]));
    layer.eval();
    assert_close(&forward(&layer.clone().eps(0.0), &Tensor::from([[3.0f32, 5.0]]))?, &[2.5, 2.5]);
    // Under the root: 4 + 5 and 9 + 5.
    let expected = [2.0 * 2.0 / 3.0 + 0.5, 3.0 * 3.0 / 14f64.sqrt() - 0.5];
    assert_close(&forward(&layer.eps(5.0), &Tensor::from([[3.0f32, 5.0]]))?, &expected);
    Ok(())
}

#[test]
fn batch_normalisation_in_training_mode_averages_the_statistics() -> TestResult {
    let x = Tensor::from([[0.0f32], [2.0], [4.0]]);
    for (momentum, mean, var) in [(Some(0.1), 0.2, 0.9 + 0.4), (None, 2.0, 4.0)] {
        let layer = BatchNorm1d::init(1).momentum(momentum);
        let (fmodel, params, buffers) = combine_state_for_ensemble(&[layer])?;
        let (_, buffers) = vmap(fmodel.returning_buffers(), (0, 0, None)).call((&params, &buffers, &x))?;
        assert_close(&buffers["running_mean"], &[mean]);
        assert_close(&buffers["running_var"], &[var]);
        assert_eq!(buffers["num_batches_tracked"].as_slice::<i64>()?, [1]);
    }
    Ok(())
}

/// As PyTorch does; what is not its shape never broadcasts into the state.
#[test]
fn layers_refuse_what_does_not_fit() {
    let norm = BatchNorm1d::<Tensor>::init(1);
    let mut broken = BatchNorm2d::<Tensor>::init(3);
    broken.weight = Some(Tensor::full([1], 1.0f32));
    let mut biased = Linear::init(3, 2, Key::new(0));
    biased.bias = Some(Tensor::full([4, 2], 1.0f32));
    let scale = |shape: &[usize]| LayerNorm::<Tensor>::init(shape);
    let table = Embedding::init(4, 2, Key::new(0));
    let normalisation = [
        refusal(&norm, [4, 3]),
        refusal(&norm, [4]),
        refusal(&norm, [1, 1]),
        refusal(&norm, [0, 1]),
        refusal(&broken, [2, 3, 4, 4]),
        refusal(&scale(&[1]), [4, 3]),
        refusal(&scale(&[2, 3]), [4, 3]),
        refusal(&scale(&[]), [4, 3]),
        refusal(&biased, [4, 3]),
        refusal(&table, [4]),
    ];
    assert_snapshot!("layers_refuse_state_and_inputs", normalisation.join("\n"));
    let conv = |kernel: usize| Conv1d::init(1, 1, kernel, Key::new(0));
    let windows = [
        refusal(&conv(2), [1, 5]),
        refusal(&conv(2), [1, 3, 5]),
        refusal(&conv(0), [1, 1, 5]),
        refusal(&conv(7), [1, 1, 5]),
        refusal(&conv(2).stride(0), [1, 1, 5]),
        refusal(&conv(2).dilation(0), [1, 1, 5]),
        refusal(&conv(2).dilation(usize::MAX), [1, 1, 5]),
        refusal(&conv(2).padding(usize::MAX), [1, 1, 5]),
        refusal(&Conv1d::init_grouped(3, 4, 1, 2, Key::new(0)), [1, 3, 5]),
        refusal(&Conv1d::init_grouped(2, 3, 1, 2, Key::new(0)), [1, 2, 5]),
        refusal(&Conv1d::init_grouped(2, 2, 1, 0, Key::new(0)), [1, 2, 5]),
        refusal(&MaxPool1d::new(0), [1, 1, 5]),
        refusal(&MaxPool1d::new(6), [1, 1, 5]),
        refusal(&MaxPool1d::new(2).stride(0), [1, 1, 5]),
        refusal(&MaxPool1d::new(2).padding(2), [1, 1, 5]),
        refusal(&AvgPool1d::new(2).padding(usize::MAX), [1, 1, 5]),
        refusal(&AvgPool2d::new(2), [4, 4]),
        refusal(&MaxPool2d::new([2, 0]), [1, 4, 4]),
    ];
    assert_snapshot!("layers_refuse_windows", windows.join("\n"));
}

/// One value is no batch, also where each member has one of its own.
#[test]
fn one_value_per_channel_is_refused_of_every_member() -> TestResult {
    let (fmodel, params, buffers) =
        combine_state_for_ensemble(&[BatchNorm1d::init(3), BatchNorm1d::init(3)])?;
    let batches = Tensor::randn([2, 1, 3], Key::new(0));
    let program = vmap(fmodel.returning_buffers(), (0, 0, 0));
    let error = program.call((&params, &buffers, &batches)).expect_err("no variance");
    assert!(error.to_string().contains("training mode needs more than 1 value per channel"), "{error}");
    let long = Tensor::randn([2, 1, 3, 2], Key::new(0));
    let (_, buffers) = program.call((&params, &buffers, &long))?;
    assert_eq!(buffers["running_var"].shape(), [2, 3]);
    assert!(buffers["running_var"].to_f64_vec().iter().all(|var| var.is_finite()));
    Ok(())
}

/// Norms of 16-bit floats, and what they leave in their buffers, are what they are in `f32`, rounded once.
#[test]
fn norms_of_halves() -> TestResult {
    let norms = |x: Var| {
        let filled = |value| x.full([5], value);
        let mut batch = BatchNorm1d {
            weight: Some(filled(1.5)),
            bias: Some(filled(0.25)),
            running_mean: filled(0.0),
            running_var: filled(1.0),
            num_batches_tracked: x.full([], 0.0).to(DType::I64),
            eps: 1e-5,
            momentum: Some(0.1),
            training: false,
        };
        let mut layer = LayerNorm { weight: filled(0.5), bias: Some(filled(2.0)), eps: 1e-5 };
        let mut results = vec![batch.forward(&x), layer.forward(&x)];
        batch.training = true;
        results.push(batch.forward(&x));
        results.extend([batch.running_mean, batch.running_var]);
        results
    };
    for (dtype, device) in [
        (DType::Bf16, Device::Reference),
        (DType::F16, Device::Reference),
        (DType::Bf16, Device::Cpu),
        (DType::F16, Device::Cpu),
    ] {
        let x = Tensor::from_fn([600, 5], |at| 30.0 + (at * at % 17) as f32).to_dtype(dtype);
        let got = jit(norms).on(device).call(&x)?;
        let exact = jit(norms).on(device).call(&x.to_dtype(DType::F32))?;
        for (got, exact) in got.iter().zip(exact) {
            assert!(got.bit_eq(&exact.to_dtype(dtype)), "{got}, not {exact}");
        }
        assert!((got[3].to_f64_vec()[0] - 3.8).abs() < 0.1, "{}", got[3]);
    }
    Ok(())
}

#[test]
fn activations_at_the_edges() -> TestResult {
    for dtype in [DType::F16, DType::Bf16, DType::F32, DType::F64] {
        let x = Tensor::from([f32::NEG_INFINITY, -30_000.0, 1000.0, f32::INFINITY, f32::NAN]);
        let at_edges = |function: fn(Var) -> Var, low: f64, high: f64| -> TestResult {
            let results = jit(move |x: Var| function(x.to(dtype)).to(DType::F32)).call(&x)?.to_f64_vec();
            assert_eq!(results[..4], [low, low, high, f64::INFINITY], "{dtype}");
            assert!(results[4].is_nan(), "{dtype}");
            Ok(())
        };
        at_edges(|x| x.gelu(), 0.0, 1000.0)?;
        at_edges(|x| x.gelu_tanh(), 0.0, 1000.0)?;
        at_edges(|x| x.silu(), 0.0, 1000.0)?;
        at_edges(|x| x.softplus(), 0.0, 1000.0)?;
        at_edges(|x| x.elu(1.0), -1.0, 1000.0)?;
        at_edges(|x| x.celu(1.0), -1.0, 1000.0)?;
        at_edges(|x| x.mish(), 0.0, 1000.0)?;
        at_edges(|x| x.hardswish(), 0.0, 1000.0)?;
    }
    // Six deviations out, 1 + erf(x) has no digits left.
    let small = jit(|x: Var| x.gelu()).call(&Tensor::from([-6.0f64]))?.item::<f64>()?;
    assert!((small / -5.919_525_870_226_88e-9 - 1.0).abs() < 1e-12, "{small:e}");
    Ok(())
}

#[test]
fn activations() -> TestResult {
    let x = Tensor::from([-1.0f32, 0.0, 2.0]);
    let run = |function: fn(Var) -> Var| jit(function).call(&x);
    assert_close(&run(|x| x.relu())?, &[0.0, 0.0, 2.0]);
    assert_close(&run(|x| x.gelu())?, &[-0.158_655_25, 0.0, 1.954_499_7]);
    assert_close(&run(|x| x.gelu_tanh())?, &[-0.158_808_01, 0.0, 1.954_597_7]);
    assert_close(&run(|x| x.silu())?, &[-0.268_941_42, 0.0, 1.761_594_2]);
    assert_close(&run(|x| x.tanh())?, &[-0.761_594_2, 0.0, 0.964_027_6]);
    assert_close(&run(|x| x.sigmoid())?, &[0.268_941_42, 0.5, 0.880_797]);
    assert_close(&run(|x| x.softmax(-1))?, &[0.042_010_07, 0.114_195_2, 0.843_794_7]);
    assert_close(&run(|x| x.log_softmax(0))?, &[-3.169_846, -2.169_846, -0.169_846]);
    assert_close(&run(|x| x.logsumexp(0))?, &[2.169_846]);
    Ok(())
}

#[test]
fn argmax_takes_the_first_and_nan_for_greatest() -> TestResult {
    let rows = Tensor::from([[1.0f32, 5.0, 5.0], [f32::NEG_INFINITY; 3], [1.0, f32::NAN, 7.0]]);
    assert_eq!(jit(|x: Var| x.argmax(-1)).call(&rows)?.as_slice::<i64>()?, [1, 0, 1]);
    assert_eq!(jit(|x: Var| x.argmax(0)).call(&Tensor::from([3, 9, 9, -1]))?.as_slice::<i64>()?, [1]);
    let error =
        jit(|x: Var| x.argmax(1)).call(&Tensor::randn([2, 0], Key::new(0))).expect_err("nothing there");
    assert!(error.to_string().starts_with("argmax: dimension 1 of tensor<2x0xf32> is empty"), "{error}");
    Ok(())
}

#[test]
fn dropout_scales_what_it_keeps() -> TestResult {
    let x = Tensor::full([2000], 1.0f32);
    let run = jit(|(x, key): (Var, Var)| with_key(&key, || x.dropout(0.25)));
    let dropped = run.call((&x, &Tensor::from(Key::new(7))))?.to_f64_vec();
    assert!(dropped.iter().all(|&value| value == 0.0 || (value - 4.0 / 3.0).abs() < 1e-6));
    let kept = dropped.iter().filter(|&&value| value != 0.0).count();
    assert!((1400..1600).contains(&kept), "{kept} of 2000 kept");
    let mut layer = Dropout::new(0.25);
    Module::<Tensor>::eval(&mut layer);
    assert_close(&forward(&layer, &Tensor::from([1.0f32]))?, &[1.0]);
    Ok(())
}

/// The draws inside a program are those of the key on the host.
#[test]
fn dropout_draws_from_the_key_by_number() -> TestResult {
    let x = Tensor::full([64], 1.0f32);
    let twice = jit(|(x, key): (Var, Var)| with_key(&key, || (x.dropout(0.5), x.dropout(0.5))));
    let key = Key::new(3);
    let (first, second) = twice.call((&x, &Tensor::from(key)))?;
    for (draw, dropped) in [first, second].iter().enumerate() {
        let uniform = key.fold_in(draw as u32).uniform(64);
        let expected: Vec<f64> = uniform.iter().map(|&draw| if draw < 0.5 { 2.0 } else { 0.0 }).collect();
        assert_close(dropped, &expected);
    }
    Ok(())
}

/// One key for each member: each drops other elements, and the same as when it runs alone.
#[test]
fn members_drop_by_their_own_keys() -> TestResult {
    let keys: [Key; 3] = Key::new(5).split();
    let stacked = Tensor::stack(&keys.map(Tensor::from))?;
    let drop = |(x, key): (Var, Var)| with_key(&key, || x.dropout(0.5));
    let x = Tensor::full([32], 1.0f32);
    let together = vmap(drop, (None, 0)).call((&x, &stacked))?;
    for (member, key) in keys.into_iter().enumerate() {
        assert!(together.index(member)?.bit_eq(&jit(drop).call((&x, &Tensor::from(key)))?));
    }
    assert!(!together.index(0)?.bit_eq(&together.index(1)?));
    Ok(())
}

/// A model with every kind of layer that has state.
#[derive(Module, Clone)]
struct Everything<T> {
    blocks: Vec<Linear<T>>,
    conv: Conv1d<T>,
    norm: BatchNorm1d<T>,
    table: Embedding<T>,
    last: LayerNorm<T>,
}

fn everything(seed: u64) -> Everything<Tensor> {
    let [first, second, third, fourth] = Key::new(seed).split();
    Everything {
        blocks: vec![Linear::init(2, 3, first), Linear::init(3, 2, second).without_bias()],
        conv: Conv1d::init(1, 2, 3, third),
        norm: BatchNorm1d::init(2),
        table: Embedding::init(4, 2, fourth),
        last: LayerNorm::init([2]),
    }
}

#[test]
fn state_names_are_pytorchs() {
    let model = everything(0);
    let names: Vec<String> = model.state_dict().into_keys().collect();
    assert_eq!(
        names,
        [
            "blocks.0.weight",
            "blocks.0.bias",
            "blocks.1.weight",
            "conv.weight",
            "conv.bias",
            "norm.weight",
            "norm.bias",
            "norm.running_mean",
            "norm.running_var",
            "norm.num_batches_tracked",
            "table.weight",
            "last.weight",
            "last.bias",
        ]
    );
    assert_eq!(model.named_buffers().len(), 3);
}

#[test]
fn a_saved_model_loads_bit_for_bit() -> TestResult {
    let (model, mut other) = (everything(0), everything(1));
    let file = std::env::temp_dir().join(format!("choral-layers-{}.safetensors", std::process::id()));
    model.save(&file)?;
    other.load(&file)?;
    std::fs::remove_file(&file)?;
    let pairs = leaves(&model).into_iter().zip(leaves(&other));
    for ((path, saved), (_, loaded)) in pairs {
        assert!(saved.bit_eq(&loaded), "{path}");
    }
    Ok(())
}

#[test]
fn members_come_back_out_of_the_stack() -> TestResult {
    let models: Vec<Everything<Tensor>> = (0..3).map(everything).collect();
    let (params, buffers) = stack_module_state(&models)?;
    for (member, model) in models.iter().enumerate() {
        let back = choral::ensemble::unstack_module_state(&models[0], (&params, &buffers), member)?;
        let (back, model) = (back.state_dict(), model.state_dict());
        assert!(back.iter().all(|(name, tensor)| tensor.bit_eq(&model[name])));
    }
    Ok(())
}

#[test]
fn programs_are_shared_by_threads() {
    let program = jit(|x: Var| x.softmax(-1));
    let results: Vec<Tensor> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| program.call(&Tensor::randn([8, 8], Key::new(0))).expect("a result")))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    assert!(results.iter().all(|result| result.bit_eq(&results[0])));
}

#[test]
fn greatest_and_least_of_every_type() -> TestResult {
    let extremes = jit(|x: Var| (x.amax(0), x.amin(0), x.argmax(0)));
    let (max, min, at) = extremes.call(&Tensor::from([3i8, -7, 5, 5]))?;
    assert_eq!((max.item::<i8>()?, min.item::<i8>()?, at.item::<i64>()?), (5, -7, 2));
    let (max, min, _) = extremes.call(&Tensor::from([false, false]))?;
    assert_eq!((max.item::<bool>()?, min.item::<bool>()?), (false, false));
    Ok(())
}

#[test]
fn special_functions() -> TestResult {
    use choral::ir::op::Unary;
    let cases: [(Unary, f64, f64); 15] = [
        (Unary::Acos, 0.5, std::f64::consts::FRAC_PI_3),
        (Unary::Acosh, 2.0, 1.316_957_896_924_816_6),
        (Unary::Asin, 0.5, std::f64::consts::FRAC_PI_6),
        (Unary::Asinh, 1.0, 0.881_373_587_019_543),
        (Unary::Atan, 1.0, std::f64::consts::FRAC_PI_4),
        (Unary::Atanh, 0.5, 0.549_306_144_334_054_8),
        (Unary::BesselI1e, 1.0, 0.207_910_415_349_708_45),
        (Unary::Cosh, 1.0, 1.543_080_634_815_243_7),
        (Unary::ErfInv, 0.5, 0.476_936_276_204_469_9),
        (Unary::ErfInv, -0.999_999, -3.458_910_737_279_5),
        (Unary::Erfc, 2.0, 0.004_677_734_981_047_266),
        // 1 - Euler's constant, and by reflection.
        (Unary::Digamma, 2.0, 0.422_784_335_098_467_1),
        (Unary::Digamma, -0.5, 0.036_489_973_978_576_52),
        (Unary::Lgamma, 4.5, 2.453_736_570_842_442_3),
        (Unary::Sinh, 1.0, 1.175_201_193_643_801_4),
    ];
    for (op, x, expected) in cases {
        let mut builder = choral::ir::Builder::new("main");
        let input = builder.input("x", TensorType::scalar(DType::F64));
        let result = builder.unary(op, input)?;
        let graph = builder.finish(&[result]);
        let got = choral::runtime::evaluate(&graph, &[Tensor::scalar(x)])?[0].item::<f64>()?;
        assert!((got / expected - 1.0).abs() < 1e-11, "{op:?}({x}) = {got}, expected {expected}");
    }
    Ok(())
}
