//! Parts of a graph that are linear in some of its inputs, told from the parts that are known without them.
//!
//! `jvp` makes ops that hold both: a loop that carries values and their tangents. [`split`] writes each as two ops,
//! one that is known and one that is linear; what the linear one reads of the known one are its
//! *residuals*. Must not live here: how each op is split ([`crate::transform::rules`]), and transposition.

use choral_ir::{BuildError, Graph, NodeKind, interpret_all};

/// Which values of a graph depend on the inputs that `linear` names.
#[derive(Debug)]
pub(crate) struct Linearity {
    values: choral_ir::Values<bool>,
}

impl Linearity {
    pub(crate) fn of(graph: &Graph, linear: &[bool]) -> Linearity {
        let values = interpret_all(graph, linear.iter().copied(), |_, node, operands| {
            let is_linear = operands.into_iter().any(|linear| linear);
            Ok::<_, std::convert::Infallible>(vec![is_linear; node.types.len()])
        });
        match values {
            Ok(values) => Linearity { values },
            Err(never) => match never {},
        }
    }

    /// Whether a value depends on a linear input.
    pub(crate) fn is_linear(&self, value: choral_ir::Value) -> bool {
        self.values.get(value)
    }
}

/// The graph with every op that holds known and linear parts as two ops, inside of regions, too.
pub(crate) fn split(graph: &Graph, linear: &[bool]) -> Result<Graph, BuildError> {
    let mut builder = choral_ir::Builder::new(graph.name());
    let inputs = crate::transform::rewrite::copy_inputs(&mut builder, graph);
    let inputs = inputs.into_iter().zip(linear.iter().copied());
    let outputs = choral_ir::interpret(graph, inputs, |_, node, operands| {
        builder.describe(Some(node.name.clone()), node.location.clone());
        let (values, linear): (Vec<_>, Vec<_>) = operands.into_iter().unzip();
        let is_linear = linear.contains(&true);
        match &node.kind {
            NodeKind::Op(op) if is_linear => {
                crate::transform::rules::split(&mut builder, op, &values, &linear)
            }
            NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => {
                Ok(builder.copy(node, &values)?.into_iter().map(|value| (value, false)).collect())
            }
        }
    })?;
    let outputs: Vec<_> = outputs.into_iter().map(|(value, _)| value).collect();
    Ok(builder.finish(&outputs))
}
