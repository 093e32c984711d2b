//! From a graph to what runs it: the compiler's optimiser, handed the runtime to work out constants with,
//! then the runtime.
//!
//! Must not live here: where graphs come from ([`crate::Program`], [`crate::Ensemble`], files).

use std::borrow::Cow;

use choral_compiler::transform::rewrite::{Rewrites, optimise};
use choral_ir::{Graph, Tensor};
use choral_runtime::{Device, Executable, Setting};

use crate::error::{CompilerError, Error};

/// The graph that does the same, to the bit, in fewer and cheaper ops, and which rewrites made it.
///
/// ```
/// let graph = choral::Graph::parse("
///     func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
///       %two = stablehlo.constant dense<2.0> : tensor<3xf32>
///       %four = stablehlo.multiply %two, %two : tensor<3xf32>
///       %y = stablehlo.divide %x, %four : tensor<3xf32>
///       return %y : tensor<3xf32>
///     }")?;
/// let (optimised, rewrites) = choral::optimised(&graph)?;
/// assert!(optimised.to_text().contains("dense<0.25>"));
/// assert_eq!(rewrites.count("divide_by_power_of_two"), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Never for a verified graph.
pub fn optimised(graph: &Graph) -> Result<(Graph, Rewrites), Error> {
    Ok(optimise(graph, Some(worked_out)).map_err(CompilerError::from)?)
}

/// Optimises a verified graph and prepares it for a device. The reference runs it op by op as it is.
///
/// ```
/// use choral::{Device, Graph, Tensor};
/// let graph = Graph::parse("
///     func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
///       %y = stablehlo.add %x, %x : tensor<2xf32>
///       return %y : tensor<2xf32>
///     }")?;
/// let executable = choral::compile(&graph, Device::Cpu)?;
/// assert_eq!(executable.run(&[Tensor::from([1.0f32, 2.0])])?[0].as_slice::<f32>()?, [2.0, 4.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If a collective is left, whose axis no `vmap` bound; if a run takes more memory than the machine has.
pub fn compile(graph: &Graph, device: Device) -> Result<Executable, Error> {
    compile_with(graph, device, &Setting::default())
}

/// As [`compile`], for these threads, this instruction set and this precision instead of all threads, the best and
/// [`Precision::Exact`](choral_runtime::Precision::Exact).
///
/// ```
/// use choral::{Device, Graph, Pool, Setting};
/// let graph = Graph::parse("
///     func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
///       %y = stablehlo.add %x, %x : tensor<2xf32>
///       return %y : tensor<2xf32>
///     }")?;
/// let one_thread = Setting::default().on(&Pool::new(1));
/// let executable = choral::compile_with(&graph, Device::Cpu, &one_thread)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`compile`].
pub fn compile_with(graph: &Graph, device: Device, setting: &Setting) -> Result<Executable, Error> {
    Ok(Executable::compile_with(&*for_device(graph, device)?, device, setting)?)
}

/// Bytes that a run of a graph takes on a device once it is compiled.
pub(crate) fn peak_bytes(graph: &Graph, device: Device) -> usize {
    let graph = for_device(graph, device).unwrap_or(Cow::Borrowed(graph));
    choral_runtime::peak_bytes(&graph, device)
}

fn for_device(graph: &Graph, device: Device) -> Result<Cow<'_, Graph>, Error> {
    match device {
        Device::Reference => Ok(Cow::Borrowed(graph)),
        Device::Cpu | Device::Cuda(_) => Ok(Cow::Owned(optimised(graph)?.0)),
    }
}

/// The outputs of a graph without inputs; `None` where the run would fail, too.
fn worked_out(graph: &Graph) -> Option<Vec<Tensor>> {
    choral_runtime::evaluate(graph, &[]).ok()
}
