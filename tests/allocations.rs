//! What calls allocate once they have run before: their results are all that may be new.
//!
//! Results of a call that are dropped are written over by the next, so nothing is allocated for them either.

use choral::error::CompilerError;
use choral::prelude::*;
use choral::tree::leaves;
use choral::{Level, Pool, Setting, optim};

#[derive(Module, Clone)]
struct Mlp<T> {
    hidden: Vec<Linear<T>>,
    out: Linear<T>,
}

impl Forward for Mlp<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        let hidden = self.hidden.iter_mut().fold(x.clone(), |x, layer| layer.forward(&x).relu());
        self.out.forward(&hidden)
    }
}

/// Perceptrons of so many layers.
fn models(layers: u64) -> Vec<Mlp<Tensor>> {
    let model = |seed| Mlp {
        hidden: (0..layers).map(|layer| Linear::init(16, 16, Key::new(seed * 100 + layer))).collect(),
        out: Linear::init(16, 4, Key::new(seed)),
    };
    (0..3).map(model).collect()
}

/// Allocations of a call, after two that came before.
#[track_caller]
fn allocations<T>(mut call: impl FnMut() -> Result<T, choral::Error>) -> u64 {
    (0..2).for_each(|_| drop(call().expect("results")));
    let mut results = None;
    let counted = allocation_counter::measure(|| results = Some(call()));
    assert!(results.expect("a call").is_ok());
    counted.count_total
}

/// An executable allocates the list of its results, whatever it runs, and on any number of threads.
#[test]
fn executables_allocate_a_list() -> Result<(), choral::Error> {
    let x = Tensor::randn([8, 16], Key::new(9));
    for layers in [1, 50] {
        let (fmodel, params, buffers) = combine_state_for_ensemble(&models(layers))?;
        let traced = vmap(fmodel, (0, 0, None)).trace((&params, &buffers, &x))?;
        let inputs: Vec<Tensor> =
            params.values().chain(buffers.values()).cloned().chain([x.clone()]).collect();
        for threads in [1, 4] {
            let setting = Setting::default().on(&Pool::new(threads)).at_most(Level::Avx512);
            let executable = choral::compile_with(&traced.graph, Device::Cpu, &setting)?;
            assert_eq!(allocations(|| Ok(executable.run(&inputs)?)), 1, "{layers} layers, {threads} threads");
        }
    }
    Ok(())
}

/// Loops and branches run in the memory of the session.
#[test]
fn loops_allocate_nothing() -> Result<(), choral::Error> {
    let step = |(x, w): (Var, Var)| {
        let halved = |x: Var| x / 2.0;
        let x = fori_loop(0, 10, |_, x: Var| w.matmul(&x).tanh(), x);
        cond(
            &x.sum(()).gt(0.0),
            halved,
            |x: Var| while_loop(|x: Var| x.sum(()).lt(1.0), |x: Var| x + 1.0, x),
            x,
        )
    };
    let (x, w) = (Tensor::randn([8], Key::new(0)), Tensor::randn([8, 8], Key::new(1)));
    let traced = jit(step).trace((&x, &w))?;
    let executable = choral::compile(&traced.graph, Device::Cpu)?;
    let inputs = [x, w];
    assert_eq!(allocations(|| Ok(executable.run(&inputs)?)), 1);
    Ok(())
}

/// A program, too; where its results have a structure, one allocation more walks along it.
#[test]
fn programs_allocate_a_list() -> Result<(), choral::Error> {
    let (x, y) = (Tensor::randn([8, 16], Key::new(0)), Tensor::randn([16], Key::new(1)));
    let sum = jit(|(x, y): (Var, Var)| (x + y).tanh());
    assert_eq!(allocations(|| sum.call((&x, &y))), 1);
    let both = jit(|(x, y): (Var, Var)| (&x + &y, x * y));
    assert_eq!(allocations(|| both.call((&x, &y))), 2);
    Ok(())
}

#[test]
fn ensembles_allocate_a_list() -> Result<(), choral::Error> {
    let x = Tensor::randn([8, 16], Key::new(9));
    for layers in [1, 50] {
        let ensemble = Ensemble::new(&models(layers))?;
        assert_eq!(allocations(|| ensemble.call(&x)), 1, "{layers} layers");
    }
    Ok(())
}

/// A session that is handed its last results back allocates nothing at all.
#[test]
fn sessions_allocate_nothing() -> Result<(), choral::Error> {
    let x = Tensor::randn([8, 16], Key::new(9));
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models(3))?;
    let traced = vmap(fmodel, (0, 0, None)).trace((&params, &buffers, &x))?;
    let mut session = choral::compile(&traced.graph, Device::Cpu)?.session()?;
    for (input, tensor) in params.values().chain(buffers.values()).enumerate() {
        session.bind(input, tensor)?;
    }
    let mut results = Vec::new();
    assert_eq!(allocations(|| Ok(session.run_into([x.clone()], &mut results)?)), 0);
    Ok(())
}

/// A step of training that is handed parameters and optimiser state makes the next ones where they lie: for members
/// with hyperparameters of their own, too.
#[test]
fn steps_of_training_allocate_nothing() -> Result<(), choral::Error> {
    type Run = (State<Var>, OptimiserState<Var>);
    let (x, y) = (Tensor::randn([16, 8], Key::new(0)), Tensor::randn([16, 4], Key::new(1)));
    let adam = Adam { lr: Tensor::from([1e-3, 1e-2, 1e-1]), ..Adam::new(0.0) };
    let each_its_own = by_leaf(|_, ty| (ty.rank() > 0).then_some(0));
    let (params, _) =
        stack_module_state(&(0..3).map(|seed| Linear::init(8, 4, Key::new(seed))).collect::<Vec<_>>())?;
    let init = adam.clone();
    let state = vmap(move |params: State<Var>| init.init(&params), 0).call(&params)?;
    let step = |((params, state), adam, (x, y)): (Run, Adam<Var>, (Var, Var))| {
        let loss = |(params, x, y): (State<Var>, Var, Var)| {
            let predictions = x.matmul(&params["weight"].transpose(0, 1)) + &params["bias"];
            loss::mse_loss(&predictions.tanh(), &y, loss::Reduction::Mean)
        };
        let gradients = grad(loss).apply((params.clone(), x, y))?;
        let (gradients, _) = optim::clip_grad_norm(&gradients, 1.0);
        Ok::<_, CompilerError>(adam.update(&params, &gradients, &state))
    };
    let run = (params, state);
    let traced = vmap(step, (0, each_its_own, None)).trace((&run, &adam, (&x, &y)))?;
    let mut inputs: Vec<Tensor> = leaves(&run).into_iter().map(|(_, leaf)| leaf).collect();
    drop(run);
    let donated = inputs.len();
    for threads in [1, 4] {
        let setting = Setting::default().on(&Pool::new(threads)).donating(0..donated);
        let mut session = choral::compile_with(&traced.graph, Device::Cpu, &setting)?.session()?;
        let bound = leaves(&adam).into_iter().map(|(_, leaf)| leaf).chain([x.clone(), y.clone()]);
        for (at, tensor) in bound.enumerate() {
            session.bind(donated + at, &tensor)?;
        }
        let mut results = Vec::new();
        let count = allocations(|| {
            session.run_into(inputs.drain(..), &mut results)?;
            std::mem::swap(&mut inputs, &mut results);
            Ok(())
        });
        assert_eq!(count, 0, "{threads} threads");
    }
    Ok(())
}
