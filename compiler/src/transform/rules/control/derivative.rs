//! Derivatives of branches and loops.
//!
//! Tangents: a region becomes one that takes tangents, too, and returns those of its results that have any.
//! What is carried has a tangent if it gets one in some round. Such an op holds known and linear parts; before it is
//! transposed it is split into an op of each, and the known one also returns the values that the linear one reads.
//! On the way back regions are transposed: branches stay branches, and a scan walks the other way.
//!
//! | file | holds |
//! |---|---|
//! | `derivative.rs` | the rules of each op, and what the files share |
//! | `parts.rs` | the known and the linear part of a region |
//! | `branches.rs`, `loops.rs` | `if` and `case`; `while` |
//! | `scan.rs`, `scan/` | `scan`: its tangents; its parts, its cotangents |
//! | `map.rs` | `map`, as ops of whole tensors |

mod branches;
mod loops;
mod map;
mod parts;
mod scan;

use std::sync::Arc;

use choral_ir::op::{Case, ControlOp, If, Transposed};
use choral_ir::{BuildError, Builder, Graph, Op, TensorType, Value};

use crate::transform::dual::{Dual, values};
use crate::transform::rewrite;

/// The results and their tangents.
pub(crate) fn jvp(builder: &mut Builder, op: &ControlOp, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    match op {
        ControlOp::If(op) => branches::jvp(builder, &of_if(op), if_else, duals),
        ControlOp::Case(op) => branches::jvp(builder, &op.branches, case, duals),
        ControlOp::While(op) => loops::jvp(builder, op, duals),
        ControlOp::Scan(op) => scan::jvp(builder, op, duals),
        ControlOp::Map(op) => map::jvp(builder, op, duals),
        ControlOp::OptimizationBarrier => optimization_barrier(builder, duals),
    }
}

/// The results, and whether each is linear; an op that holds both parts becomes one of each.
pub(crate) fn split(
    builder: &mut Builder,
    op: &ControlOp,
    operands: &[Value],
    linear: &[bool],
) -> Result<Vec<(Value, bool)>, BuildError> {
    match op {
        ControlOp::If(op) => branches::split(builder, &of_if(op), if_else, operands, linear),
        ControlOp::Case(op) => branches::split(builder, &op.branches, case, operands, linear),
        ControlOp::While(op) => loops::split(builder, op, operands, linear),
        ControlOp::Scan(op) => scan::split(builder, op, operands, linear),
        ControlOp::Map(_) => {
            let results = builder.push_all(op.clone(), operands)?;
            Ok(results.into_iter().map(|value| (value, true)).collect())
        }
        ControlOp::OptimizationBarrier => {
            let known: Vec<Option<Value>> =
                operands.iter().zip(linear).map(|(&value, &linear)| (!linear).then_some(value)).collect();
            let of_linear: Vec<Option<Value>> =
                operands.iter().zip(linear).map(|(&value, &linear)| linear.then_some(value)).collect();
            let (known, of_linear) = (barrier(builder, &known)?, barrier(builder, &of_linear)?);
            let results =
                known.into_iter().zip(of_linear).filter_map(|(known, of_linear)| known.or(of_linear));
            Ok(results.zip(linear.iter().copied()).collect())
        }
    }
}

/// The cotangents of the operands in which the op is linear.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &ControlOp,
    operands: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    match op {
        ControlOp::If(op) => branches::transpose(builder, &of_if(op), if_else, operands, cotangents),
        ControlOp::Case(op) => branches::transpose(builder, &op.branches, case, operands, cotangents),
        ControlOp::While(op) => Err(loops::not_backwards(builder, op, operands)),
        ControlOp::Scan(op) => scan::transpose(builder, op, operands, cotangents),
        ControlOp::Map(op) => map::transpose(builder, op, operands, cotangents),
        ControlOp::OptimizationBarrier => barrier(builder, cotangents),
    }
}

/// One barrier for all values that are there.
fn barrier(builder: &mut Builder, values: &[Option<Value>]) -> Result<Vec<Option<Value>>, BuildError> {
    let there: Vec<Value> = values.iter().copied().flatten().collect();
    if there.is_empty() {
        return Ok(values.to_vec());
    }
    let mut results = builder.push_all(ControlOp::OptimizationBarrier, &there)?.into_iter();
    Ok(values.iter().map(|value| value.and_then(|_| results.next())).collect())
}

fn optimization_barrier(builder: &mut Builder, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let results = builder.push_all(ControlOp::OptimizationBarrier, &values(duals))?;
    let tangents: Vec<Option<Value>> = duals.iter().map(|dual| dual.tangent).collect();
    let tangents = barrier(builder, &tangents)?;
    Ok(results.into_iter().zip(tangents).map(|(value, tangent)| Dual { value, tangent }).collect())
}

fn of_if(If { true_branch, false_branch }: &If) -> Vec<Arc<Graph>> {
    vec![true_branch.clone(), false_branch.clone()]
}

/// The choice between two branches.
fn if_else(branches: Vec<Arc<Graph>>) -> Op {
    If { true_branch: branches[0].clone(), false_branch: branches[1].clone() }.into()
}

/// The choice between branches by their number.
fn case(branches: Vec<Arc<Graph>>) -> Op {
    Case { branches }.into()
}

/// The entries of a list that `named` names.
fn chosen<T: Clone>(list: &[T], named: &[bool]) -> Vec<T> {
    list.iter().zip(named).filter(|(_, named)| **named).map(|(entry, _)| entry.clone()).collect()
}

/// All others.
fn opposite(named: &[bool]) -> Vec<bool> {
    named.iter().map(|named| !named).collect()
}

/// Each number in order, or nothing where it is not named.
fn places(named: &[bool]) -> Vec<Option<usize>> {
    let mut count = 0..;
    named.iter().map(|&named| if named { count.next() } else { None }).collect()
}

/// What an input of a region is called, and its type.
type Declared = (String, TensorType);

fn declared(graph: &Graph, value: Value) -> Declared {
    (graph.node(value.node()).name.clone(), graph.ty(value).clone())
}

/// The inputs of a region, as they are declared.
fn declared_inputs(graph: &Graph) -> Vec<Declared> {
    graph.inputs().iter().map(|port| declared(graph, port.value)).collect()
}

/// A region with these inputs, which returns what `fill` makes of them.
fn region(
    name: &str,
    inputs: &[Declared],
    fill: impl FnOnce(&mut Builder, &[Value]) -> Result<Vec<Value>, BuildError>,
) -> Result<Arc<Graph>, BuildError> {
    let mut builder = Builder::new(name);
    let inputs: Vec<Value> =
        inputs.iter().map(|(name, ty)| builder.input(name.clone(), ty.clone())).collect();
    let outputs = fill(&mut builder, &inputs)?;
    let graph = rewrite::dead_code(&builder.finish(&outputs))?;
    Ok(rewrite::common_subexpressions(&graph)?.into())
}
