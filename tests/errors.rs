//! What users read when something does not fit: one test per kind of bad input.

use std::fs;
use std::path::PathBuf;

use choral::prelude::*;
use choral::tree::{Event, Walk};
use choral::{Error, Path};
use insta::assert_snapshot;

use crate::ROOT;
use crate::digits::{Cnn, Mlp, checkpoints, path, test_set};

/// The message of what must be an error.
#[track_caller]
fn message<T>(result: Result<T, impl Into<Error>>) -> String {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.into().to_string(),
    }
}

fn linears() -> Vec<Linear<Tensor>> {
    (0..5).map(|seed| Linear::init(3, 2, Key::new(seed))).collect()
}

/// Runs an ensemble of five linear layers with these dims.
fn run_with(in_dims: impl choral::IntoDims) -> Result<Tensor, Error> {
    let (fmodel, params, buffers) = combine_state_for_ensemble(&linears())?;
    vmap(fmodel, in_dims).call((&params, &buffers, &Tensor::randn([4, 3], Key::new(9))))
}

/// A file of its own for a test, in a folder that errors are shown without.
fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("choral-errors-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for scratch files");
    folder.join(name)
}

fn without_folder(message: &str, path: &std::path::Path) -> String {
    let folder = path.parent().expect("a folder").display().to_string();
    message.replace(&format!("{folder}/"), "")
}

#[test]
fn no_models() {
    assert_snapshot!(message(combine_state_for_ensemble::<Linear<Tensor>>(&[])));
}

#[test]
fn hyperparameters_that_differ() {
    let conv = |padding| Conv2d::init(1, 2, 3, Key::new(0)).padding([padding, 1]);
    assert_snapshot!(message(combine_state_for_ensemble(&[conv(1), conv(1), conv(2), conv(1)])));
}

#[test]
fn training_and_evaluation_mixed() {
    let mut models: Vec<Cnn<Tensor>> = (0..4).map(|seed| Cnn::init(Key::new(seed))).collect();
    models[1].eval();
    models[3].eval();
    assert_snapshot!(message(combine_state_for_ensemble(&models)));
}

#[test]
fn a_layer_without_a_bias() {
    let mut models = linears();
    models[2].bias = None;
    assert_snapshot!(message(combine_state_for_ensemble(&models)));
}

#[test]
fn a_parameter_of_another_shape() {
    let mut models = linears();
    models[3].weight = Tensor::randn([2, 4], Key::new(0));
    assert_snapshot!(message(combine_state_for_ensemble(&models)));
}

#[test]
fn a_parameter_of_another_element_type() {
    let mut models = linears();
    models[3].weight = models[3].weight.to_dtype(DType::F16);
    assert_snapshot!(message(combine_state_for_ensemble(&models)));
}

/// A module whose tree leaves a field out: members that look alike compute different things.
#[derive(Clone)]
struct Hidden<T> {
    layer: Linear<T>,
    squared: bool,
}

impl<T: choral::Leaf> Tree<T> for Hidden<T> {
    type With<U: choral::Leaf> = Hidden<U>;

    fn map<U: choral::Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &T) -> U) -> Hidden<U> {
        Hidden { layer: self.layer.map(at, leaf), squared: self.squared }
    }

    fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
        self.layer.visit(visit);
    }

    fn set_training(&mut self, _: bool) {}
}

impl Forward for Hidden<Var> {
    type Output = Var;

    fn forward(&mut self, input: &Var) -> Var {
        let output = self.layer.forward(input);
        if self.squared { &output * &output } else { output.relu() }
    }
}

#[test]
fn members_whose_graphs_differ() {
    let models: Vec<Hidden<Tensor>> = linears()
        .into_iter()
        .zip([false, false, true, false, false])
        .map(|(layer, squared)| Hidden { layer, squared })
        .collect();
    let run = || {
        let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
        vmap(fmodel, (0, 0, None)).call((&params, &buffers, &Tensor::randn([4, 3], Key::new(9)))).map(drop)
    };
    assert_snapshot!(message::<()>(run()));
}

#[test]
fn a_checkpoint_of_another_architecture() {
    let mut model = Mlp::init(Key::new(0));
    let before = model.state_dict();
    let message = message(model.load(path("cnn_0.safetensors")));
    assert_snapshot!(message.replace(ROOT, ""));
    assert!(model.state_dict().values().zip(before.values()).all(|(now, before)| now.bit_eq(before)));
}

#[test]
fn a_checkpoint_with_another_shape() {
    let mut state = Linear::init(3, 2, Key::new(0)).state_dict();
    state.insert("weight".to_owned(), Tensor::randn([2, 4], Key::new(1)));
    state.insert("bias".to_owned(), Tensor::from([1i64, 2]));
    assert_snapshot!(message(Linear::init(3, 2, Key::new(2)).load_state_dict(&state)));
}

/// As many elements, or as many bytes, are not enough.
#[test]
fn a_transposed_tensor_is_refused() {
    let (mut model, wide) = (Linear::init(3, 2, Key::new(2)), Linear::init(2, 3, Key::new(0)).weight);
    let before = model.state_dict();
    let file = scratch("transposed.safetensors");
    for tensor in [wide, Tensor::randn([6], Key::new(1)), Tensor::randn([1, 2, 3], Key::new(1))] {
        let mut state = before.clone();
        let told = format!("weight: the module has tensor<2x3xf32>, the state has {}", tensor.ty());
        state.insert("weight".to_owned(), tensor);
        choral::state::file::write(&file, &state).expect("a scratch file");
        assert!(message(model.load_state_dict(&state)).contains(&told));
        assert!(message(model.load(&file)).contains(&told));
    }
    let mut state = before.clone();
    state.insert("bias".to_owned(), Tensor::from([1i32, 2]));
    let told = "bias: the module has tensor<2xf32>, the state has tensor<2xi32>";
    assert!(message(model.load_state_dict(&state)).contains(told));
    assert!(model.state_dict().values().zip(before.values()).all(|(now, before)| now.bit_eq(before)));
}

#[test]
fn a_truncated_checkpoint() {
    let bytes = fs::read(path("mlp_0.safetensors")).expect("the checkpoint");
    let file = scratch("truncated.safetensors");
    fs::write(&file, &bytes[..bytes.len() - 100]).expect("a scratch file");
    let message = message(Mlp::init(Key::new(0)).load(&file));
    assert_snapshot!(without_folder(&message, &file));
}

#[test]
fn a_checkpoint_of_noise() {
    let file = scratch("noise.safetensors");
    fs::write(&file, [7u8; 64]).expect("a scratch file");
    let message = message(Mlp::init(Key::new(0)).load(&file));
    assert_snapshot!(without_folder(&message, &file));
}

#[test]
fn a_missing_checkpoint() {
    let file = scratch("missing.safetensors");
    let message = message(Mlp::init(Key::new(0)).load(&file));
    assert_snapshot!(without_folder(&message, &file));
}

#[test]
fn a_folder_that_cannot_be_written() {
    let file = scratch("no-such-folder").join("model.safetensors");
    let message = message(Linear::init(3, 2, Key::new(0)).save(&file));
    assert_snapshot!(without_folder(&message, &file));
}

#[test]
fn in_dims_of_another_structure() {
    assert_snapshot!(message(run_with((0, 0))));
}

#[test]
fn in_dims_for_an_argument_that_is_not_there() {
    assert_snapshot!(message(run_with((0, 0, None::<i64>, 0))));
}

#[test]
fn in_dims_out_of_range() {
    assert_snapshot!(message(run_with((2, 0, None))));
}

#[test]
fn in_dims_of_a_scalar() {
    assert_snapshot!(message(vmap(|x: Var| x.exp(), 0).call(&Tensor::scalar(1.0f32))));
}

#[test]
fn nothing_mapped() {
    assert_snapshot!(message(run_with(None)));
}

#[test]
fn sizes_that_differ() {
    let (fmodel, mut params, buffers) = combine_state_for_ensemble(&linears()).expect("an ensemble");
    params.insert("bias".to_owned(), Tensor::randn([4, 2], Key::new(0)));
    let data = Tensor::randn([5, 4, 3], Key::new(9));
    assert_snapshot!(message(vmap(fmodel, 0).call((&params, &buffers, &data))));
}

/// The inner `vmap` is applied by the outer one: the line is the user's anyway.
#[test]
fn dims_of_an_inner_vmap_that_do_not_fit() {
    let x = Tensor::zeros(TensorType::new([4, 3], DType::F32));
    let messages = [
        message(vmap(vmap(|x: Var| x.exp(), 1), 0).call(&x)),
        message(vmap(vmap(|x: Var| x.exp(), 0).out_dims(None), 0).call(&x)),
        message(vmap(vmap(|x: Var| x.exp(), 0).chunk_size(0), 0).call(&x)),
    ];
    assert_snapshot!(messages.join("\n\n"));
}

#[test]
fn an_axis_size_that_differs() {
    let run = vmap(|x: Var| x.exp(), 0).axis_size(7).call(&Tensor::from([1.0f32, 2.0]));
    assert_snapshot!(message(run));
}

#[test]
fn out_dim_none_for_a_mapped_result() {
    let function = |x: Var| (x.sum(()), x.exp());
    assert_snapshot!(message(vmap(function, 0).out_dims((0, None)).call(&Tensor::from([[1.0f32, 2.0]]))));
}

#[test]
fn out_dim_out_of_range() {
    assert_snapshot!(message(vmap(|x: Var| x.sum(()), 0).out_dims(1).call(&Tensor::from([[1.0f32, 2.0]]))));
}

#[test]
fn a_shape_error_in_a_forward() {
    let (fmodel, params, buffers) = combine_state_for_ensemble(&linears()).expect("an ensemble");
    let data = Tensor::randn([64, 4], Key::new(9));
    assert_snapshot!(message(vmap(fmodel, (0, 0, None)).call((&params, &buffers, &data))));
}

#[test]
fn a_shape_error_in_a_layer_of_a_module() {
    let models = checkpoints("cnn", &Cnn::init(Key::new(0))).expect("checkpoints");
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models).expect("an ensemble");
    let images = Tensor::randn([2, 12, 12], Key::new(0));
    assert_snapshot!(message(vmap(fmodel, (0, 0, None)).call((&params, &buffers, &images))));
}

#[test]
fn faults_of_one_function_are_told_together() {
    let function = |(x, y): (Var, Var)| {
        let sum = &x + &y;
        let product = x.matmul(&y);
        sum.sum(()) + product.sum(3)
    };
    let (x, y) = (Tensor::randn([2, 3], Key::new(0)), Tensor::randn([4, 5], Key::new(1)));
    assert_snapshot!(message(jit(function).call((&x, &y))));
}

#[test]
fn dropout_without_a_key() {
    let mut models: Vec<Cnn<Tensor>> = (0..2).map(|seed| Cnn::init(Key::new(seed))).collect();
    models.iter_mut().for_each(Module::train);
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models).expect("an ensemble");
    let (images, _) = test_set().expect("the images");
    assert_snapshot!(message(
        vmap(fmodel.returning_buffers(), (0, 0, None)).call((&params, &buffers, &images))
    ));
}

#[test]
fn buffers_that_would_be_lost() {
    let models: Vec<BatchNorm1d<Tensor>> = (0..2).map(|_| BatchNorm1d::init(3)).collect();
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models).expect("an ensemble");
    let data = Tensor::randn([4, 3], Key::new(0));
    assert_snapshot!(message(vmap(fmodel, (0, 0, None)).call((&params, &buffers, &data))));
}

#[test]
fn functional_call_with_other_names() {
    let model = Linear::init(3, 2, Key::new(0));
    let mut params = model.named_parameters();
    params.swap_remove("bias");
    params.insert("gain".to_owned(), Tensor::from([1.0f32]));
    let function = |(params, x): (State<Var>, Var)| functional_call(&model, (&params, &State::new()), &x);
    assert_snapshot!(message(jit(function).call((&params, &Tensor::randn([4, 3], Key::new(1))))));
}

#[test]
fn a_member_that_is_not_there() {
    let (_, params, _) = combine_state_for_ensemble(&linears()).expect("an ensemble");
    assert_snapshot!(message(choral::ensemble::member_state(&params, 5)));
}

#[test]
fn a_call_inside_a_trace() {
    let outer = |x: Var| {
        let inner = jit(|y: Var| y.exp() + &x);
        let result = inner.call(&Tensor::scalar(1.0f32));
        assert_snapshot!("a_call_inside_a_trace", message(result));
        x
    };
    assert!(jit(outer).call(&Tensor::scalar(1.0f32)).is_ok());
}

#[test]
fn axis_names_that_text_cannot_spell() {
    let x = Tensor::zeros(TensorType::new([4, 3], DType::F32));
    let told =
        ["", "two words", "a@0"].map(|name| message(vmap(|x: Var| x.exp(), 0).axis_name(name).call(&x)));
    assert_snapshot!(told.join("\n\n"));
}

#[test]
fn what_cannot_be_mapped_cannot_be_explained() {
    let x = TensorType::new([4, 3], DType::F32);
    let told = [
        message(vmap(|x: Var| x.exp(), 2).explain(&x)),
        message(vmap(|x: Var| x.exp(), 0).out_dims(None).explain(&x)),
        message(vmap(|x: Var| x.reshape([7]), 0).explain(&x)),
        message(vmap(|x: Var| x.exp(), 0).memory_limit(8).explain(&x)),
    ];
    assert_snapshot!(told.join("\n\n"));
}
