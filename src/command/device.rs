//! From a program to something that runs.

use choral::ir::check::Program;
use choral::runtime::Executable;

use super::Error;
use super::arguments::Device;

/// Compiles a program; fails if the machine lacks the memory that a run needs.
pub(super) fn compile(program: &Program, device: Device) -> Result<Executable, Error> {
    let device = match device {
        Device::Reference => choral::Device::Reference,
        Device::Cpu => choral::Device::Cpu,
    };
    Ok(choral::compile(&program.graph, device)?)
}
