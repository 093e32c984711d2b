//! From a program to something that runs, and where it may.
//!
//! Must not live here: what a subcommand does with it.

use choral::ir::check::Program;
use choral::runtime::Executable;
use choral::transform::rewrite::counted_loops;
use std::io::{self, Write};

use choral::runtime::cuda::Gpu;
use choral::{Device, Level, Pool, Setting};

use super::{Error, Outcome};

/// The program whose loops that count are scans, before it is mapped: over members, a counter may meet slices
/// along several dimensions, and a scan walks along one. The reference runs a program as it is.
pub(super) fn prepared(program: Program, device: Device) -> Result<Program, Error> {
    match device {
        Device::Reference => Ok(program),
        Device::Cpu | Device::Cuda(_) => with_scans(program),
    }
}

pub(super) fn with_scans(program: Program) -> Result<Program, Error> {
    let graph = counted_loops(&program.graph).map_err(|error| Error::message(error.to_string()))?;
    Ok(Program { graph, ..program })
}

/// Compiles a program; fails if the machine lacks the memory that a run needs.
pub(super) fn compile(program: &Program, device: Device, setting: &Setting) -> Result<Executable, Error> {
    Ok(choral::compile_with(&program.graph, device, setting)?)
}

/// Writes a line for each device; where there is no GPU, why.
pub(super) fn list() -> Result<Outcome, Error> {
    let mut out = io::stdout();
    writeln!(out, "cpu: {} threads, {:?}", Pool::global().threads(), Level::best())?;
    match Gpu::count() {
        Ok(0) => writeln!(out, "no GPU: the driver sees none")?,
        Err(error) => writeln!(out, "no GPU: {error}")?,
        Ok(count) => (0..count).try_for_each(|ordinal| writeln!(out, "{}", gpu(ordinal)))?,
    }
    Ok(Outcome::Fine)
}

fn gpu(ordinal: usize) -> String {
    let described = Gpu::open(ordinal).and_then(|gpu| {
        let ((major, minor), (free, all)) = (gpu.capability(), gpu.memory()?);
        let gigabytes = |bytes: usize| bytes as f64 / f64::from(1 << 30);
        Ok(format!(
            "{}, compute capability {major}.{minor}, {} multiprocessors, {:.1} of {:.1} GiB free",
            gpu.name(),
            gpu.multiprocessors(),
            gigabytes(free),
            gigabytes(all)
        ))
    });
    format!("cuda:{ordinal}: {}", described.unwrap_or_else(|error| error.to_string()))
}
