//! Regions with other inputs, and the canonical form of what branches and scans read from outside.
//!
//! Branches (`if`, `case`) take operands, and a `scan` constants, but StableHLO text lets them read the
//! values around them by name. So that text and graph agree, a graph holds such operands in
//! canonical form: in order of creation, each once, each read by some region, and no single-element
//! constants, which stand inside. The builder brings them into this form, for which their graphs are
//! built anew: it and this file know each other.

use std::collections::HashSet;

use crate::graph::{NodeKind, Value};
use crate::op::{ControlOp, Scan};
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

/// A branch or a scan in canonical form: see the module's documentation.
///
/// # Errors
/// Only for regions that do not fit themselves.
pub(crate) fn canonical(graph: &Graph, op: Op, operands: &[Value]) -> Result<(Op, Vec<Value>), BuildError> {
    let Some(Own { operands: own, arguments }) = own(&op).filter(|own| own.operands <= operands.len()) else {
        return Ok((op, operands.to_vec()));
    };
    let (own, captured) = operands.split_at(own);
    // What does not fit is for the type rule to refuse.
    let fits = |region: &Graph| {
        let types = region.input_types();
        types
            .get(arguments..)
            .is_some_and(|types| types.iter().eq(captured.iter().map(|&value| graph.ty(value))))
    };
    let regions = op.regions();
    if !regions.iter().all(|region| fits(region)) {
        return Ok((op, operands.to_vec()));
    }
    let read: Vec<HashSet<Value>> = regions.iter().map(|region| values_read(region)).collect();
    let is_read = |at: usize| {
        let input = |region: &Graph| region.inputs()[arguments + at].value;
        regions.iter().zip(&read).any(|(region, read)| read.contains(&input(region)))
    };
    let stays = |(at, value): &(usize, &Value)| is_read(*at) && constant(graph, **value).is_none();
    let mut kept: Vec<Value> = captured.iter().enumerate().filter(stays).map(|(_, value)| *value).collect();
    kept.sort_unstable();
    kept.dedup();
    if kept == captured {
        return Ok((op, operands.to_vec()));
    }
    let declared =
        |graph: &Graph, value: Value| (graph.node(value.node()).name.clone(), graph.ty(value).clone());
    let from_outside: Vec<(String, TensorType)> = kept.iter().map(|&value| declared(graph, value)).collect();
    let mut given: Vec<Given> = (0..arguments).map(Given::Input).collect();
    given.extend(captured.iter().map(|&value| source(graph, value, &kept, arguments)));
    let op = op.map_regions(|region| {
        let arguments = region.inputs()[..arguments].iter().map(|port| declared(region, port.value));
        let inputs: Vec<(String, TensorType)> = arguments.chain(from_outside.iter().cloned()).collect();
        with_inputs(region, &inputs, &given, std::iter::empty())
    })?;
    Ok((op, [own, &kept].concat()))
}

/// What an op has besides what its regions read from outside.
struct Own {
    /// Number of its first operands.
    operands: usize,
    /// Number of the first inputs of each region.
    arguments: usize,
}

/// `None` for an op whose regions read nothing from outside.
fn own(op: &Op) -> Option<Own> {
    match op {
        Op::Control(ControlOp::If(_) | ControlOp::Case(_)) => Some(Own { operands: 1, arguments: 0 }),
        Op::Control(ControlOp::Scan(Scan { inputs, carried, .. })) => {
            let own = inputs.checked_add(*carried)?;
            Some(Own { operands: own, arguments: own })
        }
        _ => None,
    }
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

/// What stands for a value from outside in a region, whose inputs for those follow its arguments.
fn source(graph: &Graph, value: Value, kept: &[Value], arguments: usize) -> Given {
    match (constant(graph, value), kept.iter().position(|&other| other == value)) {
        (Some((tensor, ty)), _) => Given::Constant(tensor.clone(), ty.clone()),
        (None, Some(number)) => Given::Input(arguments + number),
        // Read by no region: any value of the type will do.
        (None, None) => {
            let ty = graph.ty(value).clone();
            Given::Constant(Tensor::zeros(TensorType::scalar(ty.dtype)), ty)
        }
    }
}
