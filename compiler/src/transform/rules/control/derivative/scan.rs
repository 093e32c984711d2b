//! Tangents of scans: those of inputs, carried values and constants are further ones of each.
//!
//! | file | holds |
//! |---|---|
//! | `scan.rs` | tangents |
//! | `scan/split.rs` | the known and the linear scan |
//! | `scan/backward.rs` | the linear scan, walked the other way |

mod backward;
mod split;

use std::ops::Range;
use std::sync::Arc;

use choral_ir::op::Scan;
use choral_ir::{BuildError, Builder, Graph, Op, TensorType, Value};

pub(super) use backward::transpose;
pub(super) use split::split;

use super::{chosen, declared_inputs, places, region};
use crate::transform::differentiate::forward;
use crate::transform::dual::{Dual, tangent_of, values};
use crate::transform::rules;

/// A carried value has a tangent if it gets one in some round.
pub(super) fn jvp(builder: &mut Builder, op: &Scan, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    if let Some(wide) = Op::from(op.clone()).accumulating() {
        return on_accumulators(builder, op, &wide, duals);
    }
    let carried = op.inputs..op.inputs + op.carried;
    let (given, found) = has_tangents(op, duals)?;
    let body = forward::region(&op.body, &given, &found)?;
    let inputs = beside(&[0..carried.start, carried.clone(), carried.end..duals.len()], &given);
    let results = beside(&[0..op.outputs(), op.outputs()..found.len()], &found);
    let all: Vec<Value> = [values(duals), tangents(builder, duals, &given)].concat();
    let operands: Vec<Value> = inputs.iter().map(|&at| all[at]).collect();
    let count = |named: &[bool]| named.iter().filter(|named| **named).count();
    let op = Scan {
        inputs: op.inputs + count(&given[..op.inputs]),
        carried: op.carried + count(&given[carried]),
        body: reordered(&body, &inputs, &results)?,
        ..op.clone()
    };
    let made = builder.push_all(op, &operands)?;
    let all: Vec<Value> = inverse(&results).into_iter().map(|at| made[at]).collect();
    let (of_values, tangents) = all.split_at(found.len());
    let dual =
        |(&value, place): (&Value, Option<usize>)| Dual { value, tangent: place.map(|at| tangents[at]) };
    Ok(of_values.iter().zip(places(&found)).map(dual).collect())
}

/// What a running fold of narrow floats means, written out: the fold on accumulators, each result rounded once. So
/// the values stay as they are, whatever is computed beside them.
fn on_accumulators(
    builder: &mut Builder,
    op: &Scan,
    wide: &Op,
    duals: &[Dual],
) -> Result<Vec<Dual>, BuildError> {
    let mut on_accumulators = Vec::with_capacity(duals.len());
    for dual in duals {
        let dtype = builder.graph().ty(dual.value).dtype.accumulator();
        on_accumulators.push(dual.map(|value| builder.as_dtype(value, dtype))?);
    }
    let results = rules::jvp(builder, wide, &on_accumulators)?;
    let rounded = |(result, ty): (&Dual, TensorType)| result.map(|value| builder.as_dtype(value, ty.dtype));
    results.iter().zip(op.body.output_types()).map(rounded).collect()
}

/// Which inputs of the body have tangents, and which outputs, at the fixed point.
fn has_tangents(op: &Scan, duals: &[Dual]) -> Result<(Vec<bool>, Vec<bool>), BuildError> {
    let mut given: Vec<bool> = duals.iter().map(|dual| dual.tangent.is_some()).collect();
    loop {
        let mut found = forward::has_tangents(&op.body, &given)?;
        let before = given.clone();
        let carried = given[op.inputs..].iter_mut().zip(&mut found[op.outputs()..]);
        carried.for_each(|(given, found)| {
            *given |= *found;
            *found = *given;
        });
        if given == before {
            return Ok((given, found));
        }
    }
}

/// The tangents of those that have one in some round, zeros where they have none at first.
fn tangents(builder: &mut Builder, duals: &[Dual], given: &[bool]) -> Vec<Value> {
    chosen(duals, given).into_iter().map(|dual| tangent_of(builder, dual)).collect()
}

/// The order in which values come in groups, the tangents of each group behind it; tangents are numbered behind all
/// values.
fn beside(groups: &[Range<usize>], has_tangent: &[bool]) -> Vec<usize> {
    let places = places(has_tangent);
    let tangent = |at: usize| places[at].map(|place| has_tangent.len() + place);
    groups.iter().flat_map(|group| group.clone().chain(group.clone().filter_map(tangent))).collect()
}

/// Where each number stands in an order.
fn inverse(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, &at)| places[at] = place);
    places
}

/// The region with its inputs and outputs in these orders.
fn reordered(body: &Graph, inputs: &[usize], outputs: &[usize]) -> Result<Arc<Graph>, BuildError> {
    let old = declared_inputs(body);
    let new: Vec<_> = inputs.iter().map(|&at| old[at].clone()).collect();
    region(body.name(), &new, |builder, new| {
        let given: Vec<Value> = inverse(inputs).into_iter().map(|at| new[at]).collect();
        let made = builder.inline(body, &given)?;
        Ok(outputs.iter().map(|&at| made[at]).collect())
    })
}

/// The dimension of a scan over other inputs and outputs: 0 if there are none.
fn dimension(op: &Scan, inputs: usize, carried: usize, body: &Graph) -> usize {
    let walks = inputs > 0 || body.outputs().len() > carried;
    if walks { op.dimension } else { 0 }
}
