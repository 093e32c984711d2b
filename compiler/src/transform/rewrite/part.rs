//! A part of a graph as a graph of its own.

use std::collections::HashMap;

use choral_ir::{BuildError, Builder, Graph, NodeId, TypeError, Value, interpret_all};

use super::input_like;

/// The nodes that `keep` takes, as a graph that returns `outputs`. Its inputs are the graph's own that
/// are kept, then one for each value in `given`, which stands for it.
///
/// # Errors
/// If an output depends on a node that is neither kept nor given.
pub(crate) fn part(
    graph: &Graph,
    given: &[Value],
    keep: impl Fn(NodeId) -> bool,
    outputs: &[Value],
) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let is_own = |value: &Value| keep(value.node());
    let own = graph.inputs().iter().map(|port| port.value).filter(is_own);
    let known: HashMap<Value, Value> = own
        .chain(given.iter().copied())
        .map(|value| (value, input_like(&mut builder, graph, value)))
        .collect();
    let inputs = graph.inputs().iter().map(|port| known.get(&port.value).copied());
    let values = interpret_all(graph, inputs, |id, node, operands| {
        // A node that is left out stands for nothing, and so does every reader of it.
        let operands: Option<Vec<Value>> = operands.into_iter().collect();
        let copies = match operands.filter(|_| keep(id)) {
            Some(operands) => builder.copy(node, &operands)?.into_iter().map(Some).collect(),
            None => vec![None; node.types.len()],
        };
        let given_or =
            |(result, copy): (usize, Option<Value>)| known.get(&id.result(result)).copied().or(copy);
        Ok::<_, BuildError>(copies.into_iter().enumerate().map(given_or).collect())
    })?;
    let there = |&value: &Value| values.get(value).ok_or_else(|| left_out(graph, value));
    let outputs: Vec<Value> = outputs.iter().map(there).collect::<Result<_, _>>()?;
    Ok(builder.finish(&outputs))
}

fn left_out(graph: &Graph, value: Value) -> BuildError {
    let node = graph.node(value.node());
    let message =
        "the value was left out of a part of the program that needs it; please report this".to_owned();
    BuildError {
        op: "part",
        operands: vec![(node.name.clone(), graph.ty(value).clone())],
        cause: TypeError { message, constraint: "internal" },
        location: node.location.clone(),
    }
}
