//! Ensembles whose members come and go, share tensors, or differ in structure.

use choral::ensemble::{FunctionalModule, StackedState};
use choral::prelude::*;
use choral::tree::{Event, Walk};
use choral::{Error, Path};
use insta::assert_snapshot;

type TestResult = Result<(), Error>;

const DEVICES: [Device; 2] = [Device::Reference, Device::Cpu];

/// The message of what must be an error; a line of this file is cut off.
#[track_caller]
fn message<T>(result: Result<T, impl Into<Error>>) -> String {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => {
            let text = error.into().to_string();
            let cut = text.rfind("\n  at tests/ensembles.rs:").unwrap_or(text.len());
            text[..cut].to_owned()
        }
    }
}

/// Two layers with a normalisation between them, which has buffers.
#[derive(Module, Clone)]
struct Net<T> {
    fc1: Linear<T>,
    norm: BatchNorm1d<T>,
    fc2: Linear<T>,
    activation: &'static str,
}

impl Forward for Net<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        let hidden = self.fc1.forward(x);
        let hidden = self.norm.forward(&hidden);
        let hidden = if self.activation == "relu" { hidden.relu() } else { hidden.tanh() };
        self.fc2.forward(&hidden)
    }
}

fn net(seed: u64, width: usize, activation: &'static str) -> Net<Tensor> {
    let [fc1, mean, fc2] = Key::new(seed).split();
    let mut net = Net {
        fc1: Linear::init(3, width, fc1),
        norm: BatchNorm1d::init(width),
        fc2: Linear::init(width, 2, fc2),
        activation,
    };
    net.norm.running_mean = Tensor::randn([width], mean);
    net.eval();
    net
}

fn nets(count: u64) -> Vec<Net<Tensor>> {
    (0..count).map(|seed| net(seed, 4, "relu")).collect()
}

fn batch() -> Tensor {
    Tensor::randn([5, 3], Key::new(99))
}

/// What a model makes of the batch by itself.
fn alone(model: &Net<Tensor>, device: Device) -> Result<Tensor, Error> {
    let state = (&model.named_parameters(), &model.named_buffers(), &batch());
    jit(FunctionalModule::new(model)).on(device).call(state)
}

/// Fails unless the rows of the output are what the models give alone.
#[track_caller]
fn check(output: &Tensor, models: &[Net<Tensor>], device: Device) -> TestResult {
    assert_eq!(output.shape(), [models.len(), 5, 2]);
    for (member, model) in models.iter().enumerate() {
        let (got, expected) = (output.index(member)?, alone(model, device)?);
        assert!(got.bit_eq(&expected), "member {member}: {got} is not {expected}");
    }
    Ok(())
}

#[test]
fn an_ensemble_gives_what_its_members_give_alone() -> TestResult {
    let models = nets(3);
    for device in DEVICES {
        let ensemble = Ensemble::new(&models)?.on(device);
        check(&ensemble.call(&batch())?, &models, device)?;
        check(&ensemble.with_capacity(7)?.call(&batch())?, &models, device)?;
    }
    Ok(())
}

/// Replaced, joined and left: never traced again, and never compiled again within the capacity.
#[test]
fn members_come_and_go() -> TestResult {
    let mut models = nets(3);
    let mut ensemble = Ensemble::new(&models)?.with_capacity(4)?.on(Device::Reference);
    let made = |ensemble: &Ensemble<Net<Tensor>>| (ensemble.traces(), ensemble.compilations());
    let check =
        |ensemble: &Ensemble<_>, models: &[_]| check(&ensemble.call(&batch())?, models, Device::Reference);
    check(&ensemble, &models)?;

    let newcomer = net(10, 4, "relu");
    ensemble.replace_member(1, &newcomer)?;
    models[1] = newcomer;
    check(&ensemble, &models)?;

    ensemble.push_member(&net(11, 4, "relu"))?;
    models.push(net(11, 4, "relu"));
    check(&ensemble, &models)?;

    let left = ensemble.remove_member(0)?;
    assert_eq!(left.state_dict(), models.remove(0).state_dict());
    check(&ensemble, &models)?;
    assert_eq!((ensemble.len(), ensemble.state().capacity(), made(&ensemble)), (3, 4, (1, 1)));

    for seed in 12..14 {
        ensemble.push_member(&net(seed, 4, "relu"))?;
        models.push(net(seed, 4, "relu"));
    }
    check(&ensemble, &models)?;
    assert_eq!((ensemble.len(), ensemble.state().capacity(), made(&ensemble)), (5, 8, (1, 2)));
    for (member, model) in models.iter().enumerate() {
        assert_eq!(ensemble.member(member)?.state_dict(), model.state_dict());
    }
    Ok(())
}

/// Another type of input is traced and compiled for itself.
#[test]
fn inputs_of_other_types() -> TestResult {
    let ensemble = Ensemble::new(&nets(2))?;
    assert_eq!(ensemble.call(&batch())?.shape(), [2, 5, 2]);
    assert_eq!(ensemble.call(&Tensor::randn([1, 3], Key::new(0)))?.shape(), [2, 1, 2]);
    ensemble.call(&batch())?;
    assert_eq!((ensemble.traces(), ensemble.compilations()), (2, 2));
    Ok(())
}

/// Models with one backbone: the first layer and its normalisation.
fn with_one_backbone() -> Vec<Net<Tensor>> {
    let backbone = net(0, 4, "relu");
    let mut models = nets(3);
    for model in &mut models {
        (model.fc1, model.norm) = (backbone.fc1.clone(), backbone.norm.clone());
    }
    models
}

#[test]
fn what_all_members_share_is_found_and_not_mapped() -> TestResult {
    let models = with_one_backbone();
    let ensemble = Ensemble::new(&models)?;
    let shared: Vec<&str> = ensemble.state().shared().collect();
    let backbone = ["bias", "weight"].map(|name| format!("fc1.{name}"));
    let norm = ["bias", "num_batches_tracked", "running_mean", "running_var", "weight"]
        .map(|name| format!("norm.{name}"));
    assert_eq!(shared, [backbone.as_slice(), norm.as_slice()].concat());
    assert_eq!(ensemble.state().params()["fc1.weight"].shape(), [4, 3]);
    check(&ensemble.call(&batch())?, &models, Device::Cpu)?;

    // The backbone runs once: its activation has no member dimension.
    let (params, buffers) = ensemble.state().in_dims();
    let mapped = vmap(ensemble.state().function().clone(), (params, buffers, None::<i64>));
    let text =
        mapped.trace((ensemble.state().params(), ensemble.state().buffers(), &batch()))?.graph.to_text();
    let activation = text.lines().find(|line| line.contains("stablehlo.maximum")).expect("the activation");
    assert!(activation.contains("tensor<5x4xf32>") && !activation.contains("members"), "{activation}");
    Ok(())
}

/// Weights that are equal by chance in two of three members stay mapped.
#[test]
fn what_some_members_share_is_mapped() -> TestResult {
    let mut models = nets(3);
    models[1].fc1 = models[0].fc1.clone();
    let ensemble = Ensemble::new(&models)?;
    assert_eq!(ensemble.state().params()["fc1.weight"].shape(), [3, 4, 3]);
    check(&ensemble.call(&batch())?, &models, Device::Cpu)
}

/// A newcomer with a backbone of its own: the others keep the one that they shared.
#[test]
fn a_newcomer_need_not_share() -> TestResult {
    let mut models = with_one_backbone();
    let mut ensemble = Ensemble::new(&models)?.on(Device::Reference);
    ensemble.call(&batch())?;
    models[1] = net(20, 4, "relu");
    ensemble.replace_member(1, &models[1])?;
    assert_eq!(ensemble.state().params()["fc1.weight"].shape(), [3, 4, 3]);
    check(&ensemble.call(&batch())?, &models, Device::Reference)?;
    assert_eq!((ensemble.traces(), ensemble.compilations()), (1, 2));
    // With the backbone that is shared, nothing changes but numbers.
    let mut others = Ensemble::new(&with_one_backbone())?;
    others.call(&batch())?;
    let mut newcomer = with_one_backbone().remove(0);
    newcomer.fc2 = net(21, 4, "relu").fc2;
    others.replace_member(0, &newcomer)?;
    others.call(&batch())?;
    assert_eq!(others.compilations(), 1);
    Ok(())
}

/// A layer whose scales hold one element: a scalar and a vector, a parameter and a buffer.
#[derive(Module, Clone)]
struct Scaled<T> {
    layer: Linear<T>,
    #[module(buffer)]
    scale: T,
    shift: T,
}

impl Forward for Scaled<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        self.layer.forward(x) * &self.scale + &self.shift
    }
}

/// A newcomer that differs in one element alone.
#[test]
fn a_newcomer_need_not_share_a_scalar() -> TestResult {
    let model = |scale: f32, shift: f32| Scaled {
        layer: Linear::init(3, 2, Key::new(0)),
        scale: Tensor::scalar(scale),
        shift: Tensor::from([shift]),
    };
    let output = |scale, shift| -> Result<Tensor, Error> {
        let model = model(scale, shift);
        let state = (&model.named_parameters(), &model.named_buffers(), &batch());
        jit(FunctionalModule::new(&model)).on(Device::Reference).call(state)
    };
    for (scale, shift) in [(3.0, 1.0), (2.0, -1.0), (-0.0, 1.0)] {
        let mut pushed = Ensemble::new(&[model(2.0, 1.0), model(2.0, 1.0)])?.on(Device::Reference);
        assert_eq!(pushed.state().shared().count(), 4);
        pushed.push_member(&model(scale, shift))?;
        assert!(pushed.call(&batch())?.index(2)?.bit_eq(&output(scale, shift)?));
        let mut replaced = Ensemble::new(&[model(2.0, 1.0), model(2.0, 1.0)])?.on(Device::Reference);
        replaced.replace_member(0, &model(scale, shift))?;
        let outputs = replaced.call(&batch())?;
        assert!(outputs.index(0)?.bit_eq(&output(scale, shift)?));
        assert!(outputs.index(1)?.bit_eq(&output(2.0, 1.0)?));
    }
    Ok(())
}

/// Members of three structures, in any order, one of them by itself.
#[test]
fn models_of_different_structure_run_in_groups() -> TestResult {
    let structures = [(4, "relu"), (6, "relu"), (4, "relu"), (4, "tanh"), (6, "relu")];
    let models: Vec<Net<Tensor>> =
        structures.iter().zip(0..).map(|(&(width, activation), seed)| net(seed, width, activation)).collect();
    for device in DEVICES {
        let ensemble = EnsembleGroups::new(&models)?.on(device);
        let outputs = ensemble.call(&batch())?;
        for (output, model) in outputs.iter().zip(&models) {
            check(&Tensor::stack(std::slice::from_ref(output))?, std::slice::from_ref(model), device)?;
        }
        assert_eq!(outputs.len(), 5);
    }
    let groups: Vec<String> = EnsembleGroups::new(&models)?.groups().map(ToString::to_string).collect();
    assert_snapshot!(groups.join("\n"), @r#"
    members 0, 2: activation = "relu", fc1.bias = tensor<4xf32>, fc1.weight = tensor<4x3xf32>, fc2.weight = tensor<2x4xf32>, norm.bias = tensor<4xf32>, norm.running_mean = tensor<4xf32>, norm.running_var = tensor<4xf32>, norm.weight = tensor<4xf32>
    members 1, 4: activation = "relu", fc1.bias = tensor<6xf32>, fc1.weight = tensor<6x3xf32>, fc2.weight = tensor<2x6xf32>, norm.bias = tensor<6xf32>, norm.running_mean = tensor<6xf32>, norm.running_var = tensor<6xf32>, norm.weight = tensor<6xf32>
    member 3: activation = "tanh", fc1.bias = tensor<4xf32>, fc1.weight = tensor<4x3xf32>, fc2.weight = tensor<2x4xf32>, norm.bias = tensor<4xf32>, norm.running_mean = tensor<4xf32>, norm.running_var = tensor<4xf32>, norm.weight = tensor<4xf32>
    "#);
    let alike = EnsembleGroups::new(&nets(2))?;
    assert_eq!(alike.groups().map(ToString::to_string).collect::<Vec<_>>(), ["members 0, 1"]);
    Ok(())
}

#[test]
fn stacked_state_by_hand() -> TestResult {
    let models = nets(2);
    let mut stacked = StackedState::new(&models)?;
    stacked.reserve(5)?;
    assert_eq!((stacked.len(), stacked.capacity(), stacked.is_empty()), (2, 5, false));
    // The rows behind the members repeat the last one, so that nothing odd is computed there.
    let rows = stacked.params()["fc1.weight"].clone();
    assert!((2..5).all(|row| rows.index(row).unwrap().bit_eq(&models[1].fc1.weight)));
    stacked.reserve(1)?;
    assert_eq!(stacked.capacity(), 5);
    // What somebody else holds of the stacked tensors stays as it is.
    let before = rows.clone();
    stacked.replace_member(0, &net(9, 4, "relu"))?;
    assert!(before.index(0)?.bit_eq(&models[0].fc1.weight));
    assert!(stacked.params()["fc1.weight"].index(0)?.bit_eq(&net(9, 4, "relu").fc1.weight));
    Ok(())
}

#[test]
fn newcomers_that_do_not_fit() -> TestResult {
    let mut ensemble = Ensemble::new(&nets(3))?;
    assert_snapshot!(message(ensemble.push_member(&net(0, 5, "relu"))), @"fc1.weight: member 0 has tensor<4x3xf32>, but the new model has tensor<5x3xf32>");
    assert_snapshot!(message(ensemble.replace_member(0, &net(0, 4, "tanh"))), @r#"
    the models differ in activation:
      "relu" in member 0
      "tanh" in the new model
    "#);
    let mut training = net(0, 4, "relu");
    training.train();
    training.fc2.bias = None;
    assert_snapshot!(message(ensemble.push_member(&training)), @"
    the models differ in fc2.bias:
      present in member 0
      None in the new model
    the models differ in norm.training:
      false in member 0
      true in the new model
    ");
    assert_eq!((ensemble.len(), ensemble.state().capacity()), (3, 3));
    check(&ensemble.call(&batch())?, &nets(3), Device::Cpu)
}

#[test]
fn members_that_are_not_there() -> TestResult {
    let mut ensemble = Ensemble::new(&nets(2))?;
    assert_snapshot!(message(ensemble.replace_member(2, &net(0, 4, "relu"))), @"there is no member 2; the ensemble has 2");
    assert_snapshot!(message(ensemble.remove_member(2).map(drop)), @"there is no member 2; the ensemble has 2");
    assert_snapshot!(message(ensemble.member(7).map(drop)), @"there is no member 7; the ensemble has 2");
    ensemble.remove_member(1)?;
    assert_snapshot!(message(ensemble.remove_member(0).map(drop)), @"the only member of an ensemble cannot leave it; replace it, or drop the ensemble");
    assert_snapshot!(message(Ensemble::<Net<Tensor>>::new(&[]).map(drop)), @"an ensemble needs at least one model, got none");
    assert_snapshot!(message(EnsembleGroups::<Net<Tensor>>::new(&[]).map(drop)), @"an ensemble needs at least one model, got none");
    Ok(())
}

/// A module whose tree leaves a field out: only its graph tells.
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

/// Before the first call and after it.
#[test]
fn a_newcomer_that_computes_something_else() -> TestResult {
    let model = |squared| Hidden { layer: Linear::init(3, 2, Key::new(0)), squared };
    let mut early = Ensemble::new(&[model(false), model(false)])?;
    early.push_member(&model(true))?;
    let told = message(early.call(&batch()));
    assert!(told.starts_with("member 2 computes something different from member 0"), "{told}");
    let mut late = Ensemble::new(&[model(false), model(false)])?;
    late.call(&batch())?;
    let told = message(late.replace_member(1, &model(true)));
    assert!(told.starts_with("the new model computes something different from member 0"), "{told}");
    assert_eq!(late.call(&batch())?.shape(), [2, 5, 2]);
    Ok(())
}

/// A layer whose output is taken from the mean of all members'.
#[derive(Module, Clone)]
pub(crate) struct Centred<T> {
    pub(crate) layer: Linear<T>,
}

impl Forward for Centred<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        let y = self.layer.forward(x);
        &y - y.pmean("members")
    }
}

#[test]
fn members_of_different_structure_cannot_meet() -> TestResult {
    let centred = |inputs| Centred { layer: Linear::init(inputs, 2, Key::new(0)) };
    let of_one_structure = EnsembleGroups::new(&[centred(3), centred(3)])?;
    assert_eq!(of_one_structure.call(&batch())?.len(), 2);
    let without_bias = Centred { layer: centred(3).layer.without_bias() };
    let groups = EnsembleGroups::new(&[centred(3), without_bias])?;
    assert_snapshot!(message(groups.call(&batch()).map(drop)), @"members in 2 groups of different structure run as separate programs, and cannot exchange values along the axis `members` (psum, all_gather, axis_index, ..)");
    Ok(())
}

/// Also with room for more of them, and as members come and go.
#[test]
fn members_of_an_ensemble_meet() -> TestResult {
    let centred = |seed| Centred { layer: Linear::init(3, 2, Key::new(seed)) };
    let expected = |models: &[Centred<Tensor>]| {
        let (fmodel, params, buffers) = combine_state_for_ensemble(models)?;
        vmap(fmodel, (0, 0, None)).call((&params, &buffers, &batch()))
    };
    let mut models: Vec<_> = (0..3).map(centred).collect();
    let mut ensemble = Ensemble::new(&models)?.with_capacity(8)?;
    for seed in 3..6 {
        assert!(ensemble.call(&batch())?.bit_eq(&expected(&models)?), "{} members", models.len());
        ensemble.push_member(&centred(seed))?;
        models.push(centred(seed));
        ensemble.remove_member(0)?;
        models.remove(0);
        ensemble.push_member(&centred(10 + seed))?;
        models.push(centred(10 + seed));
    }
    Ok(())
}

/// A layer that drops some of what it is given.
#[derive(Module, Clone)]
struct Dropping<T> {
    layer: Linear<T>,
}

impl Forward<(Var, Var)> for Dropping<Var> {
    type Output = Var;

    fn forward(&mut self, (x, key): &(Var, Var)) -> Var {
        self.layer.forward(&with_key(key, || x.dropout(0.5)))
    }
}

#[test]
fn members_of_an_ensemble_draw_as_it_says() -> TestResult {
    let layer = Linear { weight: Tensor::full([1, 64], 1.0f32), bias: None };
    let ones = layer.weight.clone();
    // One more than the other: members that are equal share their tensors.
    let more = Linear { weight: Tensor::full([1, 64], 2.0f32), bias: None };
    let models = [Dropping { layer }, Dropping { layer: more }];
    let input = (ones, Tensor::from(Key::new(3)));
    let told = message(Ensemble::new(&models)?.call(&input).map(drop));
    assert!(told.contains("members along the axis `members` share the key"), "{told}");
    let same = Ensemble::new(&models)?.randomness(Randomness::Same).call(&input)?;
    let different = Ensemble::new(&models)?.randomness(Randomness::Different).call(&input)?;
    let [first, second] = [same.index(0)?, same.index(1)?].map(|y| y.to_f64_vec()[0]);
    assert_eq!(2.0 * first, second);
    let [first, second] = [different.index(0)?, different.index(1)?].map(|y| y.to_f64_vec()[0]);
    assert_ne!(2.0 * first, second);
    let program = Ensemble::new(&models)?.randomness(Randomness::Different).on(Device::Reference);
    let whole = program.call(&input)?;
    let program = program.chunk_size(1);
    assert!(program.call(&input)?.bit_eq(&whole));
    assert_eq!(program.explain(&input)?.chunk, Some(1));
    Ok(())
}

/// From one model whose every tensor holds all members, and back.
#[test]
fn members_of_a_stacked_model() -> TestResult {
    let keys = Key::new(5).split_n(4);
    let stacked = vmap(|key: Var| Linear::init(3, 2, key), 0).call(&Tensor::from(keys.clone()))?;
    let ensemble = Ensemble::of(StackedState::from_stacked(&stacked)?)?;
    let models: Vec<Linear<Tensor>> = keys.into_iter().map(|key| Linear::init(3, 2, key)).collect();
    assert!(ensemble.call(&batch())?.bit_eq(&Ensemble::new(&models)?.call(&batch())?));
    for (member, model) in models.iter().enumerate() {
        assert_eq!(ensemble.member(member)?.state_dict(), model.state_dict());
    }
    let uneven = Linear { bias: stacked.bias.as_ref().map(|_| Tensor::full([3, 2], 0.0f32)), ..stacked };
    assert_snapshot!(message(StackedState::from_stacked(&uneven).map(drop)), @"
    arguments disagree about the number of members:
      size 3: dimension 0 of args.bias tensor<3x2xf32>
      size 4: dimension 0 of args.weight tensor<4x2x3xf32>
    ");
    let nobody = Linear { weight: Tensor::full([0, 2, 3], 0.0f32), bias: None };
    assert_snapshot!(message(StackedState::from_stacked(&nobody).map(drop)), @"an ensemble needs at least one model, got none");
    Ok(())
}
