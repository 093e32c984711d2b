//! The interpreter: the oracle that every other device is compared with.

use choral_ir::graph::Value;
use choral_ir::{Graph, NodeKind, Tensor, TensorType};

use crate::error::Error;
use crate::ops;
use crate::plan::memory::of_interpreter;

/// The outputs of a graph on these inputs, one op at a time.
///
/// ```
/// use choral_ir::{Builder, DType, Tensor, TensorType, op::Unary};
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([2], DType::F32));
/// let y = builder.unary(Unary::Negate, x)?;
/// let results = choral_runtime::evaluate(&builder.finish(&[y]), &[Tensor::from([1.0f32, -2.0])])?;
/// assert_eq!(results[0].as_slice::<f32>()?, [-1.0, 2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the inputs are not of the graph's number and types, or if memory runs out.
pub fn evaluate(graph: &Graph, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
    check_inputs(graph, inputs)?;
    let peak = of_interpreter(graph).with_what_the_allocator_keeps();
    peak.check()?;
    peak.ask(&graph.input_types())?;
    interpret(graph, inputs)
}

/// As [`evaluate`], on inputs that fit and in memory that is there.
///
/// # Errors
/// Those of user-defined ops; the one of a tensor that does not hold what its type says.
pub(crate) fn interpret(graph: &Graph, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
    let mut values: Vec<Vec<Tensor>> = Vec::with_capacity(graph.len());
    let mut inputs = inputs.iter();
    for (id, node) in graph.nodes() {
        let results = match &node.kind {
            NodeKind::Input => vec![inputs.next().ok_or_else(|| missing(&node.name))?.clone()],
            NodeKind::Constant(tensor) => vec![filled(tensor, &node.types[0])?],
            NodeKind::Op(op) => {
                let operands: Vec<&Tensor> = graph
                    .operands(id)
                    .iter()
                    .map(|value| &values[value.node().index()][value.result()])
                    .collect();
                ops::evaluate(op, &operands, &node.types)?
            }
        };
        if results.len() != node.types.len() {
            return Err(missing(&node.name));
        }
        values.push(results);
    }
    let output = |value: Value| values[value.node().index()][value.result()].clone();
    Ok(graph.outputs().iter().map(|port| output(port.value)).collect())
}

fn missing(name: &str) -> Error {
    Error::internal(name, "a value was not made")
}

/// A constant at its full type: a scalar under a larger type fills it.
pub(crate) fn filled(tensor: &Tensor, ty: &TensorType) -> Result<Tensor, Error> {
    if tensor.ty() == ty { Ok(tensor.clone()) } else { ops::shape::fill(tensor, &ty.shape) }
}

pub(crate) fn check_inputs(graph: &Graph, inputs: &[Tensor]) -> Result<(), Error> {
    let ports = graph.inputs();
    let name = |value: Value| graph.node(value.node()).name.clone();
    if ports.len() != inputs.len() {
        let names = ports.iter().map(|port| name(port.value)).collect::<Vec<_>>().join(", ");
        return Err(Error::InputCount { expected: ports.len(), names, got: inputs.len() });
    }
    for (position, (port, input)) in ports.iter().zip(inputs).enumerate() {
        let expected = graph.ty(port.value);
        if expected != input.ty() {
            let (expected, got) = (expected.clone(), input.ty().clone());
            return Err(Error::InputType { position, name: name(port.value), expected, got });
        }
    }
    Ok(())
}
