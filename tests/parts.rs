//! Parts of programs that blocks of a GPU run by themselves: which programs have them, and that they change no bit.
//!
//! Plans need no GPU. Runs are on one, or on a stand-in; without either only plans are looked at.

use choral::prelude::*;
use choral::runtime::{Executable, cuda_plan};
use choral::trace::convolution::Windows;
use choral::tree::Typed;
use choral::{Graph, Setting};
use insta::assert_snapshot;

const MEMBERS: usize = 6;

fn f32(shape: &[usize]) -> TensorType {
    TensorType::new(shape, DType::F32)
}

fn mapped<F, T, A>(function: F, in_dims: impl choral::IntoDims, args: A) -> Result<Graph, choral::Error>
where
    T: Typed,
    A: Tree<T>,
    F: Function<A::With<Var>>,
    choral_compiler::Vmap<F>: Function<A::With<Var>>,
{
    Ok(choral::optimised(&vmap(function, in_dims).trace(&args)?.graph)?.0)
}

type Made = Result<Graph, choral::Error>;

/// Three layers; between the first two, members lie within the batch.
fn perceptrons() -> Made {
    let f = |(x, w, v, u): (Var, Var, Var, Var)| x.matmul(&w).tanh().matmul(&v).relu().matmul(&u).softmax(-1);
    let args = (f32(&[8, 5]), f32(&[MEMBERS, 5, 7]), f32(&[MEMBERS, 7, 7]), f32(&[MEMBERS, 7, 3]));
    mapped(f, (None, 0, 0, 0), args)
}

/// All rounds of a policy's member in one block, which counts its own steps.
fn rollouts() -> Made {
    let f = |(x, w, noise): (Var, Var, Var)| {
        let w = w.sin();
        let step = |(x, time): (Var, Var), noise: Var| {
            let x = (w.matmul(&x) + noise * time.cos()).tanh();
            ((x.clone(), time + 0.5), x.sum(()))
        };
        let time = noise.full([], 0.0);
        scan(step, (x, time), noise)
    };
    mapped(f, (0, 0, None), (f32(&[MEMBERS, 4]), f32(&[MEMBERS, 4, 4]), f32(&[7, 4])))
}

/// What one recurrence writes, another reads from the end: between them lie slices of all rounds.
fn there_and_back() -> Made {
    let f = |(x, w, xs): (Var, Var, Var)| {
        let step = |h: Var, x: Var| {
            let h = (w.matmul(&h) + x).tanh();
            (h.clone(), h)
        };
        let (last, states) = scan(step, x, xs);
        let back = |h: Var, state: Var| {
            let h = &h * 0.5 + w.matmul(&state).sin();
            (h.clone(), h * state)
        };
        let (first, products) = scan(back, last, states.flip([0]));
        (first, products.sum(0))
    };
    mapped(f, (0, 0, 0), (f32(&[MEMBERS, 4]), f32(&[MEMBERS, 4, 4]), f32(&[MEMBERS, 5, 4])))
}

/// Rows that indices say, windows, the places of the greatest, and an ordering.
fn moves() -> Made {
    let f = |(table, words): (Var, Var)| {
        let rows = table.take_rows(&words).tanh();
        let running = rows.cumsum(0).exp();
        let best = running.argmax(-1).to(DType::F32);
        (running.sort(0, false).0 * 2.0, best)
    };
    mapped(f, (0, 0), (f32(&[MEMBERS, 9, 4]), TensorType::new([MEMBERS, 6], DType::I32)))
}

fn convolutions() -> Made {
    let f = |(x, w, v): (Var, Var, Var)| {
        let conv = |x: &Var, kernel: &Var| {
            x.conv(kernel, Windows { stride: &[1, 1], padding: &[1, 1], dilation: &[1, 1] }, 1)
        };
        conv(&conv(&x, &w).relu().max_pool2d(2), &v).tanh().mean([-1, -2])
    };
    let args = (f32(&[4, 1, 6, 6]), f32(&[MEMBERS, 3, 1, 3, 3]), f32(&[MEMBERS, 2, 3, 3, 3]));
    mapped(f, (None, 0, 0), args)
}

/// What all members share in the middle ends a part: their mean.
fn consulted() -> Made {
    let f = |x: Var| {
        let x = x.sin().cumsum(0).tanh();
        (&x - x.pmean("members")).exp().cumsum(0).sum(())
    };
    mapped(f, 0, f32(&[MEMBERS, 16]))
}

/// What has no parts before a chain and after it: what the chain makes, which is wider, must not lie where it still reads.
fn surrounded() -> Made {
    let f = |(x, places): (Var, Var)| {
        let add = |x: &Var, places: &Var| x.scatter_add(0, places, &(x * 0.5));
        let few = places.narrow(0, 0, 16);
        let chain = add(&x, &few).cumsum(0).exp().cumsum(0);
        let wide = (chain.unsqueeze(1) + x.full([2], 1.0)).flatten(0, -1);
        add(&wide, &places)
    };
    mapped(f, (0, None), (f32(&[MEMBERS, 16]), TensorType::new([32], DType::I32)))
}

/// Matrices of members, factored and solved with.
fn factors() -> Made {
    let f = |(a, unit, b): (Var, Var, Var)| {
        let factor = (a.matmul(&a.transpose(0, 1)) + unit).cholesky();
        factor.solve_triangular(&b, false).sin()
    };
    mapped(f, (0, None, 0), (f32(&[MEMBERS, 4, 4]), f32(&[4, 4]), f32(&[MEMBERS, 4, 2])))
}

/// A program by its name.
type Named = (&'static str, fn() -> Made);

const PROGRAMS: &[Named] = &[
    ("perceptrons", perceptrons),
    ("rollouts", rollouts),
    ("there and back", there_and_back),
    ("moves", moves),
    ("convolutions", convolutions),
    ("members that consult each other", consulted),
    ("factors", factors),
    ("a chain between others", surrounded),
];

/// The lines that say what runs at once, and why.
fn outline(plan: &str) -> String {
    let is_told =
        |line: &&str| line.contains(" parts") || line.trim_start().starts_with('(') || line.starts_with('%');
    plan.lines().filter(is_told).map(|line| format!("  {line}\n")).collect()
}

#[test]
fn what_runs_at_once() -> Result<(), choral::Error> {
    let told = PROGRAMS.iter().map(|(name, make)| Ok(format!("{name}\n{}", outline(&cuda_plan(&make()?)?))));
    assert_snapshot!(told.collect::<Result<String, choral::Error>>()?);
    Ok(())
}

#[test]
fn the_plan_of_rollouts() -> Result<(), choral::Error> {
    assert_snapshot!(cuda_plan(&rollouts()?)?);
    Ok(())
}

#[test]
fn parts_change_no_bit() -> Result<(), choral::Error> {
    let Ok(gpu) = Device::cuda(0) else {
        println!("skipped: no GPU, and no stand-in (tests/cuda/run)");
        return Ok(());
    };
    for (name, make) in PROGRAMS {
        let graph = make()?;
        let inputs: Vec<Tensor> = graph.input_types().into_iter().map(input).collect();
        let expected = Executable::compile(&graph, Device::Reference)?.run(&inputs)?;
        for setting in [Setting::default(), Setting::default().in_pieces(1)] {
            let executable = Executable::compile_with(&graph, gpu, &setting)?;
            for _ in 0..3 {
                let results = executable.run(&inputs)?;
                let are_equal =
                    results.iter().zip(&expected).all(|(result, expected)| result.bit_eq(expected));
                assert!(are_equal, "{name}, {setting:?}: {results:?} are not {expected:?}");
            }
        }
    }
    Ok(())
}

/// Numbers of no pattern, small ones for indices.
fn input(ty: TensorType) -> Tensor {
    let at = |at: usize| (at * 37 + 11) % 101;
    match ty.dtype {
        DType::F32 => Tensor::from_fn(ty.shape.as_slice(), |place| at(place) as f32 / 50.0 - 1.0),
        _ => Tensor::from_fn(ty.shape.as_slice(), |place| (at(place) % 9) as i32),
    }
}
