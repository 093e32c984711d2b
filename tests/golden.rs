//! The digits ensembles against PyTorch: what `stack_module_state`, `vmap` and `grad` of torch.func give on
//! the same checkpoints.

use choral::ensemble::FunctionalModule;
use choral::error::CompilerError;
use choral::prelude::*;
use choral::state::file;

use crate::digits::{Cnn, Mlp, checkpoints, path, test_set};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn expected() -> Result<State<Tensor>, choral::Error> {
    Ok(file::read(path("expected.safetensors"))?)
}

#[track_caller]
fn assert_close(name: &str, got: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(got.shape(), expected.shape(), "{name}");
    let pairs = got.to_f64_vec().into_iter().zip(expected.to_f64_vec());
    let worst = pairs.map(|(got, expected)| (got - expected).abs()).fold(0.0, f64::max);
    assert!(worst <= tolerance, "{name}: differs by {worst}, allowed are {tolerance}");
}

/// Logits, predictive mean and predictive entropy of an ensemble in evaluation mode.
fn check_predictions<M>(name: &str, models: &[M], tolerance: f64) -> TestResult
where
    M: Module<Tensor>,
    FunctionalModule<M::With<TensorType>>: Function<(State<Var>, State<Var>, Var), Output = Var> + Clone,
{
    let expected = expected()?;
    let (images, _) = test_set()?;
    let (fmodel, params, buffers) = combine_state_for_ensemble(models)?;
    for device in [Device::Cpu, Device::Reference] {
        let logits = vmap(fmodel.clone(), (0, 0, None)).on(device).call((&params, &buffers, &images))?;
        assert_close(name, &logits, &expected[&format!("{name}.logits")], tolerance);
        let statistics = |logits: Var| {
            let mean = logits.softmax(-1).mean(0);
            let entropy = -(&mean * mean.maximum(f32::MIN_POSITIVE).log()).sum(-1);
            (mean, entropy)
        };
        let (mean, entropy) = jit(statistics).on(device).call(&logits)?;
        assert_close(name, &mean, &expected[&format!("{name}.predictive_mean")], tolerance);
        assert_close(name, &entropy, &expected[&format!("{name}.predictive_entropy")], tolerance);
    }
    Ok(())
}

#[test]
fn perceptrons_predict_as_in_pytorch() -> TestResult {
    check_predictions("mlp", &checkpoints("mlp", &Mlp::init(Key::new(0)))?, 1e-5)
}

#[test]
fn convolutional_networks_predict_as_in_pytorch() -> TestResult {
    check_predictions("cnn", &checkpoints("cnn", &Cnn::init(Key::new(0)))?, 1e-4)
}

#[test]
fn batch_normalisation_trains_as_in_pytorch() -> TestResult {
    let expected = expected()?;
    let mut models = checkpoints("cnn", &Cnn::init(Key::new(0)))?;
    for model in &mut models {
        model.train();
        model.drop.training = false;
    }
    let (images, _) = test_set()?;
    let images = jit(|images: Var| images.narrow(0, 0, 64)).call(&images)?;
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
    let training = vmap(fmodel.returning_buffers(), (0, 0, None));
    let (logits, buffers) = training.call((&params, &buffers, &images))?;
    assert_close("logits", &logits, &expected["cnn.train_mode.logits"], 1e-4);
    assert_eq!(buffers.len(), 6);
    for (name, buffer) in &buffers {
        assert_close(name, buffer, &expected[&format!("cnn.train_mode.buffers.{name}")], 1e-4);
    }
    Ok(())
}

/// The first test images and their classes, `i32`.
fn first_images(count: usize) -> Result<(Tensor, Tensor), choral::Error> {
    let (images, labels) = test_set()?;
    let labels = Tensor::from_fn([count], |at| labels[at] as i32);
    Ok((jit(|images: Var| images.narrow(0, 0, count)).call(&images)?, labels))
}

/// What a loss takes: parameters, buffers, images and classes.
type Batch = (State<Var>, State<Var>, Var, Var);

/// Cross-entropy of logits, from the arguments of a model's code and classes.
fn cross_entropy<C>(code: C) -> impl Fn(Batch) -> Result<Var, CompilerError> + Clone
where
    C: Function<(State<Var>, State<Var>, Var), Output = Var> + Clone,
{
    move |(params, buffers, images, labels)| {
        let logits = code.apply((params, buffers, images))?;
        Ok(loss::cross_entropy(&logits, &labels, loss::Reduction::Mean))
    }
}

#[track_caller]
fn assert_gradients(prefix: &str, got: &State<Tensor>) -> TestResult {
    let expected = expected()?;
    assert_eq!(got.len(), 6);
    for (name, gradient) in got {
        assert_close(name, gradient, &expected[&format!("{prefix}.{name}")], 1e-5);
    }
    Ok(())
}

#[test]
fn gradients_of_members_are_those_of_pytorch() -> TestResult {
    let (images, labels) = first_images(32)?;
    let (code, params, buffers) = combine_state_for_ensemble(&checkpoints("mlp", &Mlp::init(Key::new(0)))?)?;
    let of_members = vmap(grad(cross_entropy(code)), (0, 0, None, None));
    assert_gradients("mlp.grad", &of_members.call((&params, &buffers, &images, &labels))?)
}

#[test]
fn gradients_of_samples_are_those_of_pytorch() -> TestResult {
    let (images, labels) = first_images(16)?;
    let one_by_one = |samples: Var| samples.unsqueeze(1);
    let (images, labels) = (jit(one_by_one).call(&images)?, jit(one_by_one).call(&labels)?);
    let model = checkpoints("mlp", &Mlp::init(Key::new(0)))?.swap_remove(0);
    let (params, buffers) = (model.named_parameters(), model.named_buffers());
    let of_samples = vmap(grad(cross_entropy(FunctionalModule::new(&model))), (None, None, 0, 0));
    assert_gradients("mlp.per_sample_grad", &of_samples.call((&params, &buffers, &images, &labels))?)
}
