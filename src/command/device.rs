//! From a program to something that runs.

use choral::ir::check::Program;
use choral::runtime::Executable;

use super::Error;
use super::arguments::Device;

/// Compiles a program; fails if the machine has not the memory that a run needs.
pub(super) fn compile(program: &Program, device: Device) -> Result<Executable, Error> {
    let device = match device {
        Device::Reference => choral::Device::Reference,
        Device::Cpu => choral::Device::Cpu,
    };
    let executable = Executable::compile(&program.graph, device).map_err(choral::Error::from)?;
    let bytes = executable.peak_bytes();
    // Asking for all of it at once tells whether there is as much; nothing is touched.
    let fits = Vec::<u8>::new().try_reserve_exact(bytes);
    fits.map_err(|_| {
        Error::message(format!("the program needs {bytes} bytes of memory, more than there are"))
    })?;
    Ok(executable)
}
