//! Rules of branches and loops.
//!
//! Batching: what decides (an index, a loop's condition) is shared, or per-member.
//! Where it is shared, the op stays as it is and its regions run over all members. Where it is not,
//! every branch runs and each member takes the results of its own; a loop runs while any member
//! continues, and members that have finished keep their values.
//!
//! Then members run code that they do not take, and a loop inside might never end for them.
//! Where code holds a loop (or a user-defined op, which might fail), such members run it on the
//! operands of a member that takes it, and it does not run at all if no member takes it. Where members
//! exchange values, each uses its own operands.
//!
//! | file | holds |
//! |---|---|
//! | `control.rs` | the rule of each op, and what its files share |
//! | `branches.rs`, `loops.rs`, `scan.rs` | `if` and `case`; `while`; `scan` |
//! | `stand_ins.rs` | stand-ins: whose operands members use to run code that they do not take |
//! | `derivative.rs` | tangents, known and linear parts, cotangents |

mod branches;
mod derivative;
mod loops;
mod scan;
mod stand_ins;

use choral_ir::op::{Binary, Case, ControlOp, If, Map, Reduce};
use choral_ir::{BuildError, Builder, DType, Graph, Tensor, Value};

pub(crate) use derivative::{jvp, split, transpose};

use crate::transform::lane::Lane::{Mapped, Shared};
use crate::transform::lane::{Lane, MappedBuilder};
use crate::transform::views;

/// Where each of several values has the members, if it differs between them.
type MemberDims = Vec<Option<usize>>;

/// The batching rule of each op of the family.
pub(crate) fn batch(cx: &mut MappedBuilder, op: &ControlOp, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    match op {
        ControlOp::If(op) => branches::if_else(cx, op, lanes),
        ControlOp::Case(op) => branches::case(cx, op, lanes),
        ControlOp::While(op) => loops::while_loop(cx, op, lanes),
        ControlOp::Scan(op) => scan::scan(cx, op, lanes),
        ControlOp::Map(op) => map(cx, op, lanes),
        ControlOp::OptimizationBarrier => optimization_barrier(cx, lanes),
    }
}

/// A region of an op: what it is called, and where it has the members in its inputs.
pub(crate) struct OverMembers<'op> {
    pub(crate) name: String,
    pub(crate) region: &'op Graph,
    pub(crate) in_dims: Vec<Option<usize>>,
}

/// The op's regions as its rule runs them, for `explain`; none for a body that combines elements.
pub(crate) fn regions<'op>(cx: &MappedBuilder, op: &'op ControlOp, lanes: &[Lane]) -> Vec<OverMembers<'op>> {
    let branch = |name: String, region: &'op Graph| {
        let by_each = lanes[0].dim().is_some() && stand_ins::needs_stand_ins(region);
        let at = |lane: &Lane| lane.dim().map(|at| if by_each { 0 } else { at });
        OverMembers { name, region, in_dims: lanes[1..].iter().map(at).collect() }
    };
    match op {
        ControlOp::If(If { true_branch, false_branch }) => {
            vec![branch("true".to_owned(), true_branch), branch("false".to_owned(), false_branch)]
        }
        ControlOp::Case(Case { branches }) => {
            branches.iter().enumerate().map(|(at, region)| branch(format!("branch {at}"), region)).collect()
        }
        ControlOp::While(op) => {
            let in_dims = at_dim(&loops::mapped_carried(cx, op, lanes).0, 0);
            let named =
                |name: &str, region| OverMembers { name: name.to_owned(), region, in_dims: in_dims.clone() };
            vec![named("cond", &op.cond), named("body", &op.body)]
        }
        ControlOp::Scan(op) => {
            let (in_dims, _) = scan::scanned_dims(cx, op, lanes);
            vec![OverMembers { name: "body".to_owned(), region: &op.body, in_dims }]
        }
        ControlOp::Map(_) | ControlOp::OptimizationBarrier => Vec::new(),
    }
}

fn map(cx: &mut MappedBuilder, Map { computation }: &Map, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let (values, at) = cx.aligned(lanes)?;
    cx.mapped(Map { computation: computation.clone() }, &values, at)
}

fn optimization_barrier(cx: &mut MappedBuilder, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    let values: Vec<Value> = lanes.iter().map(|lane| lane.value()).collect();
    let results = cx.builder.push_all(ControlOp::OptimizationBarrier, &values)?;
    Ok(self::lanes(results, &dims(lanes)))
}

fn dims(lanes: &[Lane]) -> Vec<Option<usize>> {
    lanes.iter().map(|lane| lane.dim()).collect()
}

fn at_dim(mapped: &[bool], dim: usize) -> Vec<Option<usize>> {
    mapped.iter().map(|mapped| mapped.then_some(dim)).collect()
}

fn is_mapped(lanes: &[Lane]) -> Vec<bool> {
    lanes.iter().map(|lane| lane.dim().is_some()).collect()
}

fn lanes(values: Vec<Value>, dims: &[Option<usize>]) -> Vec<Lane> {
    values
        .into_iter()
        .zip(dims)
        .map(|(value, dim)| dim.map_or(Shared(value), |dim| Mapped(value, dim)))
        .collect()
}

/// Each member's choice of two values by a mask.
fn where_each(
    cx: &mut MappedBuilder,
    mask: Value,
    on_true: Lane,
    on_false: Lane,
) -> Result<Lane, BuildError> {
    let (on_true, on_false) = (cx.at_front(on_true)?, cx.at_front(on_false)?);
    let shape = cx.ty(on_true).shape.clone();
    let mask = views::stretch(&mut cx.builder, mask, &shape, &[0])?;
    Ok(Mapped(cx.builder.select(mask, on_true, on_false)?, 0))
}

/// Whether the mask holds any member.
fn any(builder: &mut Builder, mask: Value) -> Result<Value, BuildError> {
    let none = builder.splat(Tensor::from(false), []);
    let body = Graph::reducer(Binary::Or, DType::I1)?.into();
    builder.push(Reduce { dimensions: vec![0], body }, &[mask, none])
}
