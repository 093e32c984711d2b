//! Derivatives of loops that run while a condition holds: tangents are carried beside the values.
//!
//! Such a loop keeps nothing of its rounds, so it has no way back.

use choral_ir::op::{Transposed, While};
use choral_ir::{BuildError, Builder, Value};

use super::parts::Parts;
use super::{chosen, opposite, places};
use crate::transform::differentiate::split::Split;
use crate::transform::differentiate::{forward, split as differentiate_split};
use crate::transform::dual::{Dual, if_known, refused, tangent_of, values};

/// A carried value has a tangent if it gets one in some round.
pub(super) fn jvp(builder: &mut Builder, op: &While, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let mut carried: Vec<bool> = duals.iter().map(|dual| dual.tangent.is_some()).collect();
    loop {
        let found = forward::has_tangents(&op.body, &carried)?;
        let before = carried.clone();
        carried.iter_mut().zip(found).for_each(|(carried, found)| *carried |= found);
        if carried == before {
            break;
        }
    }
    let with_tangents = While {
        cond: forward::region(&op.cond, &carried, &[false])?.into(),
        body: forward::region(&op.body, &carried, &carried)?.into(),
    };
    let mut operands = values(duals);
    operands.extend(chosen(duals, &carried).into_iter().map(|dual| tangent_of(builder, dual)));
    let results = builder.push_all(with_tangents, &operands)?;
    let (of_values, tangents) = results.split_at(duals.len());
    let dual =
        |(&value, place): (&Value, Option<usize>)| Dual { value, tangent: place.map(|at| tangents[at]) };
    Ok(of_values.iter().zip(places(&carried)).map(dual).collect())
}

/// The known values by a loop of their own; the others by the whole one, which nothing reads unless it is transposed.
pub(super) fn split(
    builder: &mut Builder,
    op: &While,
    operands: &[Value],
    linear: &[bool],
) -> Result<Vec<(Value, bool)>, BuildError> {
    let (body, linear) = carried_parts(op, linear)?;
    let whole = builder.push_all(op.clone(), operands)?;
    let is_known = opposite(&linear);
    let cond = Parts::of((*op.cond).clone(), &linear, &[false]);
    let body = Parts::of(body.graph, &linear, &linear);
    let known = While {
        cond: cond.known(&cond.known_outputs())?.into(),
        body: body.known(&body.known_outputs())?.into(),
    };
    let known = builder.push_all(known, &chosen(operands, &is_known))?;
    let result =
        |(at, place): (usize, Option<usize>)| place.map_or((whole[at], true), |place| (known[place], false));
    Ok(places(&is_known).into_iter().enumerate().map(result).collect())
}

/// The body, split, and which carried values are linear in some round.
fn carried_parts(op: &While, linear: &[bool]) -> Result<(Split, Vec<bool>), BuildError> {
    let mut linear = linear.to_vec();
    loop {
        let body = differentiate_split::split(&op.body, &linear)?;
        let before = linear.clone();
        linear.iter_mut().zip(&body.outputs).for_each(|(linear, returned)| *linear |= returned);
        if linear == before {
            return Ok((body, linear));
        }
    }
}

/// Why a loop cannot be transposed.
pub(super) fn not_backwards(builder: &Builder, op: &While, operands: &[Transposed]) -> BuildError {
    let known: Vec<Value> = operands.iter().filter_map(if_known).collect();
    let message = "a loop that runs while a condition holds cannot be differentiated backwards, because it does not say \
                   how many rounds it takes; use scan, or fori_loop between two numbers, which do, or take tangents \
                   with jvp";
    refused(builder, &op.clone().into(), &known, message)
}
