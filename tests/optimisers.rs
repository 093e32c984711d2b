//! Optimisers against PyTorch and Optax (`tests/training/golden.py`), and what does not fit.

use choral::prelude::*;
use choral::state::file;
use choral::{Error, Level, Pool, Setting, optim};
use insta::assert_snapshot;

use crate::ROOT;

type TestResult = Result<(), Error>;

/// After which steps the parameters are kept.
const KEPT: [usize; 4] = [1, 2, 10, 100];

fn golden() -> Result<State<Tensor>, Error> {
    Ok(file::read(format!("{ROOT}/tests/training/optimisers.safetensors"))?)
}

/// What is done to gradients before a step.
type Clip = fn(&Linear<Var>) -> Linear<Var>;

const AS_THEY_ARE: Clip = |gradients| gradients.clone();

/// The gradients of the mean square error of a linear layer.
fn gradients(model: &Linear<Var>, x: &Var, y: &Var) -> Linear<Var> {
    let slope = (model.clone().forward(x) - y) * (2.0 / y.ty().len() as f64);
    Linear { weight: slope.transpose(0, 1).matmul(x), bias: Some(slope.sum(0)) }
}

/// How many steps are compared in each type, and how much parameters may differ. In `f64` nothing but the formula decides;
/// in `f32` optimisers that divide by the root of vanishing gradients make more of a rounding with each step.
const TOLERANCES: [(DType, usize, f64); 2] = [(DType::F32, KEPT[2], 1e-6), (DType::F64, KEPT[3], 1e-12)];

/// Runs an optimiser on the golden problem, with its hyperparameters as arguments, and compares every parameter.
fn check<O>(name: &str, optimiser: &O, clip: Clip) -> TestResult
where
    O: Optimiser + Tree<Tensor>,
    O::With<Var>: Optimiser,
    O::With<TensorType>: 'static,
{
    let golden = golden()?;
    for (dtype, steps, tolerance) in TOLERANCES {
        let [x, y, weight, bias] = ["x", "y", "weight", "bias"].map(|name| golden[name].to_dtype(dtype));
        let mut model = Linear { weight, bias: Some(bias) };
        let mut state = optimiser.init(&model);
        let step = jit(move |(model, state, optimiser, x, y): (Linear<Var>, _, O::With<Var>, Var, Var)| {
            optimiser.update(&model, &clip(&gradients(&model, &x, &y)), &state)
        });
        for number in 1..=steps {
            (model, state) = step.call((&model, &state, optimiser, &x, &y))?;
            let Some(row) = KEPT.iter().position(|kept| *kept == number) else { continue };
            for (part, got) in model.state_dict() {
                let expected = golden[&format!("{name}.{dtype}.{part}")].index(row)?.to_f64_vec();
                let pairs = got.to_f64_vec().into_iter().zip(expected);
                let worst = pairs.map(|(got, expected)| (got - expected).abs()).fold(0.0, f64::max);
                assert!(worst <= tolerance, "{name}, {dtype}: {part} differs by {worst} after step {number}");
            }
        }
        assert_eq!(state.step.item::<i64>()?, steps as i64);
    }
    Ok(())
}

#[test]
fn gradient_descent_is_pytorchs() -> TestResult {
    check("sgd", &Sgd::new(0.1), AS_THEY_ARE)?;
    check("sgd_momentum", &Sgd::new(0.05).momentum(0.9), AS_THEY_ARE)?;
    let dampened = Sgd::new(0.1).momentum(0.8).dampening(0.3).weight_decay(0.01);
    check("sgd_dampening", &dampened, AS_THEY_ARE)?;
    check("sgd_nesterov", &Sgd::new(0.05).momentum(0.9).nesterov().weight_decay(0.1), AS_THEY_ARE)
}

#[test]
fn adam_is_pytorchs() -> TestResult {
    check("adam", &Adam::new(0.01), AS_THEY_ARE)?;
    check("adam_betas", &Adam::new(0.05).betas(0.8, 0.95).eps(1e-3).weight_decay(0.1), AS_THEY_ARE)?;
    check("adam_amsgrad", &Adam::new(0.05).betas(0.9, 0.9).amsgrad(), AS_THEY_ARE)
}

#[test]
fn adam_with_decay_of_its_own_is_pytorchs() -> TestResult {
    check("adamw", &AdamW::new(0.01), AS_THEY_ARE)?;
    check("adamw_decay", &AdamW::new(0.05).betas(0.8, 0.95).weight_decay(0.5).amsgrad(), AS_THEY_ARE)
}

#[test]
fn rmsprop_is_pytorchs() -> TestResult {
    check("rmsprop", &RmsProp::new(0.01), AS_THEY_ARE)?;
    let with_momentum = RmsProp::new(0.01).alpha(0.9).momentum(0.8).weight_decay(0.1);
    check("rmsprop_momentum", &with_momentum, AS_THEY_ARE)?;
    let centered = RmsProp::new(0.01).alpha(0.9).eps(0.05).centered();
    check("rmsprop_centered", &centered, AS_THEY_ARE)?;
    check("rmsprop_all", &centered.momentum(0.5), AS_THEY_ARE)
}

#[test]
fn lion_is_optaxs() -> TestResult {
    check("lion", &Lion::new(1e-2), AS_THEY_ARE)?;
    check("lion_decay", &Lion::new(2e-2).betas(0.8, 0.95).weight_decay(0.3), AS_THEY_ARE)
}

#[test]
fn clipped_gradients_are_pytorchs() -> TestResult {
    let sgd = Sgd::new(0.1).momentum(0.9);
    check("clipped", &sgd, |gradients| optim::clip_grad_norm(gradients, 0.5).0)?;
    check("clipped_by_value", &sgd, |gradients| optim::clip_grad_value(gradients, 0.1))
}

/// Hyperparameters may also be constants of the program: the same bits.
#[test]
fn hyperparameters_as_constants() -> TestResult {
    let adam = Adam::new(0.05).weight_decay(0.1);
    let w = Tensor::randn([3], Key::new(0));
    let state = adam.init(&w);
    let as_arguments = |(w, state, adam): (Var, OptimiserState<Var>, Adam<Var>)| adam.update(&w, &w, &state);
    let (expected, _) = jit(as_arguments).call((&w, &state, &adam))?;
    let captured = adam.clone();
    let as_constants = move |(w, state): (Var, OptimiserState<Var>)| captured.update(&w, &w, &state);
    let (got, _) = jit(as_constants).call((&w, &state))?;
    assert!(got.bit_eq(&expected));
    Ok(())
}

/// Buffers have no slots, and stay as they are.
#[test]
fn buffers_are_left_alone() -> TestResult {
    let model: BatchNorm1d<Tensor> = BatchNorm1d::init(4);
    let adam = Adam::new(0.1);
    let state = adam.init(&model);
    let names: Vec<&str> = state.slots["exp_avg"].keys().map(String::as_str).collect();
    assert_eq!(names, ["weight", "bias"]);
    let step = |(model, gradients, state, adam): (BatchNorm1d<Var>, BatchNorm1d<Var>, _, Adam<Var>)| {
        adam.update(&model, &gradients, &state)
    };
    let (new, _) = jit(step).call((&model, &model, &state, &adam))?;
    assert!(new.running_var.bit_eq(&model.running_var));
    assert_eq!(new.num_batches_tracked, model.num_batches_tracked);
    assert_ne!(new.weight, model.weight);
    Ok(())
}

/// Slots of 16-bit parameters are kept in `f32`.
#[test]
fn narrow_parameters_have_wide_slots() -> TestResult {
    let w = Tensor::randn([3], Key::new(0)).to_dtype(DType::Bf16);
    let sgd = Sgd::new(0.1).momentum(0.9);
    let step = |(w, state, sgd): (Var, OptimiserState<Var>, Sgd<Var>)| sgd.update(&w, &w, &state);
    let (new, state) = jit(step).call((&w, &sgd.init(&w), &sgd))?;
    assert_eq!((new.dtype(), state.slots["momentum_buffer"][""].dtype()), (DType::Bf16, DType::F32));
    Ok(())
}

/// The messages of an update of a linear layer's parameters.
fn faults<O: Optimiser>(
    optimiser: O,
    state: &OptimiserState<Tensor>,
    spoil: impl Fn(State<Var>) -> State<Var>,
) -> String {
    let model = Linear::init(3, 2, Key::new(0));
    let step = |(model, state): (Linear<Var>, OptimiserState<Var>)| {
        let gradients = spoil(model.named_parameters());
        optimiser.update(&model, &gradients, &state)
    };
    let error = jit(step).trace((&model, state)).expect_err("an error");
    error.to_string()
}

#[test]
fn gradients_that_do_not_fit() {
    let adam = Adam::new(1e-3);
    let state = adam.init(&Linear::init(3, 2, Key::new(0)));
    assert_snapshot!(faults(adam, &state, |mut gradients| {
        let bias = gradients.shift_remove("bias").expect("a bias");
        gradients.insert("b".to_owned(), bias);
        gradients["weight"] = gradients["weight"].to(DType::F64);
        gradients
    }));
}

#[test]
fn a_state_of_another_optimiser() {
    let state = Sgd::new(0.1).momentum(0.9).init(&Linear::init(3, 2, Key::new(0)));
    assert_snapshot!(faults(Adam::new(1e-3), &state, |gradients| gradients));
}

#[test]
fn a_state_of_other_parameters() {
    let adam = Adam::new(1e-3);
    let mut state = adam.init(&Linear::init(4, 2, Key::new(0)).without_bias());
    state.step = Tensor::from(0i32);
    assert_snapshot!(faults(adam, &state, |gradients| gradients));
}

#[test]
fn parameters_that_are_no_floats() {
    let sgd = Sgd::new(0.1);
    let params = (Tensor::from([1i32, 2]), Tensor::from([1.0f32]));
    let step = |params: (Var, Var)| {
        let state = sgd.init(&params);
        sgd.update(&params, &params, &state)
    };
    assert_snapshot!(jit(step).trace(&params).expect_err("an error").to_string());
}

#[test]
fn hyperparameters_of_all_members_at_once() {
    let stacked = Adam { lr: Tensor::from([1e-3, 1e-2]), ..Adam::new(0.0) };
    let w = Tensor::from([1.0f32]);
    let step = |(w, adam): (Var, Adam<Var>)| adam.update(&w, &w, &adam.init(&w));
    assert_snapshot!(jit(step).trace((&w, &stacked)).expect_err("an error").to_string());
}

#[test]
fn gradients_without_floats() {
    let clipped = |gradients: State<Var>| optim::clip_grad_norm(&gradients, 1.0);
    assert_snapshot!(jit(clipped).trace(&State::<Tensor>::new()).expect_err("an error").to_string());
}

/// One whose rule forgets what it remembers.
struct Forgetful;

impl Optimiser for Forgetful {
    fn name(&self) -> &'static str {
        "Forgetful"
    }

    fn slots(&self) -> Vec<&'static str> {
        vec!["memory"]
    }

    fn rule(&self, _: &optim::Scalars) -> optim::Rule {
        Box::new(|parameter, _, _| (parameter.sum(()), Vec::new()))
    }
}

#[test]
fn a_rule_that_makes_something_else() {
    let w = Tensor::from([1.0f32, 2.0]);
    let step = |w: Var| Forgetful.update(&w, &w, &Forgetful.init(&w));
    assert_snapshot!(jit(step).trace(&w).expect_err("an error").to_string());
}

/// How a step reads: scalars once, then each parameter.
#[test]
fn a_step_reads_well() -> TestResult {
    let model = Linear::init(3, 2, Key::new(0));
    let adam = Adam::new(1e-3);
    let step =
        |(model, gradients, state, adam): (Linear<Var>, Linear<Var>, OptimiserState<Var>, Adam<Var>)| {
            adam.update(&model, &gradients, &state)
        };
    assert_snapshot!(jit(step).trace((&model, &model, &adam.init(&model), &adam))?.graph);
    Ok(())
}

/// Members with hyperparameters of their own: a few numbers of each, and a kernel for each parameter.
#[test]
fn the_plan_of_a_step() -> TestResult {
    let (w, adam) = (Tensor::randn([3, 64], Key::new(0)), Adam::new(1e-3));
    let state = OptimiserState { step: Tensor::from([0i64, 1, 2]), ..adam.init(&w) };
    let step = |(w, gradient, state, lr): (Var, Var, OptimiserState<Var>, Var)| {
        Adam {
            lr: lr.clone(),
            beta1: lr.full([], 0.9),
            beta2: lr.full([], 0.999),
            eps: lr.full([], 1e-8),
            weight_decay: None,
            amsgrad: false,
        }
        .update(&w, &gradient, &state)
    };
    let traced = vmap(step, 0).trace((&w, &w, &state, &Tensor::from([1e-3, 1e-2, 1e-1])))?;
    let setting = Setting::default().on(&Pool::new(2)).at_most(Level::Portable);
    let executable = choral::compile_with(&traced.graph, Device::Cpu, &setting)?;
    assert_snapshot!(executable.plan().expect("a plan"));
    Ok(())
}
