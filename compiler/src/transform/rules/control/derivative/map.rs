//! Derivatives of a body of scalars at each place: those of its ops on whole tensors.

use choral_ir::Value;
use choral_ir::op::{Map, Transposed};
use choral_ir::{BuildError, Builder, Graph};

use crate::transform::differentiate::{backward, forward, split};
use crate::transform::dual::{Dual, is_linear, type_of};
use crate::transform::walk;

pub(super) fn jvp(builder: &mut Builder, op: &Map, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let shape = builder.graph().ty(duals[0].value).shape.clone();
    forward::outputs(builder, &at_every_place(op, &shape)?, duals)
}

pub(super) fn transpose(
    builder: &mut Builder,
    op: &Map,
    operands: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    let shape = type_of(builder, &operands[0]).shape;
    let linear: Vec<bool> = operands.iter().map(is_linear).collect();
    let graph = split::split(&at_every_place(op, &shape)?, &linear)?.graph;
    backward::cotangents(builder, &graph, operands, cotangents)
}

/// The body on tensors of a shape: mapped over one dimension after another, the last one first.
fn at_every_place(Map { computation }: &Map, shape: &[usize]) -> Result<Graph, BuildError> {
    let mut graph = Graph::clone(computation);
    for &size in shape.iter().rev() {
        graph = walk::over_members(&graph, size, &vec![true; graph.inputs().len()], &[true])?;
    }
    Ok(graph)
}
