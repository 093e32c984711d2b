//! The kernels in CUDA C++ that a GPU runs typical programs with, of one member and of three.
//!
//! Must not live here: what programs begin with, and functions that kernels call, which are the same for all.
//!
//! `INSTA_UPDATE=always cargo test --test across sources` writes the snapshots anew; read the difference.

use choral::ensemble::{FunctionalModule, member_state};
use choral::prelude::*;
use choral::runtime::cuda_source;
use choral::tree::Typed;
use choral_compiler::Vmap;
use insta::assert_snapshot;

use crate::digits::{Cnn, Mlp};

const MEMBERS: usize = 3;

fn f32(shape: &[usize]) -> TensorType {
    TensorType::new(shape, DType::F32)
}

fn source(graph: &Graph) -> Result<String, choral::Error> {
    let source = cuda_source(&choral::optimised(graph)?.0)?;
    let first = source.find("(const Team& team, u8* b").expect("a kernel");
    let start = source[..first].rfind('\n').map_or(0, |before| before + 1);
    Ok(source[start..].trim().to_owned())
}

/// Of a function and of it mapped over the first argument.
fn sources<T, A, F>(function: F, one: A, several: A) -> Result<String, choral::Error>
where
    T: Typed,
    A: Tree<T>,
    F: Function<A::With<Var>> + Clone,
    Vmap<F>: Function<A::With<Var>>,
{
    let one = source(&jit(function.clone()).trace(&one)?.graph)?;
    let several = source(&vmap(function, (0, None)).trace(&several)?.graph)?;
    Ok(format!("// one member\n{one}\n\n// {MEMBERS} members\n{several}"))
}

/// As [`sources`], of a network of the digits on 16 images.
fn network<M>(models: &[M]) -> Result<String, choral::Error>
where
    M: Module<Tensor>,
    FunctionalModule<M::With<TensorType>>: Function<(State<Var>, State<Var>, Var), Output = Var> + Clone,
{
    let (fmodel, params, buffers) = combine_state_for_ensemble(models)?;
    let member = move |((params, buffers), images): ((State<Var>, State<Var>), Var)| {
        fmodel.apply((params, buffers, images))
    };
    let images = Tensor::zeros(f32(&[16, 8, 8]));
    let first = (member_state(&params, 0)?, member_state(&buffers, 0)?);
    sources(member, (first, images.clone()), ((params, buffers), images))
}

#[test]
fn perceptrons_of_the_digits() -> Result<(), choral::Error> {
    let models: Vec<Mlp<Tensor>> = (0..MEMBERS as u64).map(|seed| Mlp::init(Key::new(seed))).collect();
    assert_snapshot!(network(&models)?);
    Ok(())
}

#[test]
fn convolutional_networks_of_the_digits() -> Result<(), choral::Error> {
    let mut models: Vec<Cnn<Tensor>> = (0..MEMBERS as u64).map(|seed| Cnn::init(Key::new(seed))).collect();
    models.iter_mut().for_each(|model| model.eval());
    assert_snapshot!(network(&models)?);
    Ok(())
}

#[test]
fn attention() -> Result<(), choral::Error> {
    let attention =
        |(q, [k, v]): (Var, [Var; 2])| (q.matmul(&k.transpose(0, 1)) / 4.0).softmax(-1).matmul(&v);
    let shared = || [(); 2].map(|()| f32(&[10, 16]));
    assert_snapshot!(sources(attention, (f32(&[6, 16]), shared()), (f32(&[MEMBERS, 6, 16]), shared()))?);
    Ok(())
}

/// A pole that a linear policy of each member balances for ten steps from one state.
#[test]
fn rollout() -> Result<(), choral::Error> {
    let rollout = |(weights, start): (Var, Var)| {
        let step = |state: Var| {
            let force = weights.matmul(&state).tanh();
            let (angle, spin) = (state.select(0, 0), state.select(0, 1));
            let moved = [&angle + &spin * 0.02, &spin + (angle.sin() * 9.8 - force) * 0.02];
            (moved[0].stack(&[&moved[1]], 0), &angle * &angle)
        };
        scan_length(step, start, 10).1.sum(())
    };
    assert_snapshot!(sources(rollout, (f32(&[2]), f32(&[2])), (f32(&[MEMBERS, 2]), f32(&[2])))?);
    Ok(())
}
