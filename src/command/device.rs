//! From a program to something that runs.

use choral::ir::check::Program;
use choral::runtime::Executable;
use choral::transform::rewrite::counted_loops;
use choral::{Device, Setting};

use super::Error;

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
pub(super) fn compile(program: &Program, device: Device) -> Result<Executable, Error> {
    compile_with(program, device, &Setting::default())
}

/// As [`compile`], for these threads and this instruction set.
pub(super) fn compile_with(
    program: &Program,
    device: Device,
    setting: &Setting,
) -> Result<Executable, Error> {
    Ok(choral::compile_with(&program.graph, device, setting)?)
}
