//! Derivatives of branches: the same branch is taken for tangents and cotangents.

use std::sync::Arc;

use choral_ir::op::Transposed;
use choral_ir::{BuildError, Builder, Graph, Op, TensorType, Value};

use super::parts::Parts;
use super::{chosen, declared_inputs, opposite, places, region};
use crate::transform::differentiate::split::Split;
use crate::transform::differentiate::{backward, forward, split as differentiate_split};
use crate::transform::dual::{Dual, if_known, is_linear, known, values, zeros};

/// What chooses between branches.
type Choice = fn(Vec<Arc<Graph>>) -> Op;

/// For each place, whether one of several lists names it.
fn any_of(lists: impl IntoIterator<Item = Result<Vec<bool>, BuildError>>) -> Result<Vec<bool>, BuildError> {
    let mut any = Vec::new();
    for list in lists {
        let list = list?;
        any.resize(list.len(), false);
        any.iter_mut().zip(list).for_each(|(any, named)| *any |= named);
    }
    Ok(any)
}

/// A result has a tangent if it has one in some branch.
pub(super) fn jvp(
    builder: &mut Builder,
    branches: &[Arc<Graph>],
    choice: Choice,
    duals: &[Dual],
) -> Result<Vec<Dual>, BuildError> {
    let given: Vec<bool> = duals[1..].iter().map(|dual| dual.tangent.is_some()).collect();
    let found = any_of(branches.iter().map(|branch| forward::has_tangents(branch, &given)))?;
    let with_tangents = |branch: &Arc<Graph>| forward::region(branch, &given, &found).map(Arc::new);
    let regions: Vec<Arc<Graph>> = branches.iter().map(with_tangents).collect::<Result<_, _>>()?;
    let mut operands = values(duals);
    operands.extend(duals[1..].iter().filter_map(|dual| dual.tangent));
    let results = builder.push_all(choice(regions), &operands)?;
    let (of_values, tangents) = results.split_at(found.len());
    let dual =
        |(&value, place): (&Value, Option<usize>)| Dual { value, tangent: place.map(|at| tangents[at]) };
    Ok(of_values.iter().zip(places(&found)).map(dual).collect())
}

/// Where a branch's linear part finds a residual.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The operand of this number, which every branch reads.
    Operand(usize),
    /// The result of this number of the known op.
    Result(usize),
}

/// Makes the known or the linear part of a branch, for linear operands, types of the known results, and places.
type Part = fn(&Parts, &[bool], &[TensorType], &[Place]) -> Result<Arc<Graph>, BuildError>;

/// The types of the results of the known op, those that are asked for first, and where each branch finds its
/// residuals. Branches share the further results: only one is taken.
fn assigned(parts: &[Parts]) -> (Vec<TensorType>, Vec<Vec<Place>>) {
    let types =
        |parts: &Parts| parts.known_outputs().iter().map(|&value| parts.region().ty(value).clone()).collect();
    let mut results: Vec<TensorType> = parts.first().map(types).unwrap_or_default();
    let asked_for = results.len();
    let mut of_branch = |parts: &Parts| {
        let mut holds: Vec<Option<Value>> = parts.known_outputs().into_iter().map(Some).collect();
        holds.resize(results.len(), None);
        let mut place = |&value: &Value| {
            if let Some(input) = parts.input(value) {
                return Place::Operand(input);
            }
            let ty = parts.region().ty(value);
            let is_free = |&at: &usize| at >= asked_for && holds[at].is_none() && results[at] == *ty;
            let there = holds.iter().position(|held| *held == Some(value));
            let at = there.or_else(|| (0..results.len()).find(is_free)).unwrap_or_else(|| {
                results.push(ty.clone());
                holds.push(None);
                results.len() - 1
            });
            holds[at] = Some(value);
            Place::Result(at)
        };
        parts.residuals().iter().map(&mut place).collect()
    };
    let places = parts.iter().map(&mut of_branch).collect();
    (results, places)
}

/// The known op also returns the residuals of the branch that it takes, zeros for those of the others.
pub(super) fn split(
    builder: &mut Builder,
    branches: &[Arc<Graph>],
    choice: Choice,
    operands: &[Value],
    linear: &[bool],
) -> Result<Vec<(Value, bool)>, BuildError> {
    let (index, operands, linear) = (operands[0], &operands[1..], &linear[1..]);
    let mut splits: Vec<Split> = Vec::with_capacity(branches.len());
    for branch in branches {
        splits.push(differentiate_split::split(branch, linear)?);
    }
    let outputs = any_of(splits.iter().map(|split| Ok(split.outputs.clone())))?;
    let parts: Vec<Parts> =
        splits.into_iter().map(|split| Parts::of(split.graph, linear, &outputs)).collect();
    let (types, places) = assigned(&parts);
    let of_each = |part: Part| {
        let branches = parts.iter().zip(&places);
        branches.map(|(parts, places)| part(parts, linear, &types, places)).collect::<Result<Vec<_>, _>>()
    };
    let mut known = Vec::new();
    if !types.is_empty() {
        let regions = of_each(known_branch)?;
        let given = [vec![index], chosen(operands, &opposite(linear))].concat();
        known = builder.push_all(choice(regions), &given)?;
    }
    let mut of_linear = Vec::new();
    if outputs.contains(&true) {
        let regions = of_each(linear_branch)?;
        of_linear = builder.push_all(choice(regions), &[&[index], operands, &known].concat())?;
    }
    let (mut known, mut of_linear) = (known.into_iter(), of_linear.into_iter());
    let result = |&linear: &bool| {
        let value = if linear { of_linear.next() } else { known.next() };
        let missing = || BuildError::inconsistency("branches", "a result is in neither part");
        value.map(|value| (value, linear)).ok_or_else(missing)
    };
    outputs.iter().map(result).collect()
}

/// On the known operands: the known results, then the residuals in their places.
fn known_branch(
    parts: &Parts,
    linear: &[bool],
    types: &[TensorType],
    places: &[Place],
) -> Result<Arc<Graph>, BuildError> {
    let mut held: Vec<Option<Value>> = parts.known_outputs().into_iter().map(Some).collect();
    held.resize(types.len(), None);
    for (&value, place) in parts.residuals().iter().zip(places) {
        if let Place::Result(at) = *place {
            held[at] = Some(value);
        }
    }
    let known = parts.known(&held.iter().copied().flatten().collect::<Vec<Value>>())?;
    let inputs = chosen(&declared_inputs(parts.region()), &opposite(linear));
    region(parts.region().name(), &inputs, |builder, inputs| {
        let mut made = builder.inline(&known, inputs)?.into_iter();
        let result = |(held, ty): (&Option<Value>, &TensorType)| {
            held.and_then(|_| made.next()).unwrap_or_else(|| zeros(builder, ty))
        };
        Ok(held.iter().zip(types).map(result).collect())
    })
}

/// On all operands, then the known results: the linear results.
fn linear_branch(
    parts: &Parts,
    linear: &[bool],
    types: &[TensorType],
    places: &[Place],
) -> Result<Arc<Graph>, BuildError> {
    let part = parts.linear()?;
    let mut inputs = declared_inputs(parts.region());
    let count = inputs.len();
    inputs.extend(types.iter().map(|ty| ("residual".to_owned(), ty.clone())));
    region(parts.region().name(), &inputs, |builder, inputs| {
        let residual = |place: &Place| match *place {
            Place::Operand(at) => inputs[at],
            Place::Result(at) => inputs[count + at],
        };
        let mut given = chosen(&inputs[..count], linear);
        given.extend(places.iter().map(residual));
        builder.inline(&part, &given)
    })
}

/// An operand has a cotangent if it has one in some branch.
pub(super) fn transpose(
    builder: &mut Builder,
    branches: &[Arc<Graph>],
    choice: Choice,
    operands: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    let index = known(&choice(branches.to_vec()), &operands[0])?;
    let linear: Vec<bool> = operands[1..].iter().map(is_linear).collect();
    let given: Vec<bool> = cotangents.iter().map(Option::is_some).collect();
    let found = any_of(branches.iter().map(|branch| backward::has_cotangents(branch, &linear, &given)))?;
    if !found.contains(&true) {
        return Ok(vec![None; operands.len()]);
    }
    let transposed = |branch: &Arc<Graph>| backward::region(branch, &linear, &given, &found).map(Arc::new);
    let regions: Vec<Arc<Graph>> = branches.iter().map(transposed).collect::<Result<_, _>>()?;
    let mut taken = vec![index];
    taken.extend(operands[1..].iter().filter_map(if_known));
    taken.extend(cotangents.iter().flatten());
    let results = builder.push_all(choice(regions), &taken)?;
    let of_operands = places(&found).into_iter().map(|place| place.map(|at| results[at]));
    Ok(std::iter::once(None).chain(of_operands).collect())
}
