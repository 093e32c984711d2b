//! Branches: one for all members, or one per member.

use std::sync::Arc;

use choral_ir::op::{Binary, Case, ComparisonDirection, If, Unary};
use choral_ir::{BuildError, Builder, DType, Graph, Op, Tensor, Value};

use super::stand_ins::{needs_stand_ins, stand_ins};
use super::{any, at_dim, dims, is_mapped, lanes, where_each};
use crate::transform::dependence;
use crate::transform::lane::Lane::{Mapped, Shared};
use crate::transform::lane::{Lane, MappedBuilder};
use crate::transform::walk;

pub(super) fn if_else(
    cx: &mut MappedBuilder,
    If { true_branch, false_branch }: &If,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let branches = [true_branch.clone(), false_branch.clone()];
    match lanes[0] {
        Shared(pred) => chosen_for_all(cx, pred, &branches, &lanes[1..], |regions| {
            If { true_branch: regions[0].clone(), false_branch: regions[1].clone() }.into()
        }),
        Mapped(..) => {
            let pred = cx.at_front(lanes[0])?;
            chosen_by_each(cx, &[pred], &branches, &lanes[1..])
        }
    }
}

pub(super) fn case(
    cx: &mut MappedBuilder,
    Case { branches }: &Case,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    match lanes[0] {
        Shared(index) => {
            chosen_for_all(cx, index, branches, &lanes[1..], |branches| Case { branches }.into())
        }
        Mapped(..) => {
            let index = cx.at_front(lanes[0])?;
            let takes = |number: usize| {
                let number = cx.builder.full(number as f64, DType::I32, [cx.size]);
                cx.builder.compare(ComparisonDirection::Eq, index, number)
            };
            let takes: Vec<Value> = (0..branches.len() - 1).map(takes).collect::<Result<_, _>>()?;
            chosen_by_each(cx, &takes, branches, &lanes[1..])
        }
    }
}

/// A shared predicate: each branch runs over all members.
fn chosen_for_all(
    cx: &mut MappedBuilder,
    index: Value,
    branches: &[Arc<Graph>],
    operands: &[Lane],
    op: impl Fn(Vec<Arc<Graph>>) -> Op,
) -> Result<Vec<Lane>, BuildError> {
    let in_dims = dims(operands);
    let is_mapped = is_mapped(operands);
    let mut mapped = vec![false; branches[0].outputs().len()];
    for branch in branches {
        for (mapped, sources) in mapped.iter_mut().zip(dependence::of_outputs(branch, &cx.axis)) {
            *mapped |= sources.is_mapped(&is_mapped);
        }
    }
    let out_dims = at_dim(&mapped, 0);
    let region = |branch: &Arc<Graph>| walk::region(cx, branch, &in_dims, &out_dims).map(Arc::new);
    let regions: Vec<Arc<Graph>> = branches.iter().map(region).collect::<Result<_, _>>()?;
    let operands: Vec<Value> = operands.iter().map(|lane| lane.value()).collect();
    let results = cx.builder.push_all(op(regions), &[vec![index], operands].concat())?;
    Ok(lanes(results, &out_dims))
}

/// A per-member predicate: `takes` says which members take each branch but the last.
fn chosen_by_each(
    cx: &mut MappedBuilder,
    takes: &[Value],
    branches: &[Arc<Graph>],
    operands: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    if let [only] = branches {
        return walk::outputs(cx, only, operands);
    }
    let Some((last, others)) = branches.split_last() else { return Ok(Vec::new()) };
    let rest = none_of(cx, takes)?;
    let mut results = branch(cx, last, rest, operands)?;
    for (other, &takes) in others.iter().zip(takes).rev() {
        let taken = branch(cx, other, takes, operands)?;
        for (result, taken) in results.iter_mut().zip(taken) {
            *result = where_each(cx, takes, taken, *result)?;
        }
    }
    Ok(results)
}

/// The members that no mask holds.
fn none_of(cx: &mut MappedBuilder, masks: &[Value]) -> Result<Value, BuildError> {
    let mut any = cx.builder.splat(Tensor::from(false), [cx.size]);
    for &mask in masks {
        any = cx.builder.binary(Binary::Or, any, mask)?;
    }
    cx.builder.unary(Unary::Not, any)
}

/// A branch's results, right for the members in `takes`.
fn branch(
    cx: &mut MappedBuilder,
    branch: &Graph,
    takes: Value,
    operands: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    if !needs_stand_ins(branch) {
        return walk::outputs(cx, branch, operands);
    }
    let operands = stand_ins(cx, takes, operands)?;
    let out_dims = vec![Some(0); branch.outputs().len()];
    let region = walk::region(cx, branch, &dims(&operands), &out_dims)?;
    let op = If { false_branch: Arc::new(zeros_like(&region)), true_branch: Arc::new(region) };
    let any = any(&mut cx.builder, takes)?;
    let operands: Vec<Value> = operands.iter().map(|lane| lane.value()).collect();
    cx.mapped(op, &[vec![any], operands].concat(), 0)
}

/// A region on the same inputs that returns zeros of the same types.
fn zeros_like(region: &Graph) -> Graph {
    let mut builder = Builder::new(region.name());
    for (port, ty) in region.inputs().iter().zip(region.input_types()) {
        builder.input(region.node(port.value.node()).name.clone(), ty);
    }
    let outputs: Vec<Value> =
        region.output_types().into_iter().map(|ty| builder.full(0.0, ty.dtype, ty.shape)).collect();
    builder.finish(&outputs)
}
