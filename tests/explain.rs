//! What `vmap` does to typical programs, op by op, and the kernels that run them: a rule that starts to do work
//! twice, or to repeat what members share, and a plan that takes a kernel more show here.

use choral::prelude::*;
use choral::transform::explain::Explanation;
use choral::tree::Typed;
use choral::{Level, Pool, Setting};
use choral_compiler::Vmap;
use insta::assert_snapshot;

const MEMBERS: usize = 5;

fn f32(shape: &[usize]) -> TensorType {
    TensorType::new(shape, DType::F32)
}

#[derive(Module, Clone)]
struct Mlp<T> {
    hidden: Linear<T>,
    out: Linear<T>,
}

impl Forward for Mlp<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        self.out.forward(&self.hidden.forward(x).relu())
    }
}

#[derive(Module, Clone)]
struct Cnn<T> {
    conv: Conv2d<T>,
    norm: BatchNorm2d<T>,
    out: Linear<T>,
}

impl Forward for Cnn<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        let x = self.norm.forward(&self.conv.forward(x)).relu().max_pool2d(2);
        self.out.forward(&x.flatten(1, -1))
    }
}

/// What `vmap` makes of a program.
struct Mapped {
    explanation: Explanation,
    graph: Graph,
}

type Made = Result<Mapped, choral::Error>;
type Make = fn() -> Made;

fn mapped<F, T, A>(program: &Program<Vmap<F>>, args: A) -> Made
where
    T: Typed,
    A: Tree<T>,
    F: Function<A::With<Var>>,
    Vmap<F>: Function<A::With<Var>>,
{
    Ok(Mapped { explanation: program.explain(&args)?, graph: program.trace(&args)?.graph })
}

/// Stacked weights on shared data: one product.
fn linear() -> Made {
    let f = |(w, x): (Var, Var)| x.matmul(&w.transpose(0, 1));
    mapped(&vmap(f, (0, None)), (f32(&[MEMBERS, 4, 3]), f32(&[64, 3])))
}

/// Shared weights on per-member data: one product, too.
fn shared_weights() -> Made {
    let f = |(w, x): (Var, Var)| x.matmul(&w.transpose(0, 1));
    mapped(&vmap(f, (None, 0)), (f32(&[4, 3]), f32(&[MEMBERS, 64, 3])))
}

fn mlp() -> Made {
    let models: Vec<Mlp<Tensor>> = (0..MEMBERS as u64)
        .map(|seed| Mlp {
            hidden: Linear::init(8, 16, Key::new(seed)),
            out: Linear::init(16, 2, Key::new(seed)),
        })
        .collect();
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
    mapped(&vmap(fmodel, (0, 0, None)), (&params, &buffers, &Tensor::zeros(f32(&[32, 8]))))
}

fn cnn() -> Made {
    let models: Vec<Cnn<Tensor>> = (0..MEMBERS as u64)
        .map(|seed| {
            let mut norm = BatchNorm2d::init(4);
            norm.training = false;
            Cnn {
                conv: Conv2d::init(1, 4, 3, Key::new(seed)),
                norm,
                out: Linear::init(36, 2, Key::new(seed)),
            }
        })
        .collect();
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
    mapped(&vmap(fmodel, (0, 0, None)), (&params, &buffers, &Tensor::zeros(f32(&[16, 1, 8, 8]))))
}

fn attention() -> Made {
    let f = |(q, k, v): (Var, Var, Var)| (q.matmul(&k.transpose(0, 1)) / 4.0).softmax(-1).matmul(&v);
    mapped(&vmap(f, (0, None, None)), (f32(&[MEMBERS, 6, 16]), f32(&[10, 16]), f32(&[10, 16])))
}

/// A penalty on shared weights is computed once.
fn shared_penalty() -> Made {
    let f = |(x, w): (Var, Var)| x.matmul(&w).tanh().mean(()) + (&w * &w).sum(()).sqrt();
    mapped(&vmap(f, (0, None)), (f32(&[MEMBERS, 8]), f32(&[8, 8])))
}

fn normalised() -> Made {
    let f = |x: Var| (&x - x.mean(-1).unsqueeze(-1)) / (x.var(-1, 0).unsqueeze(-1) + 1e-5).sqrt();
    mapped(&vmap(f, 1), f32(&[8, MEMBERS, 16]))
}

fn embedding() -> Made {
    let f = |(table, words): (Var, Var)| table.take_rows(&words).mean(0);
    mapped(&vmap(f, (None, 0)), (f32(&[100, 8]), TensorType::new([MEMBERS, 12], DType::I32)))
}

/// What each member is apart from the mean of all.
fn centred() -> Made {
    mapped(&vmap(|x: Var| (&x - x.pmean("members")).tanh(), 0), f32(&[MEMBERS, 16]))
}

fn nested() -> Made {
    let inner = vmap(|(x, w): (Var, Var)| w.matmul(&x), (0, None));
    mapped(&vmap(inner, (None, 0)), (f32(&[32, 3]), f32(&[MEMBERS, 4, 3])))
}

/// Programs by title.
type Programs = [(&'static str, Make)];

fn explained(programs: &Programs) -> Result<String, choral::Error> {
    programs.iter().map(|(title, make)| Ok(format!("{title}\n{}\n", make()?.explanation))).collect()
}

/// Their plans for two threads, with loops that every processor has.
fn planned(programs: &Programs) -> Result<String, choral::Error> {
    let setting = Setting::default().on(&Pool::new(2)).at_most(Level::Portable);
    let plan = |(title, make): &(&str, Make)| {
        let executable = choral::compile_with(&make()?.graph, Device::Cpu, &setting)?;
        Ok(format!("{title}\n{}\n", executable.plan().expect("the processor runs plans")))
    };
    programs.iter().map(plan).collect()
}

const TYPICAL: &Programs = &[
    ("stacked weights, shared data", linear),
    ("shared weights, per-member data", shared_weights),
    ("perceptrons", mlp),
    ("convolutional networks", cnn),
    ("attention, per-member queries", attention),
    ("a penalty on shared weights", shared_penalty),
    ("layer normalisation, members in the middle", normalised),
    ("embedding, per-member words", embedding),
    ("apart from the mean of all", centred),
    ("vmap of vmap", nested),
];

#[test]
fn typical_programs() -> Result<(), choral::Error> {
    assert_snapshot!(explained(TYPICAL)?);
    Ok(())
}

#[test]
fn plans_of_typical_programs() -> Result<(), choral::Error> {
    assert_snapshot!(planned(TYPICAL)?);
    Ok(())
}

/// Shared rounds: the counter stays one number, and what only it decides is computed once a round.
fn counted_loop() -> Made {
    let f = |(x, w): (Var, Var)| fori_loop(0, 10, |_, x: Var| w.exp().matmul(&x).tanh(), x);
    mapped(&vmap(f, (0, None)), (f32(&[MEMBERS, 8]), f32(&[8, 8])))
}

/// Each member halves until it is small enough.
fn loop_of_ones_own() -> Made {
    let f = |x: Var| while_loop(|x: Var| x.abs().sum(()).gt(1.0), |x: Var| x / 2.0, x);
    mapped(&vmap(f, 0), f32(&[MEMBERS, 8]))
}

/// A branch for each member, one of them with a loop in it.
fn branch_of_ones_own() -> Made {
    let small = |x: Var| while_loop(|x: Var| x.abs().sum(()).gt(1.0), |x: Var| x / 2.0, x);
    let f = move |(x, w): (Var, Var)| cond(&x.sum(()).gt(0.0), small, |x: Var| w.exp().matmul(&x), x);
    mapped(&vmap(f, (0, None)), (f32(&[MEMBERS, 8]), f32(&[8, 8])))
}

/// One recurrence for all members, along inputs that they share; what only these decide is shared, too.
fn recurrence() -> Made {
    let f = |(h, w, xs): (Var, Var, Var)| {
        let step = |(h, sum): (Var, Var), x: Var| {
            let h = (w.matmul(&h) + x.tanh()).tanh();
            ((h.clone(), sum + x), h)
        };
        let sum = xs.full([4], 0.0);
        scan(step, (h, sum), xs)
    };
    mapped(&vmap(f, (0, 0, None)), (f32(&[MEMBERS, 4]), f32(&[MEMBERS, 4, 4]), f32(&[12, 4])))
}

fn in_chunks() -> Made {
    let f = |(x, w): (Var, Var)| w.exp().matmul(&x).tanh();
    mapped(&vmap(f, (0, None)).chunk_size(2), (f32(&[MEMBERS, 8]), f32(&[8, 8])))
}

const BRANCHES_AND_LOOPS: &Programs = &[
    ("a loop of shared rounds", counted_loop),
    ("a loop that each member ends for itself", loop_of_ones_own),
    ("a per-member branch", branch_of_ones_own),
    ("a recurrence", recurrence),
    ("in chunks", in_chunks),
];

#[test]
fn branches_and_loops() -> Result<(), choral::Error> {
    assert_snapshot!(explained(BRANCHES_AND_LOOPS)?);
    Ok(())
}

#[test]
fn plans_of_branches_and_loops() -> Result<(), choral::Error> {
    assert_snapshot!(planned(BRANCHES_AND_LOOPS)?);
    Ok(())
}
