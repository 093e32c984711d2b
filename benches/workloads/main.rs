//! What programs take: ensembles and other programs of many members, one line of JSON for each.
//!
//! ```text
//! cargo bench --bench workloads                       # all of them
//! cargo bench --bench workloads -- --only W2,sort     # by names, or what names begin with before a `_`
//! cargo bench --bench workloads -- --sweep            # one layer over numbers of members, batches and widths
//! cargo bench --bench workloads -- --device cuda      # on a GPU, and larger ones, G1 to G4, as well
//! ```
//!
//! A line holds the median, the 10th and the 90th percentile of the time of a call in microseconds; `n`, how many
//! calls there were; arithmetic and traffic, each with its share of what this machine reached in the same run
//! (`peak` says how that is measured); memory; and how long tracing, mapping and compiling took. Results are
//! checked before they are timed: numbers have to be finite, and the first member has to have the bits that it
//! has alone.
//!
//! On a GPU, `median_us` is the time until the results have been read, `wall_us` that of a run that leaves them there, and
//! `device_us` that of each of many such runs in a row, by the GPU's clock; arithmetic and traffic are of `device_us`. What is
//! wrong with results stands in `faults`.
//!
//! | module | holds |
//! |---|---|
//! | `ensembles`, `training`, `steps` | W1 to W12: ensembles as people have them |
//! | `arithmetic`, `elements`, `algorithms` | products in all types, ops that move elements, algorithms |
//! | `sweeps` | one layer in all sizes |
//! | `large` | G1 to G4: ensembles of a GPU's size |
//! | `data` | numbers to run on |
//! | `prepared`, `measure`, `line` | compiling and checking, timing, what is printed of both |
//! | `peak`, `cards` | what the device can do |
//! | `arguments` | what is asked for |
//!
//! `../frameworks` has the same programs for JAX and PyTorch, and `../peers.py` runs them beside each other.

mod algorithms;
mod arguments;
mod arithmetic;
mod cards;
mod data;
mod elements;
mod ensembles;
mod large;
mod line;
mod measure;
mod peak;
mod prepared;
mod steps;
mod sweeps;
mod training;

use std::process::ExitCode;

use choral::{Device, Error, Pool};

use arguments::Arguments;
use line::line;
use peak::Peak;
use prepared::Uncompiled;

/// Makes a program; it and its numbers live until it has been timed.
type Make = Box<dyn Fn() -> Result<Uncompiled, Error>>;

/// One that is a function without captures.
type Maker = fn() -> Result<Uncompiled, Error>;

/// A program by name.
struct Workload {
    name: String,
    make: Make,
}

impl Workload {
    fn new(name: impl Into<String>, make: impl Fn() -> Result<Uncompiled, Error> + 'static) -> Workload {
        Workload { name: name.into(), make: Box::new(make) }
    }
}

/// Every workload, in the order in which they run.
fn workloads() -> Vec<Workload> {
    let ensembles: [(&str, Maker); 15] = [
        ("W1_seed_linear", ensembles::seed_linear),
        ("W2_mlp_shared", ensembles::mlp_shared),
        ("W2b_mlp_permember", ensembles::mlp_per_member),
        ("W3_rl_b1", ensembles::policies),
        ("W3b_rl_b32", ensembles::policies_in_batches),
        ("W4_mlp_big", ensembles::mlp_wide),
        ("W5_cnn", ensembles::cnn),
        ("W6_transformer", ensembles::transformer),
        ("W7_train_step", training::step),
        ("W8_per_sample_grad", training::per_sample),
        ("batch_grad", training::batch),
        ("W9_elementwise", steps::chain),
        ("W10_predictive", ensembles::predictive),
        ("W11_rollout", steps::rollout),
        ("W12_lstm", steps::lstm),
    ];
    let named = ensembles.map(|(name, make)| Workload::new(name, make));
    named
        .into_iter()
        .chain(arithmetic::workloads())
        .chain(elements::workloads())
        .chain(algorithms::workloads())
        .collect()
}

fn main() -> ExitCode {
    let outcome = Arguments::read(std::env::args().skip(1)).and_then(|arguments| {
        if arguments.threads > 0 {
            Pool::new(arguments.threads).make_global();
        }
        run(&arguments).map_err(|error| error.to_string())
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what is asked for; whether every check held.
fn run(arguments: &Arguments) -> Result<bool, Error> {
    let device = arguments.device;
    let mut all = if arguments.sweep { sweeps::workloads() } else { workloads() };
    if device != Device::Cpu || !arguments.only.is_empty() {
        all.extend(large::workloads());
    }
    let wanted: Vec<Workload> = all.into_iter().filter(|workload| arguments.wants(&workload.name)).collect();
    if wanted.is_empty() {
        eprintln!("no workload has one of these names: {}", arguments.only.join(", "));
        return Ok(false);
    }
    let peak = Peak::of(device, arguments.threads)?;
    println!(
        r#"{{"peak_gflops": {}, "peak_gb_per_s": {}, "threads": {}}}"#,
        line::number(peak.gflops, 1),
        line::number(peak.gb_per_second, 1),
        arguments.threads
    );
    let mut is_right = true;
    for workload in &wanted {
        let timed = (workload.make)().and_then(|made| made.on(device));
        let printed = timed.and_then(|prepared| {
            println!("{}", line(&workload.name, &prepared, &peak, arguments)?);
            Ok(prepared.faults)
        });
        let faults = printed.unwrap_or_else(|error| vec![error.to_string()]);
        is_right &= faults.is_empty();
        faults.iter().for_each(|fault| eprintln!("error: {}: {fault}", workload.name));
    }
    Ok(is_right)
}
