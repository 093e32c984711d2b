//! Steps of training over members: the bits of members alone, frozen members, members that diverge.

use choral::ensemble::stack_members;
use choral::error::CompilerError;
use choral::grad::Argument;
use choral::prelude::*;
use choral::tree::leaves;
use choral::{Error, Pool, Setting, all_finite, optim};
use insta::assert_snapshot;

type TestResult = Result<(), Error>;

/// A classifier that subtracts the mean of the inputs that it was trained on.
#[derive(Module, Clone, Debug)]
pub(crate) struct Classifier<T> {
    linear: Linear<T>,
    #[module(buffer)]
    mean: T,
}

/// What a run goes on from: model, optimiser state, key.
pub(crate) type Run<T> = (Classifier<T>, OptimiserState<T>, T);

const FEATURES: usize = 6;
const CLASSES: usize = 3;
const STEPS: usize = 100;

/// Inputs and labels.
pub(crate) fn data() -> (Tensor, Tensor) {
    let x = Tensor::randn([20, FEATURES], Key::new(9));
    (x, Tensor::from_fn([20], |sample| (sample % CLASSES) as i64))
}

/// The run of this number before its first step.
pub(crate) fn start(optimiser: &impl Optimiser, seed: u64) -> Run<Tensor> {
    let mean = Tensor::zeros(TensorType::new([FEATURES], DType::F32));
    let model = Classifier { linear: Linear::init(FEATURES, CLASSES, Key::new(seed)), mean };
    let state = optimiser.init(&model);
    (model, state, Key::new(100 + seed).into())
}

/// A step of one member: noisy inputs, the gradient of the cross-entropy, clipped, a warm learning rate, new running
/// statistics. Returns the loss before it.
pub(crate) fn step<O: Optimiser>(
    ((model, state, key), optimiser, (x, labels)): (Run<Var>, O, (Var, Var)),
) -> Result<(Run<Var>, Var), CompilerError> {
    let [key, noise] = random::split(&key);
    let x = &x + random::normal(&noise, x.shape()) * 0.1;
    let loss_of = |model: Classifier<Var>| {
        let logits = model.linear.clone().forward(&(&x - &model.mean));
        loss::cross_entropy(&logits, &labels, loss::Reduction::Mean)
    };
    let gradient = value_and_grad(loss_of).by(Argument::<0>.parameters());
    let (loss, gradients) = gradient.apply(model.clone())?;
    let (gradients, _) = optim::clip_grad_norm(&gradients, 0.3);
    let (mut model, state) = optimiser.update(&model, &gradients, &state);
    model.mean = &model.mean * 0.9 + x.mean(0) * 0.1;
    Ok(((model, state, key), loss))
}

/// Fails unless a member of a stacked tree has these bits.
#[track_caller]
pub(crate) fn assert_member<X: Tree<Tensor>>(stacked: &X, member: usize, alone: &X, what: &str) {
    for ((path, all), (_, one)) in leaves(stacked).iter().zip(leaves(alone)) {
        let own = all.index(member).expect("a member");
        assert!(own.bit_eq(&one), "{what}: {path} of member {member} is {own}, alone it is {one}");
    }
}

/// How many members, how many at a time, and on how many threads.
const ENSEMBLES: [(usize, Option<usize>, usize); 5] =
    [(1, None, 1), (3, None, 2), (7, None, 4), (7, Some(3), 2), (7, Some(1), 1)];

/// Tests of seven members, each with hyperparameters of its own: alone, and in ensembles of every kind.
macro_rules! members_train_as_alone {
    ($($test:ident $Optimiser:ident $of:expr;)*) => {$(
        #[test]
        fn $test() -> TestResult {
            let (data, of): (_, fn(f64) -> $Optimiser<Tensor>) = (data(), $of);
            let optimisers: Vec<$Optimiser<Tensor>> = (0..7).map(|member| of(f64::from(member))).collect();
            let starts: Vec<Run<Tensor>> =
                optimisers.iter().zip(0..).map(|(optimiser, seed)| start(optimiser, seed)).collect();
            let (single, mut alone) = (jit(step::<$Optimiser<Var>>), starts.clone());
            for (run, optimiser) in alone.iter_mut().zip(&optimisers) {
                for _ in 0..STEPS {
                    (*run, _) = single.call((&*run, optimiser, &data))?;
                }
            }
            for (members, chunk, threads) in ENSEMBLES {
                let (mut runs, optimisers) = (stack_members(&starts[..members])?, stack_members(&optimisers[..members])?);
                let all = vmap(step::<$Optimiser<Var>>, (0, 0, None)).donate([0]);
                let all = all.setting(&Setting::default().on(&Pool::new(threads)));
                let all = chunk.into_iter().fold(all, |all, chunk| all.chunk_size(chunk));
                for _ in 0..STEPS {
                    (runs, _) = all.call((runs, &optimisers, &data))?;
                }
                let what = format!("{members} members, chunks of {chunk:?}, {threads} threads");
                for (member, alone) in alone.iter().take(members).enumerate() {
                    assert_member(&runs, member, alone, &what);
                }
            }
            Ok(())
        }
    )*};
}
members_train_as_alone! {
    members_of_gradient_descent_train_as_alone Sgd
        |member| Sgd::new(0.1 * (member + 1.0)).momentum(0.9 - 0.1 * member).nesterov();
    members_of_adam_train_as_alone Adam
        |member| Adam::new(1e-3 * member.exp2()).weight_decay(0.01 * member).amsgrad();
    members_of_decaying_adam_train_as_alone AdamW
        |member| AdamW::new(1e-3 * member.exp2()).betas(0.9, 0.999 - 0.01 * member);
    members_of_rmsprop_train_as_alone RmsProp
        |member| RmsProp::new(1e-3 * member.exp2()).alpha(0.9).momentum(0.5).centered();
    members_of_lion_train_as_alone Lion
        |member| Lion::new(1e-3 * member.exp2()).betas(0.9, 0.99 - 0.01 * member);
}

/// A step of members that stop once their loss is small, or once a number of theirs is no longer finite.
fn step_of_active(
    (before, optimiser, data, target): (Run<Var>, Adam<Var>, (Var, Var), Var),
) -> Result<(Run<Var>, Var), CompilerError> {
    let (after, loss) = step((before.clone(), optimiser, data))?;
    let active = loss.gt(target).logical_and(all_finite(&after));
    Ok((freeze(&active, &after, &before), active))
}

/// Converged members keep every bit, their key and their running statistics included; the others do not notice.
#[test]
fn frozen_members_keep_their_bits() -> TestResult {
    let (adam, data) = (Adam::new(0.03), data());
    let starts: Vec<Run<Tensor>> = (0..4).map(|seed| start(&adam, seed)).collect();
    let targets = Tensor::from([0.0f32, 1.0, 100.0, 0.9]);
    let all = vmap(step_of_active, (0, None, None, 0));
    let single = jit(step::<Adam<Var>>);
    let (mut runs, mut alone) = (stack_members(&starts)?, starts.clone());
    let mut rounds = [0; 4];
    for _ in 0..STEPS {
        let active;
        (runs, active) = all.call((&runs, &adam, &data, &targets))?;
        for (member, active) in active.as_slice::<bool>()?.iter().enumerate() {
            if *active {
                rounds[member] += 1;
                (alone[member], _) = single.call((&alone[member], &adam, &data))?;
            }
        }
        for (member, alone) in alone.iter().enumerate() {
            assert_member(&runs, member, alone, "frozen");
        }
    }
    assert_eq!([rounds[0], rounds[2]], [STEPS, 0], "member 0 goes on, member 2 never starts");
    assert!((1..STEPS).contains(&rounds[1]) && (1..STEPS).contains(&rounds[3]), "{rounds:?}");
    Ok(())
}

/// What becomes of a member whose numbers are NaN is nobody else's business.
#[test]
fn a_member_that_diverges_touches_no_other() -> TestResult {
    let data = data();
    let optimisers = [1e-2, f64::NAN, 1e-3].map(Sgd::new);
    let starts: Vec<Run<Tensor>> = (0..3).map(|seed| start(&optimisers[0], seed)).collect();
    let (all, single) = (vmap(step::<Sgd<Var>>, (0, 0, None)), jit(step::<Sgd<Var>>));
    let (mut runs, mut alone) = (stack_members(&starts)?, starts);
    let together = stack_members(&optimisers)?;
    for _ in 0..10 {
        (runs, _) = all.call((&runs, &together, &data))?;
        for (run, optimiser) in alone.iter_mut().zip(&optimisers) {
            (*run, _) = single.call((&*run, optimiser, &data))?;
        }
    }
    assert!(runs.0.linear.weight.index(1)?.to_f64_vec().iter().all(|number| number.is_nan()));
    for member in [0, 2] {
        assert_member(&runs, member, &alone[member], "beside NaN");
    }
    Ok(())
}

/// A diverging member that is frozen keeps its last finite numbers.
#[test]
fn a_member_that_diverges_is_kept_as_it_was() -> TestResult {
    let data = data();
    let adam = stack_members(&[Adam::new(1e-2), Adam::new(f64::INFINITY)])?;
    let starts: Vec<Run<Tensor>> = (0..2).map(|seed| start(&Adam::new(0.0), seed)).collect();
    let all = vmap(step_of_active, (0, 0, None, None));
    let mut runs = stack_members(&starts)?;
    for _ in 0..10 {
        (runs, _) = all.call((&runs, &adam, &data, &Tensor::from(0.0f32)))?;
    }
    assert_member(&runs, 1, &starts[1], "kept");
    assert_eq!(runs.1.step.as_slice::<i64>()?, [10, 0]);
    Ok(())
}

/// States of a stacked ensemble are those of its members.
#[test]
fn states_of_an_ensemble_are_made_mapped() -> TestResult {
    let adam = Adam::new(1e-3);
    let (params, _) =
        stack_module_state(&(0..5).map(|seed| Linear::init(3, 2, Key::new(seed))).collect::<Vec<_>>())?;
    let state = vmap(move |params: State<Var>| adam.init(&params), 0).call(&params)?;
    assert_eq!(state.step.as_slice::<i64>()?, [0; 5]);
    assert_eq!(state.slots["exp_avg_sq"]["weight"].shape(), [5, 2, 3]);
    Ok(())
}

#[test]
fn trees_that_cannot_be_frozen() {
    let message = |result: Result<_, Error>| match result {
        Ok(()) => panic!("expected an error"),
        Err(error) => error.to_string(),
    };
    let of_all = |(active, x): (Var, Var)| freeze(&active, &x, &x);
    let types = (TensorType::new([5], DType::I1), TensorType::new([5, 3], DType::F32));
    let another =
        |(active, x): (Var, Var)| freeze(&active.any(()), &vec![x.clone(), x.sum(0)], &vec![x.clone(), x]);
    let messages =
        [message(jit(of_all).trace(&types).map(|_| ())), message(jit(another).trace(&types).map(|_| ()))];
    assert_snapshot!(messages.join("\n\n"));
}
