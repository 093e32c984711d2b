//! The interpreter: the oracle that every other device is compared with.

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

/// Fails if these are not the inputs of a graph.
pub(crate) fn check_inputs(graph: &Graph, inputs: &[Tensor]) -> Result<(), Error> {
    check_input_types(graph, inputs.iter().map(Tensor::ty))
}

/// Fails if these are not the types of a graph's inputs.
pub(crate) fn check_input_types<'a>(
    graph: &Graph,
    types: impl ExactSizeIterator<Item = &'a TensorType>,
) -> Result<(), Error> {
    if graph.inputs().len() != types.len() {
        return Err(input_count(graph, |_| true, types.len()));
    }
    types.enumerate().try_for_each(|(position, got)| check_input_type(graph, position, got))
}

/// Fails if a graph has no such input, or one of another type.
pub(crate) fn check_input(graph: &Graph, position: usize, input: &Tensor) -> Result<(), Error> {
    check_input_type(graph, position, input.ty())
}

fn check_input_type(graph: &Graph, position: usize, got: &TensorType) -> Result<(), Error> {
    let Some(port) = graph.inputs().get(position) else {
        return Err(input_count(graph, |_| true, position + 1));
    };
    let expected = graph.ty(port.value);
    if expected == got {
        return Ok(());
    }
    let name = graph.node(port.value.node()).name.clone();
    Err(Error::InputType { position, name, expected: expected.clone(), got: got.clone() })
}

/// The error that so many tensors are given for those inputs that are wanted.
pub(crate) fn input_count(graph: &Graph, is_wanted: impl Fn(usize) -> bool, got: usize) -> Error {
    let wanted = graph.inputs().iter().enumerate().filter(|(position, _)| is_wanted(*position));
    let names: Vec<&str> = wanted.map(|(_, port)| graph.node(port.value.node()).name.as_str()).collect();
    Error::InputCount { expected: names.len(), names: names.join(", "), got }
}
