//! Programs that ask for the number of their member, in every branch and loop.

use choral::Graph;
use choral::ir::op::{ControlOp, While};
use choral::ir::{BuildError, Builder, Class, NodeKind, Op, Value};
use std::collections::HashMap;

/// What stands for the number of the member: the op that asks for it, or a constant. A scalar `i32`.
pub(crate) type Number<'a> = &'a dyn Fn(&mut Builder) -> Result<Value, BuildError>;

/// Whether the program has branches or loops.
pub(crate) fn has_regions(graph: &Graph) -> bool {
    graph.nodes().any(|(_, node)| matches!(&node.kind, NodeKind::Op(op) if is_region_op(op)))
}

pub(crate) fn is_region_op(op: &Op) -> bool {
    matches!(
        op,
        Op::Control(ControlOp::If(_) | ControlOp::Case(_) | ControlOp::While(_) | ControlOp::Scan(_))
    )
}

/// The program with the number added to all of its results, and to those of every branch and body in it.
pub(crate) fn numbered(graph: &Graph, number: Number) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let mut values: HashMap<Value, Value> = HashMap::new();
    for port in graph.inputs() {
        let node = graph.node(port.value.node());
        values.insert(port.value, builder.input(node.name.clone(), node.types[0].clone()));
    }
    for (id, node) in graph.nodes() {
        let operands: Vec<Value> = graph.operands(id).iter().map(|value| values[value]).collect();
        let results = match &node.kind {
            NodeKind::Op(Op::Control(ControlOp::While(While { cond, body }))) => {
                let body = numbered(body, number)?.into();
                builder.push_all(While { cond: cond.clone(), body }, &operands)?
            }
            NodeKind::Op(op) if is_region_op(op) => {
                builder.push_all(op.map_regions(|region| numbered(region, number))?, &operands)?
            }
            NodeKind::Input | NodeKind::Constant(_) | NodeKind::Op(_) => builder.copy(node, &operands)?,
        };
        values.extend(results.into_iter().enumerate().map(|(at, value)| (id.result(at), value)));
    }
    let number = number(&mut builder)?;
    let outputs = graph.outputs().iter().map(|port| increased(&mut builder, values[&port.value], number));
    let outputs = outputs.collect::<Result<Vec<Value>, BuildError>>()?;
    Ok(builder.finish(&outputs))
}

/// The value plus the number, if it holds numbers.
fn increased(builder: &mut Builder, value: Value, number: Value) -> Result<Value, BuildError> {
    let ty = builder.graph().ty(value).clone();
    if !Class::Number.contains(ty.dtype) {
        return Ok(value);
    }
    let number = builder.convert(number, ty.dtype)?;
    let number = builder.broadcast_in_dim(number, ty.shape, Vec::new())?;
    builder.binary(choral::ir::op::Binary::Add, value, number)
}
