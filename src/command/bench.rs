//! `choral bench`: how long a program takes, and what it needs.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use choral::ir::check::Program;
use choral::ir::cost;
use choral::runtime::Executable;
use choral::{Device, Pool, Setting, Tensor};
use serde::Serialize;

use super::arguments::Bench;
use super::mapping::Mapping;
use super::program::Source;
use super::{Error, Outcome, complain, device, inputs};

/// The least number of timed runs.
const RUNS: usize = 3;

/// The line that is printed; times are of one run.
#[derive(Debug, Serialize)]
struct Report {
    median_us: f64,
    p10: f64,
    p90: f64,
    runs: usize,
    flops: u64,
    peak_bytes: usize,
    compile_ms: f64,
    device: String,
    precision: String,
    threads: usize,
}

/// Compiles a program once, and runs it again and again.
pub(super) fn bench(arguments: &Bench) -> Result<Outcome, Error> {
    let pool = arguments.threads.map_or_else(|| Pool::global().clone(), |threads| Pool::new(threads.into()));
    let (program, given) = prepare(arguments)?;
    let start = Instant::now();
    let setting = Setting::default().on(&pool).precision(arguments.products.precision);
    let executable = device::compile(&program, arguments.device, &setting)?;
    let compile_ms = start.elapsed().as_micros() as f64 / 1e3;
    let given = match given {
        Some(given) => given,
        None => inputs::random(&program.graph.input_types())?,
    };
    let times = times(&executable, &given, arguments.seconds)?;
    let report = Report {
        median_us: quantile(&times, 0.5),
        p10: quantile(&times, 0.1),
        p90: quantile(&times, 0.9),
        runs: times.len(),
        flops: cost::flops(executable.graph()),
        peak_bytes: executable.peak_bytes(),
        compile_ms,
        device: arguments.device.to_string(),
        precision: arguments.products.precision.to_string(),
        threads: match arguments.device {
            Device::Reference | Device::Cuda(_) => 1,
            Device::Cpu => pool.threads(),
        },
    };
    let line = serde_json::to_string(&report).map_err(|error| Error::message(error.to_string()))?;
    writeln!(io::stdout(), "{line}")?;
    Ok(Outcome::Fine)
}

/// The transformed program, and its arguments if a file gives them.
fn prepare(arguments: &Bench) -> Result<(Program, Option<Vec<Tensor>>), Error> {
    let program = Source::open(&arguments.program)?.only("bench")?;
    let mut mapping = Mapping::of(&arguments.transforms, &program.graph)?;
    let given = arguments.inputs.as_ref().map(|path| inputs::read(path, &mapping.arguments)).transpose()?;
    mapping.learn(given.as_deref().unwrap_or_default())?;
    if let Some(size) = mapping.assume() {
        let note = format!("the number of members is not given; timing {size} (set it with --axis-size N)");
        complain("note", &note);
    }
    Ok((mapping.apply(device::prepared(program, arguments.device)?)?, given))
}

/// Microseconds of each run after the first, in ascending order.
fn times(executable: &Executable, given: &[Tensor], seconds: Duration) -> Result<Vec<f64>, Error> {
    executable.run(given).map_err(choral::Error::from)?;
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < RUNS || start.elapsed() < seconds {
        let before = Instant::now();
        let results = executable.run(given).map_err(choral::Error::from)?;
        times.push(before.elapsed().as_nanos() as f64 / 1e3);
        drop(results);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// The value that this share of the times lies below; of ascending times.
fn quantile(times: &[f64], share: f64) -> f64 {
    let place = (share * times.len().saturating_sub(1) as f64).round() as usize;
    times.get(place).copied().unwrap_or_default()
}
