//! The interpreter: the oracle that every other device is compared with.

use choral_ir::graph::Value;
use choral_ir::{Graph, NodeKind, Op, Tensor, TensorType};

use crate::error::Error;
use crate::memory::of_interpreter;
use crate::ops::shape::filled;
use crate::ops::{self, bodies};

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
    if let Some(port) = graph.inputs().get(inputs.len()) {
        return Err(missing(&graph.node(port.value.node()).name));
    }
    choral_ir::interpret(graph, inputs.iter().cloned(), |_, node, operands| {
        let results = match &node.kind {
            NodeKind::Input => Vec::new(),
            NodeKind::Constant(tensor) => vec![filled(tensor, &node.types[0])?],
            NodeKind::Op(op) => run(op, operands, &node.types)?,
        };
        if results.len() == node.types.len() { Ok(results) } else { Err(missing(&node.name)) }
    })
}

/// The results of one op by its definition, its bodies interpreted as well.
fn run(op: &Op, operands: Vec<Tensor>, types: &[TensorType]) -> Result<Vec<Tensor>, Error> {
    let wide = op.accumulating();
    let bodies = bodies(wide.as_ref().unwrap_or(op));
    let run = |body: usize, inputs: &[Tensor]| interpret(bodies[body], inputs);
    match &wide {
        Some(wide) => ops::accumulate(wide, &operands, types, &run),
        None => ops::evaluate(op, operands, types, &run),
    }
}

fn missing(name: &str) -> Error {
    Error::internal(name, "a value was not made")
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
