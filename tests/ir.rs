//! The graphs of real models before and after vmap, as readers see them.

use choral::prelude::*;
use choral::tree::Walk;
use insta::assert_snapshot;

use crate::digits::{Cnn, Mlp, checkpoints, test_set};

#[test]
fn perceptron() {
    let models = checkpoints("mlp", &Mlp::init(Key::new(0))).expect("checkpoints");
    let (images, _) = test_set().expect("the images");
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models).expect("an ensemble");
    let single = (models[0].named_parameters(), models[0].named_buffers(), &images);
    assert_snapshot!("perceptron", jit(fmodel.clone()).trace(&single).expect("a graph").graph);
    let ensemble = vmap(fmodel, (0, 0, None));
    assert_snapshot!("perceptrons", ensemble.trace((&params, &buffers, &images)).expect("a graph").graph);
}

#[test]
fn convolutional_network() {
    let models = checkpoints("cnn", &Cnn::init(Key::new(0))).expect("checkpoints");
    let (images, _) = test_set().expect("the images");
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models).expect("an ensemble");
    let single = (models[0].named_parameters(), models[0].named_buffers(), &images);
    assert_snapshot!("convolutional_network", jit(fmodel.clone()).trace(&single).expect("a graph").graph);
    let ensemble = vmap(fmodel, (0, 0, None));
    assert_snapshot!(
        "convolutional_networks",
        ensemble.trace((&params, &buffers, &images)).expect("a graph").graph
    );
}

#[test]
fn convolutional_networks_in_training() {
    let mut models = checkpoints("cnn", &Cnn::init(Key::new(0))).expect("checkpoints");
    models.iter_mut().for_each(|model| {
        model.train();
        model.drop.training = false;
    });
    let images = TensorType::new([64, 8, 8], DType::F32);
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models).expect("an ensemble");
    let types = |state: &State<Tensor>| -> State<TensorType> {
        state.iter().map(|(name, tensor)| (name.clone(), tensor.ty().clone())).collect()
    };
    let ensemble = vmap(fmodel.returning_buffers(), (0, 0, None));
    let traced = ensemble.trace::<TensorType, _>((types(&params), types(&buffers), images)).expect("a graph");
    assert_snapshot!(traced.graph);
}

#[test]
fn nested_axes() {
    let per_sample = vmap(|(weight, x): (Var, Var)| weight.matmul(&x).relu(), (None, 0)).axis_name("samples");
    let ensemble = vmap(per_sample, (0, None));
    let args = (TensorType::new([5, 2, 3], DType::F32), TensorType::new([7, 3], DType::F32));
    assert_snapshot!(ensemble.trace::<TensorType, _>(args).expect("a graph").graph);
}

#[test]
fn attention() {
    let layer = MultiheadAttention::init(8, 2, Key::new(0)).batch_first();
    let masks = AttentionMasks { is_causal: true, ..AttentionMasks::default() };
    let attend = |(mut layer, x): (MultiheadAttention<Var>, Var)| {
        layer.forward(&(x.clone(), x.clone(), x, masks.clone()))
    };
    let x = TensorType::new([3, 7, 8], DType::F32);
    let single = jit(attend).trace::<TensorType, _>((types(&layer, None), x.clone()));
    assert_snapshot!("attention", single.expect("a graph").graph);
    let several = vmap(attend, (0, None)).trace::<TensorType, _>((types(&layer, Some(5)), x));
    assert_snapshot!("attention_of_members", several.expect("a graph").graph);
}

#[test]
fn gated_recurrent_unit() {
    let layer = GRU::init(3, 4, Key::new(0));
    let run = |(mut layer, x): (GRU<Var>, Var)| layer.forward(&x);
    let x = TensorType::new([7, 2, 3], DType::F32);
    let single = jit(run).trace::<TensorType, _>((types(&layer, None), x.clone()));
    assert_snapshot!("gated_recurrent_unit", single.expect("a graph").graph);
    let several = vmap(run, (0, None)).trace::<TensorType, _>((types(&layer, Some(5)), x));
    assert_snapshot!("gated_recurrent_units", several.expect("a graph").graph);
}

/// A layer of types: its own, or those of so many stacked ones.
fn types<M: Module<Tensor>>(layer: &M, members: Option<usize>) -> M::With<TensorType> {
    layer.map(&mut Walk::default(), &mut |_, leaf| {
        TensorType::new(
            members.into_iter().chain(leaf.shape().iter().copied()).collect::<Vec<_>>(),
            leaf.dtype(),
        )
    })
}
