//! Parts of a graph that are linear in some of its inputs, told from the parts that are known without them.
//!
//! `jvp` makes ops that hold both: a loop that carries values and their tangents. [`split`] writes each as two ops,
//! one that is known and one that is linear; what the linear one reads of the known one are its
//! *residuals*. Must not live here: how each op is split ([`crate::transform::rules`]), and transposition.

use std::convert::Infallible;

use choral_ir::{BuildError, Builder, Graph, NodeId, NodeKind, Value, Values, interpret, interpret_all};

use crate::transform::rewrite;
use crate::transform::rules;

/// Which values of a graph depend on the inputs that `linear` names; every op of it is known or linear.
#[derive(Debug)]
pub(crate) struct Linearity {
    values: Values<bool>,
}

impl Linearity {
    pub(crate) fn of(graph: &Graph, linear: &[bool]) -> Linearity {
        let values = interpret_all(graph, linear.iter().copied(), |_, node, operands| {
            let is_linear = operands.into_iter().any(|linear| linear);
            Ok::<_, Infallible>(vec![is_linear; node.types.len()])
        });
        match values {
            Ok(values) => Linearity { values },
            Err(never) => match never {},
        }
    }

    /// Whether a value depends on a linear input.
    pub(crate) fn is_linear(&self, value: Value) -> bool {
        self.values.get(value)
    }

    /// Whether a node makes values that do.
    pub(crate) fn makes_linear(&self, graph: &Graph, id: NodeId) -> bool {
        !graph.node(id).types.is_empty() && self.is_linear(id.result(0))
    }
}

/// A graph of which every op is known or linear, inside of regions, too, and which of its outputs are linear.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) graph: Graph,
    pub(crate) outputs: Vec<bool>,
}

/// The graph with every op that holds known and linear parts as two ops.
pub(crate) fn split(graph: &Graph, linear: &[bool]) -> Result<Split, BuildError> {
    let mut builder = Builder::new(graph.name());
    let inputs = rewrite::copy_inputs(&mut builder, graph).into_iter().zip(linear.iter().copied());
    let outputs = interpret(graph, inputs, |_, node, operands| {
        builder.describe(Some(node.name.clone()), node.location.clone());
        let (values, linear): (Vec<Value>, Vec<bool>) = operands.into_iter().unzip();
        match &node.kind {
            NodeKind::Op(op) if linear.contains(&true) => rules::split(&mut builder, op, &values, &linear),
            NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => {
                Ok(builder.copy(node, &values)?.into_iter().map(|value| (value, false)).collect())
            }
        }
    })?;
    let (values, outputs): (Vec<Value>, Vec<bool>) = outputs.into_iter().unzip();
    Ok(Split { graph: rewrite::dead_code(&builder.finish(&values))?, outputs })
}
