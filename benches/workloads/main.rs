//! What programs take: ensembles and other programs of many members, one line of JSON for each.
//!
//! ```text
//! cargo bench --bench workloads                       # all of them
//! cargo bench --bench workloads -- --only W2,sort     # by names, or what names begin with before a `_`
//! cargo bench --bench workloads -- --sweep            # one layer over numbers of members, batches and widths
//! ```
//!
//! A line holds the median, the 10th and the 90th percentile of the time of a call in microseconds; `n`, how many
//! calls there were; arithmetic and traffic, each with its share of what this machine reached in the same run
//! (`peak` says how that is measured); memory; and how long tracing, mapping and compiling took. Results are
//! checked before they are timed: numbers have to be finite, and the first member has to have the bits that it
//! has alone.
//!
//! | module | holds |
//! |---|---|
//! | `ensembles`, `training`, `steps` | W1 to W12: ensembles as people have them |
//! | `arithmetic`, `elements`, `algorithms` | products in all types, ops that move elements, algorithms |
//! | `sweeps` | one layer in all sizes |
//! | `data` | numbers to run on |
//! | `prepared`, `measure`, `peak` | compiling and checking, timing, what the machine can do |
//! | `arguments` | what is asked for |
//!
//! `../frameworks` has the same programs for JAX and PyTorch, and `../peers.py` runs them beside each other.

mod algorithms;
mod arguments;
mod arithmetic;
mod data;
mod elements;
mod ensembles;
mod measure;
mod peak;
mod prepared;
mod steps;
mod sweeps;
mod training;

use std::process::ExitCode;
use std::time::Duration;

use choral::{Error, Pool};

use arguments::Arguments;
use measure::Times;
use peak::Peak;
use prepared::{Costs, Prepared};

/// Makes a program; it and its numbers live until it has been timed.
type Make = Box<dyn Fn() -> Result<Prepared, Error>>;

/// One that is a function without captures.
type Maker = fn() -> Result<Prepared, Error>;

/// A program by name.
struct Workload {
    name: String,
    make: Make,
}

impl Workload {
    fn new(name: impl Into<String>, make: impl Fn() -> Result<Prepared, Error> + 'static) -> Workload {
        Workload { name: name.into(), make: Box::new(make) }
    }
}

/// Every workload, in the order in which they run.
fn workloads() -> Vec<Workload> {
    let ensembles: [(&str, Maker); 14] = [
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
    let all = if arguments.sweep { sweeps::workloads() } else { workloads() };
    let wanted: Vec<Workload> = all.into_iter().filter(|workload| arguments.wants(&workload.name)).collect();
    if wanted.is_empty() {
        eprintln!("no workload has one of these names: {}", arguments.only.join(", "));
        return Ok(false);
    }
    let peak = Peak::measured(arguments.threads)?;
    println!(
        r#"{{"peak_gflops": {:.1}, "peak_gb_per_s": {:.1}, "threads": {}}}"#,
        peak.gflops, peak.gb_per_second, arguments.threads
    );
    let mut is_right = true;
    for workload in &wanted {
        match timed(workload, arguments.length) {
            Ok((costs, times)) => {
                println!("{}", line(&workload.name, &costs, &times, &peak, arguments.threads))
            }
            Err(error) => {
                eprintln!("error: {}: {error}", workload.name);
                is_right = false;
            }
        }
    }
    Ok(is_right)
}

/// What a workload costs, and how long its calls take.
fn timed(workload: &Workload, length: Duration) -> Result<(Costs, Times), Error> {
    let prepared = (workload.make)()?;
    let times = Times::of(&prepared, length)?;
    Ok((prepared.costs, times))
}

/// The line of a workload.
fn line(name: &str, costs: &Costs, times: &Times, peak: &Peak, threads: usize) -> String {
    let median = times.quantile(0.5);
    let (gflops, traffic) = (costs.flops as f64 / median / 1e3, costs.bytes as f64 / median / 1e3);
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let fields = [
        format!(r#""workload": "{name}", "framework": "choral", "mode": "vmap", "threads": {threads}"#),
        format!(
            r#""median_us": {median:.1}, "p10": {:.1}, "p90": {:.1}"#,
            times.quantile(0.1),
            times.quantile(0.9)
        ),
        format!(r#""n": {}"#, times.count()),
        format!(r#""gflops": {gflops:.1}, "of_peak": {:.3}"#, gflops / peak.gflops),
        format!(r#""gb_per_s": {traffic:.1}, "of_bandwidth": {:.3}"#, traffic / peak.gb_per_second),
        format!(r#""peak_bytes": {}"#, costs.peak_bytes),
        format!(
            r#""trace_ms": {:.2}, "vmap_ms": {:.2}"#,
            milliseconds(costs.trace),
            milliseconds(costs.vmap)
        ),
        format!(r#""compile_ms": {:.2}"#, milliseconds(costs.compile)),
    ];
    format!("{{{}}}", fields.join(", "))
}
