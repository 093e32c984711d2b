//! Compiled graphs.

use choral_ir::{Graph, NodeKind, Op, Tensor, TensorType};

use crate::device::Device;
use crate::error::Error;
use crate::ops;
use crate::plan::{Plan, memory};
use crate::reference::{check_inputs, evaluate};

/// A graph made ready for a device. It may be shared by threads, each running it at the same time.
///
/// ```
/// use choral_ir::{Builder, DType, Tensor, TensorType, op::Binary};
/// use choral_runtime::{Device, Executable};
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([2], DType::F32));
/// let sum = builder.binary(Binary::Add, x, x)?;
/// let executable = Executable::compile(&builder.finish(&[sum]), Device::Cpu)?;
/// let results = executable.run(&[Tensor::from([1.0f32, 2.0])])?;
/// assert_eq!(results[0].as_slice::<f32>()?, [2.0, 4.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Executable {
    graph: Graph,
    /// `None` on the reference device, which walks the graph itself.
    plan: Option<Plan>,
}

impl Executable {
    /// Prepares a verified graph.
    ///
    /// # Errors
    /// If an op between members is left, whose axis no `vmap` bound; if a value is larger than memory
    /// can address.
    pub fn compile(graph: &Graph, device: Device) -> Result<Executable, Error> {
        check_axes(graph)?;
        check_sizes(graph)?;
        let plan = match device {
            Device::Reference => None,
            Device::Cpu => Some(Plan::of(graph)),
        };
        Ok(Executable { graph: graph.clone(), plan })
    }

    /// The graph that it runs.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Bytes of inputs, constants and intermediate values at the fullest moment of a run, as planned;
    /// what a kernel needs for itself is not counted.
    pub fn peak_bytes(&self) -> usize {
        match &self.plan {
            Some(plan) => plan.peak_bytes(&self.graph.input_types()),
            None => memory::of_all_values(&self.graph),
        }
    }

    /// The graph's outputs on these inputs.
    ///
    /// # Errors
    /// If the inputs are not of the graph's number and types.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        match &self.plan {
            Some(plan) => {
                check_inputs(&self.graph, inputs)?;
                plan.run(inputs)
            }
            None => evaluate(&self.graph, inputs),
        }
    }
}

/// Fails if a value is larger than memory can address.
fn check_sizes(graph: &Graph) -> Result<(), Error> {
    for (_, node) in graph.nodes() {
        let bytes = |ty: &TensorType| ty.len().saturating_mul(ty.dtype.bytes());
        if let Some(ty) = node.types.iter().find(|ty| bytes(ty) > isize::MAX as usize) {
            return Err(Error::TooLarge { name: node.name.clone(), ty: ty.clone() });
        }
        if let NodeKind::Op(op) = &node.kind {
            op.regions().into_iter().try_for_each(check_sizes)?;
        }
    }
    Ok(())
}

/// Fails if an op between members is left.
fn check_axes(graph: &Graph) -> Result<(), Error> {
    for (_, node) in graph.nodes() {
        let NodeKind::Op(op) = &node.kind else { continue };
        if let Op::Collective(op) = op {
            return ops::collective::evaluate(op);
        }
        op.regions().into_iter().try_for_each(check_axes)?;
    }
    Ok(())
}
