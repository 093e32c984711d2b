//! Regions with other inputs, and the canonical form of branches.
//!
//! Branches (`if`, `case`) take operands, but StableHLO text lets them read the values around them
//! by name. So that text and graph agree, a graph holds branches in one canonical form:
//! operands in order of creation, each once, each read by some branch, and no single-element
//! constants, which stand inside. The builder brings them into this form.

use std::collections::HashSet;
use std::sync::Arc;

use crate::graph::{NodeKind, Value};
use crate::op::{Case, ControlOp, If};
use crate::{BuildError, Builder, Graph, Op, Tensor, TensorType};

/// Where an input of a region gets its value once the region's inputs are others.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    /// The new input of this number.
    Input(usize),
    /// This constant, which the region makes itself.
    Constant(Tensor, TensorType),
}

/// The region on inputs of these names and types; `given` says what each old input reads. The
/// outputs are the old ones, then the new inputs whose numbers are in `handed_on`.
pub(crate) fn with_inputs(
    region: &Graph,
    inputs: &[(String, TensorType)],
    given: &[Given],
    handed_on: impl Iterator<Item = usize>,
) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(region.name());
    let fresh: Vec<Value> = inputs.iter().map(|(name, ty)| builder.input(name.clone(), ty.clone())).collect();
    let values: Vec<Value> = given
        .iter()
        .map(|given| match given {
            Given::Input(number) => fresh[*number],
            Given::Constant(tensor, ty) => builder.literal(tensor.clone(), ty.clone()),
        })
        .collect();
    let mut outputs = builder.inline(region, &values)?;
    outputs.extend(handed_on.map(|number| fresh[number]));
    Ok(builder.finish(&outputs))
}

/// A branching op in canonical form: see the module's documentation.
///
/// # Errors
/// Only for branches that do not fit themselves.
pub(crate) fn canonical(graph: &Graph, op: Op, operands: &[Value]) -> Result<(Op, Vec<Value>), BuildError> {
    let branches = match &op {
        Op::Control(ControlOp::If(If { true_branch, false_branch })) => {
            vec![true_branch.clone(), false_branch.clone()]
        }
        Op::Control(ControlOp::Case(Case { branches })) => branches.clone(),
        _ => return Ok((op, operands.to_vec())),
    };
    let Some((index, captured)) = operands.split_first() else { return Ok((op, operands.to_vec())) };
    // What does not fit is for the type rule to refuse.
    let takes = |branch: &Arc<Graph>| captured.iter().map(|&value| graph.ty(value)).eq(&branch.input_types());
    if !branches.iter().all(takes) {
        return Ok((op, operands.to_vec()));
    }
    let read: Vec<HashSet<Value>> = branches.iter().map(|branch| values_read(branch)).collect();
    let is_read = |at: usize| {
        branches.iter().zip(&read).any(|(branch, read)| read.contains(&branch.inputs()[at].value))
    };
    let stays = |(at, value): &(usize, &Value)| is_read(*at) && constant(graph, **value).is_none();
    let mut kept: Vec<Value> = captured.iter().enumerate().filter(stays).map(|(_, value)| *value).collect();
    kept.sort_unstable();
    kept.dedup();
    if kept == captured {
        return Ok((op, operands.to_vec()));
    }
    let given: Vec<Given> = captured.iter().map(|&value| source(graph, value, &kept)).collect();
    let inputs: Vec<(String, TensorType)> =
        kept.iter().map(|&value| (graph.node(value.node()).name.clone(), graph.ty(value).clone())).collect();
    let rebuild =
        |branch: &Arc<Graph>| with_inputs(branch, &inputs, &given, std::iter::empty()).map(Arc::new);
    let rebuilt: Vec<Arc<Graph>> = branches.iter().map(rebuild).collect::<Result<_, _>>()?;
    let op = match rebuilt.as_slice() {
        [true_branch, false_branch] if matches!(op, Op::Control(ControlOp::If(_))) => {
            If { true_branch: true_branch.clone(), false_branch: false_branch.clone() }.into()
        }
        _ => Case { branches: rebuilt }.into(),
    };
    Ok((op, [vec![*index], kept].concat()))
}

/// Every value that a region's ops read or that it returns.
fn values_read(region: &Graph) -> HashSet<Value> {
    let returned = region.outputs().iter().map(|port| port.value);
    region.nodes().flat_map(|(id, _)| region.operands(id)).chain(returned).collect()
}

/// The value, if it is a constant of a single stored element.
pub(crate) fn constant(graph: &Graph, value: Value) -> Option<(&Tensor, &TensorType)> {
    let node = graph.node(value.node());
    match &node.kind {
        NodeKind::Constant(tensor) if tensor.len() == 1 => Some((tensor, &node.types[0])),
        NodeKind::Constant(_) | NodeKind::Input | NodeKind::Op(_) => None,
    }
}

fn source(graph: &Graph, value: Value, kept: &[Value]) -> Given {
    match (constant(graph, value), kept.iter().position(|&other| other == value)) {
        (Some((tensor, ty)), _) => Given::Constant(tensor.clone(), ty.clone()),
        (None, Some(number)) => Given::Input(number),
        // Read by no branch: any value of the type will do.
        (None, None) => {
            let ty = graph.ty(value).clone();
            Given::Constant(Tensor::zeros(TensorType::scalar(ty.dtype)), ty)
        }
    }
}
