//! A sweep over learning rates and weight decays as one program: a hundred perceptrons that differ in nothing else.
//!
//! An optimiser is a tree, and its hyperparameters are leaves: stacked, they are mapped as parameters are. All members start
//! from one network and see the same batches, which `vmap` shares.
//!
//! `cargo run --release --example hyperparameter_sweep`

mod digits;
mod plots;

use std::time::Instant;

use choral::ensemble::stack_members;
use choral::error::CompilerError;
use choral::prelude::*;
use digits::{Mlp, test_set, training_set};
use plots::heat_map::{self, Axis};
use plots::progress::Progress;

/// The folder of the project, which holds `examples/data`.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Learning rates and weight decays.
const SIDE: usize = 10;

const BATCH: usize = 64;
const STEPS: usize = 300;

type AnyError = Box<dyn std::error::Error>;

/// A network, and what its optimiser remembers.
type Run<T> = (Mlp<T>, OptimiserState<T>);

fn cross_entropy((mut model, images, labels): (Mlp<Var>, Var, Var)) -> Var {
    loss::cross_entropy(&model.forward(&images), &labels, loss::Reduction::Mean)
}

/// A step of one member, and the loss before it.
fn step(
    ((model, state), adam, (images, labels)): (Run<Var>, AdamW<Var>, (Var, Var)),
) -> Result<(Run<Var>, Var), CompilerError> {
    let (loss, gradients) = value_and_grad(cross_entropy).apply((model.clone(), images, labels))?;
    Ok((adam.update(&model, &gradients, &state), loss))
}

/// So many numbers from `low` to `high`, evenly spread in their logarithm.
fn logarithmic(low: f64, high: f64) -> Vec<f64> {
    (0..SIDE).map(|at| low * (high / low).powf(at as f64 / (SIDE - 1) as f64)).collect()
}

fn main() -> Result<(), AnyError> {
    let (rates, decays) = (logarithmic(1e-4, 1.0), logarithmic(1e-4, 10.0));
    let pairs = decays.iter().flat_map(|decay| rates.iter().map(move |rate| (*rate, *decay)));
    let optimisers: Vec<AdamW<Tensor>> =
        pairs.map(|(rate, decay)| AdamW::new(rate).weight_decay(decay)).collect();
    let model = Mlp::init(Key::new(0));
    let runs: Vec<Run<Tensor>> = optimisers.iter().map(|adam| (model.clone(), adam.init(&model))).collect();
    let (mut runs, optimisers) = (stack_members(&runs)?, stack_members(&optimisers)?);

    let (images, labels) = training_set()?;
    let batch = |(key, images, labels): (Var, Var, Var)| {
        let chosen = random::randint(&key, [BATCH], 0, images.size(0) as i32);
        (images.take_rows(&chosen), labels.take_rows(&chosen))
    };
    let (batch, train) = (jit(batch), vmap(step, (0, 0, None)).donate([0]));
    println!("{} perceptrons: {SIDE} learning rates times {SIDE} weight decays, {STEPS} steps", SIDE * SIDE);
    let began = Instant::now();
    let progress = Progress::new(STEPS, SIDE * SIDE);
    for at in 0..STEPS {
        let key: Tensor = Key::new(at as u64).into();
        let batch = batch.call((&key, &images, &labels))?;
        let losses;
        (runs, losses) = train.call((runs, &optimisers, batch))?;
        progress.step(&losses.to_f64_vec());
    }
    drop(progress);
    println!("{:.1} s", began.elapsed().as_secs_f64());

    let (images, labels) = test_set()?;
    let labels = Tensor::from_fn([labels.len()], |at| labels[at] as i32);
    let losses = vmap(cross_entropy, (0, None, None)).call((&runs.0, &images, &labels))?.to_f64_vec();
    show(&rates, &decays, &losses);
    let values: Vec<Vec<f64>> =
        losses.chunks(SIDE).map(|row| row.iter().map(|loss| -loss.ln()).collect()).collect();
    let axes =
        [Axis { name: "learning rate", values: &rates }, Axis { name: "weight decay", values: &decays }];
    let path = heat_map::draw(
        "hyperparameter_sweep",
        "How well each pair does: the negative logarithm of the test loss",
        axes,
        &values,
    )?;
    println!("heat map: {}", path.display());
    Ok(())
}

/// Prints the test losses, a row for each weight decay, and the best pair.
fn show(rates: &[f64], decays: &[f64], losses: &[f64]) {
    println!("test loss by weight decay (rows) and learning rate (columns):");
    println!("{:>9}{}", "", rates.iter().map(|rate| format!("{rate:>9.1e}")).collect::<String>());
    for (decay, row) in decays.iter().zip(losses.chunks(SIDE)) {
        println!("{decay:>9.1e}{}", row.iter().map(|loss| format!("{loss:>9.3}")).collect::<String>());
    }
    let best = (0..losses.len())
        .filter(|at| !losses[*at].is_nan())
        .min_by(|one, other| losses[*one].total_cmp(&losses[*other]));
    if let Some(best) = best {
        let (rate, decay) = (rates[best % SIDE], decays[best / SIDE]);
        println!("best: learning rate {rate:.1e}, weight decay {decay:.1e}, test loss {:.3}", losses[best]);
    }
}
