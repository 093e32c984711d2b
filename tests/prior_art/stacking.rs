//! Models that belong together, and state that is a model's own.

use choral::ensemble::{member_state, unstack_module_state};
use choral::prelude::*;
use insta::assert_snapshot;

use super::{TestResult, linears, message, numbers};

/// The message of what must not be stacked, neither with a function nor without.
#[track_caller]
fn refusal<M: Module<Tensor>>(models: &[M]) -> String {
    let refusal = message(stack_module_state(models));
    assert_eq!(message(combine_state_for_ensemble(models)), refusal);
    refusal
}

/// A model of as many layers as one likes.
#[derive(Module, Clone)]
struct Layers<T> {
    layers: Vec<Linear<T>>,
    drop: Dropout,
    #[module(buffer)]
    seen: Option<T>,
}

impl Forward for Layers<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        let x = self.layers.iter_mut().fold(x.clone(), |x, layer| layer.forward(&x).tanh());
        self.drop.forward(&x)
    }
}

fn with_layers(count: u64) -> Layers<Tensor> {
    let layers = (0..count).map(|seed| Linear::init(3, 3, Key::new(seed))).collect();
    Layers { layers, drop: Dropout::new(0.5), seen: None }
}

#[test]
fn an_ensemble_of_no_models_is_an_error() {
    assert_snapshot!(refusal::<Linear<Tensor>>(&[]), @"an ensemble needs at least one model, got none");
}

/// The first model's names are not taken for everyone's, which would drop it in silence.
#[test]
fn a_parameter_that_only_a_later_model_has_is_an_error() {
    assert_snapshot!(refusal(&[with_layers(1), with_layers(1), with_layers(2)]), @"
    member 2 differs from member 0 in its state names:
      unexpected: layers.1.weight, layers.1.bias
    ");
}

/// A bare `KeyError` in torch.func.
#[test]
fn a_parameter_that_a_later_model_lacks_is_an_error() {
    assert_snapshot!(refusal(&[with_layers(2), with_layers(1)]), @"
    member 1 differs from member 0 in its state names:
      missing: layers.1.weight, layers.1.bias
    ");
}

#[test]
fn a_buffer_that_only_a_later_model_has_is_an_error() {
    let later = Layers { seen: Some(Tensor::scalar(0.0f32)), ..with_layers(1) };
    assert_snapshot!(refusal(&[with_layers(1), later]), @"
    the models differ in seen:
      None in member 0
      present in member 1
    ");
}

#[test]
fn parameters_of_other_shapes_are_told_by_name_and_member() {
    let mut models = linears();
    models[3].weight = numbers(&[2, 4]);
    assert_snapshot!(refusal(&models), @"weight: member 0 has tensor<2x3xf32>, but member 3 has tensor<2x4xf32>");
}

#[test]
fn parameters_of_other_element_types_are_told_by_name_and_member() {
    let mut models = linears();
    models[1].bias = models[1].bias.as_ref().map(|bias| bias.to_dtype(DType::Bf16));
    assert_snapshot!(refusal(&models), @"bias: member 0 has tensor<2xf32>, but member 1 has tensor<2xbf16>");
}

#[test]
fn models_in_training_and_in_evaluation_are_an_error() {
    let mut models = [with_layers(1), with_layers(1), with_layers(1)];
    models[1].eval();
    assert_snapshot!(refusal(&models), @"
    the models differ in drop.training:
      true in member 0, 2
      false in member 1
    ");
}

/// torch.func reads the flag of the model itself and of no layer in it.
#[test]
fn the_mode_of_one_layer_inside_is_compared_too() {
    let norms = || vec![BatchNorm1d::init(2), BatchNorm1d::init(2)];
    let (first, mut second) = (norms(), norms());
    second[1].eval();
    assert_snapshot!(refusal(&[first, second]), @"
    the models differ in 1.training:
      true in member 0
      false in member 1
    ");
}

/// torch.func runs every model with the attributes of the first.
#[test]
fn hyperparameters_are_compared() {
    let p = |p| Layers { drop: Dropout::new(p), ..with_layers(1) };
    assert_snapshot!(refusal(&[p(0.5), p(0.5), p(0.1)]), @"
    the models differ in drop.p:
      0.5 in member 0, 1
      0.1 in member 2
    ");
    let stride = |stride| Conv1d::init(1, 1, 2, Key::new(0)).stride(stride);
    assert_snapshot!(refusal(&[stride(1), stride(2)]), @"
    the models differ in stride.0:
      1 in member 0
      2 in member 1
    ");
    let eps = |eps| LayerNorm::init([2]).eps(eps);
    assert_snapshot!(refusal(&[eps(1e-5), eps(1e-6)]), @"
    the models differ in eps:
      1e-5 in member 0
      1e-6 in member 1
    ");
}

/// One type, two architectures.
#[derive(Module, Clone)]
enum Block<T> {
    Plain(Linear<T>),
    Normed(LayerNorm<T>),
}

#[test]
fn variants_of_one_type_are_compared() {
    let (plain, normed) =
        (Block::Plain(Linear::init(2, 2, Key::new(0))), Block::Normed(LayerNorm::init([2])));
    assert_snapshot!(refusal(&[plain, normed]), @"
    the models differ:
      Plain in member 0
      Normed in member 1
    the models differ in eps:
      absent in member 0
      1e-5 in member 1
    ");
}

/// Wrong use that torch.func does not check.
#[test]
fn stacked_state_without_vmap_is_an_error() {
    let (fmodel, params, buffers) = combine_state_for_ensemble(&linears()).expect("an ensemble");
    let message = message(jit(fmodel).call((&params, &buffers, &numbers(&[4, 3]))));
    assert_snapshot!(message, @"
    the state given as params does not fit the module:
      weight: the module has tensor<2x3xf32>, the state has tensor<5x2x3xf32>
      bias: the module has tensor<2xf32>, the state has tensor<5x2xf32>
    ");
}

/// torch.func has no way back.
#[test]
fn a_member_comes_back_as_a_model() -> TestResult {
    let models = [with_layers(2), with_layers(2)].map(|mut model| {
        model.eval();
        model
    });
    let (params, buffers) = stack_module_state(&models)?;
    let x = numbers(&[4, 3]);
    for (member, model) in models.iter().enumerate() {
        let back = unstack_module_state(&models[0], (&params, &buffers), member)?;
        let run = |model: &Layers<Tensor>| {
            jit(|(mut model, x): (Layers<Var>, Var)| model.forward(&x)).call((model, &x))
        };
        assert!(run(&back)?.bit_eq(&run(model)?));
    }
    assert_snapshot!(message(member_state(&params, 2)), @"layers.0.weight: index 2 is out of range for dimension 0 of tensor<2x3x3xf32>");
    Ok(())
}

/// Runs a linear layer with these parameters instead of its own.
fn call_with(params: &State<Tensor>) -> Result<Tensor, choral::Error> {
    let model = Linear::init(3, 2, Key::new(0));
    let function = |(params, x): (State<Var>, Var)| functional_call(&model, (&params, &State::new()), &x);
    jit(function).call((params, &numbers(&[4, 3])))
}

/// torch.func runs with the module's own value in its place, unless told to be strict.
#[test]
fn a_name_that_is_left_out_is_not_the_modules_own_value() {
    let mut params = Linear::init(3, 2, Key::new(1)).named_parameters();
    params.swap_remove("bias");
    assert_snapshot!(message(call_with(&params)), @"
    the state given as params does not fit the module:
      missing: bias
    ");
}

#[test]
fn every_missing_and_unexpected_name_is_told() {
    let params = State::from([("wieght".to_owned(), numbers(&[2, 3])), ("gain".to_owned(), numbers(&[2]))]);
    assert_snapshot!(message(call_with(&params)), @"
    the state given as params does not fit the module:
      missing: weight, bias
      unexpected: wieght, gain
    ");
}

#[test]
fn a_parameter_of_another_shape_than_the_modules_is_an_error() {
    let mut params = Linear::init(3, 2, Key::new(1)).named_parameters();
    params.insert("bias".to_owned(), numbers(&[3]));
    assert_snapshot!(message(call_with(&params)), @"
    the state given as params does not fit the module:
      bias: the module has tensor<2xf32>, the state has tensor<3xf32>
    ");
}

/// In two dicts at once it is ambiguous in torch.func; here each has its own kind.
#[test]
fn a_buffer_among_the_parameters_is_an_error() {
    let mut model = BatchNorm1d::init(2);
    model.eval();
    let (mut params, buffers) = (model.named_parameters(), model.named_buffers());
    params.insert("running_mean".to_owned(), numbers(&[2]));
    let function = |(params, buffers, x): (State<Var>, State<Var>, Var)| {
        functional_call(&model, (&params, &buffers), &x)
    };
    assert_snapshot!(message(jit(function).call((&params, &buffers, &numbers(&[4, 2])))), @"
    the state given as params does not fit the module:
      unexpected: running_mean
    ");
}

/// Two layers that were made with one tensor.
#[derive(Module, Clone)]
struct Tied<T> {
    encoder: Linear<T>,
    decoder: Linear<T>,
}

/// Modules hold their tensors by value, so what was tied are two parameters of the same numbers.
#[test]
fn parameters_that_were_tied_are_two_parameters() -> TestResult {
    let tied = |seed| {
        let layer = Linear::init(2, 2, Key::new(seed)).without_bias();
        Tied { encoder: layer.clone(), decoder: layer }
    };
    let (params, _) = stack_module_state(&[tied(0), tied(1)])?;
    assert_eq!(params.keys().collect::<Vec<_>>(), ["encoder.weight", "decoder.weight"]);
    assert!(params["encoder.weight"].bit_eq(&params["decoder.weight"]));
    Ok(())
}
