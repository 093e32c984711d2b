//! The parts of a scan: a known scan, which also stacks what the linear one reads, and the linear one.
//!
//! Nothing is stacked that is there already: slices of inputs, constants, and what follows from constants alone.

use std::convert::Infallible;
use std::ops::Range;

use choral_ir::op::Scan;
use choral_ir::{BuildError, Builder, NodeKind, Op, TensorType, Value, interpret_all};

use super::super::parts::Parts;
use super::super::{Declared, chosen, declared, declared_inputs, opposite, region};
use super::dimension;
use crate::transform::differentiate::split as differentiate_split;
use crate::transform::rewrite;

/// Where the linear scan finds a residual.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The slice of the known input of this number.
    Slice(usize),
    /// The constant of the loop that is this operand.
    Constant(usize),
    /// This value, which is the same in all rounds: it is computed before them.
    Outside(usize),
    /// This result of the known scan.
    Stacked(usize),
}

/// The results, and whether each is linear.
pub(in super::super) fn split(
    builder: &mut Builder,
    op: &Scan,
    operands: &[Value],
    linear: &[bool],
) -> Result<Vec<(Value, bool)>, BuildError> {
    let cut = Cut::of(op, linear)?;
    let mut known = if cut.has_known_part() { cut.push_known(builder, operands)? } else { Vec::new() };
    let of_linear =
        if cut.returned.contains(&true) { cut.push_linear(builder, operands, &known)? } else { Vec::new() };
    let first = cut.known_stacks();
    known.drain(first..first + cut.stacked.len());
    let (mut known, mut of_linear) = (known.into_iter(), of_linear.into_iter());
    let result = |&linear: &bool| {
        let value = if linear { of_linear.next() } else { known.next() };
        let missing = || BuildError::inconsistency("scan", "a result is in neither part");
        value.map(|value| (value, linear)).ok_or_else(missing)
    };
    cut.returned.iter().map(result).collect()
}

/// A scan cut in two.
struct Cut<'op> {
    op: &'op Scan,
    parts: Parts,
    /// Which inputs of the body are linear in some round.
    linear: Vec<bool>,
    /// Which outputs of the body the linear scan returns.
    returned: Vec<bool>,
    /// Where each residual is found.
    places: Vec<Place>,
    /// Residuals that are the same in all rounds.
    outside: Vec<Value>,
    /// Residuals that the known scan stacks.
    stacked: Vec<Value>,
}

impl<'op> Cut<'op> {
    fn of(op: &'op Scan, linear: &[bool]) -> Result<Cut<'op>, BuildError> {
        let mut linear = linear.to_vec();
        let split = loop {
            let split = differentiate_split::split(&op.body, &linear)?;
            let before = linear.clone();
            let carried = linear[op.inputs..].iter_mut().zip(&split.outputs[op.outputs()..]);
            carried.for_each(|(linear, returned)| *linear |= returned);
            if linear == before {
                break split;
            }
        };
        let carried = &linear[op.inputs..op.inputs + op.carried];
        let returned = [&split.outputs[..op.outputs()], carried].concat();
        let parts = Parts::of(split.graph, &linear, &returned);
        let (places, outside, stacked) = (Vec::new(), Vec::new(), Vec::new());
        let mut cut = Cut { op, parts, linear, returned, places, outside, stacked };
        cut.find_places();
        Ok(cut)
    }

    fn find_places(&mut self) {
        let is_same = self.same_in_all_rounds();
        let outputs = self.parts.known_outputs()[..self.known_stacks()].to_vec();
        for &value in self.parts.residuals() {
            let place = match self.parts.input(value) {
                Some(input) if input < self.op.inputs => Place::Slice(input),
                Some(input) if input >= self.op.inputs + self.op.carried => Place::Constant(input),
                Some(_) | None if is_same[value.node().index()] => {
                    self.outside.push(value);
                    Place::Outside(self.outside.len() - 1)
                }
                Some(_) | None => match outputs.iter().position(|&output| output == value) {
                    Some(output) => Place::Stacked(output),
                    None => {
                        self.stacked.push(value);
                        Place::Stacked(outputs.len() + self.stacked.len() - 1)
                    }
                },
            };
            self.places.push(place);
        }
    }

    /// Which nodes of the body depend on known constants of the loop alone. Ops that might fail or not end, which a
    /// scan of no rounds does not run, stay where they are.
    fn same_in_all_rounds(&self) -> Vec<bool> {
        let body = self.parts.region();
        let first = self.op.inputs + self.op.carried;
        let mut is_same = vec![false; body.len()];
        let inputs = self.linear.iter().enumerate().map(|(at, linear)| at >= first && !linear);
        let values = interpret_all(body, inputs, |id, node, operands| {
            let same = match &node.kind {
                NodeKind::Op(Op::Custom(_)) => false,
                NodeKind::Op(op) => op.regions().is_empty() && operands.into_iter().all(|same| same),
                NodeKind::Input | NodeKind::Constant(_) => true,
            };
            is_same[id.index()] = same;
            Ok::<_, Infallible>(vec![same; node.types.len()])
        });
        let Ok(values) = values;
        for port in body.inputs() {
            is_same[port.value.node().index()] = values.get(port.value);
        }
        is_same
    }

    fn has_known_part(&self) -> bool {
        self.returned.contains(&false) || !self.stacked.is_empty()
    }

    /// How many outputs of the known scan come before what it stacks for the linear one.
    fn known_stacks(&self) -> usize {
        self.returned[..self.op.outputs()].iter().filter(|linear| !**linear).count()
    }

    /// The number of known, or of linear inputs among those in a range.
    fn count(&self, among: Range<usize>, linear: bool) -> usize {
        self.linear[among].iter().filter(|is| **is == linear).count()
    }

    fn carried(&self) -> Range<usize> {
        self.op.inputs..self.op.inputs + self.op.carried
    }

    /// The results of the known scan: stacked outputs, stacked residuals, carried values.
    fn push_known(&self, builder: &mut Builder, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        let mut returned = self.parts.known_outputs();
        let first = self.known_stacks();
        returned.splice(first..first, self.stacked.iter().copied());
        let known = self.parts.known(&returned)?;
        let inputs = chosen(&declared_inputs(self.parts.region()), &opposite(&self.linear));
        let residuals = first..first + self.stacked.len();
        let body = region(self.op.body.name(), &inputs, |builder, inputs| {
            let mut made = builder.inline(&known, inputs)?;
            for value in &mut made[residuals] {
                let ty = stackable(builder.graph().ty(*value), self.op.dimension);
                *value = reshaped(builder, *value, &ty)?;
            }
            Ok(made)
        })?;
        let (inputs, carried) = (self.count(0..self.op.inputs, false), self.count(self.carried(), false));
        let dimension = dimension(self.op, inputs, carried, &body);
        let known = Scan { dimension, inputs, carried, body, ..self.op.clone() };
        builder.push_all(known, &chosen(operands, &opposite(&self.linear)))
    }

    /// The results of the linear scan.
    fn push_linear(
        &self,
        builder: &mut Builder,
        operands: &[Value],
        known: &[Value],
    ) -> Result<Vec<Value>, BuildError> {
        let outside = self.computed_outside(builder, operands)?;
        let body = self.parts.region();
        let inputs = declared_inputs(body);
        let of_linear = |among: Range<usize>| -> Vec<(Value, Declared)> {
            among.filter(|&at| self.linear[at]).map(|at| (operands[at], inputs[at].clone())).collect()
        };
        let (mut walked, carried) = (of_linear(0..self.op.inputs), of_linear(self.carried()));
        let mut constants = of_linear(self.carried().end..operands.len());
        let (own_slices, own_constants) = (walked.len(), constants.len());
        // Where the linear part finds its residuals: among what is walked along or not, and at which place.
        let mut found: Vec<(bool, usize)> = Vec::new();
        for (place, &value) in self.places.iter().zip(self.parts.residuals()) {
            let (name, ty) = declared(body, value);
            let (is_walked, operand, ty) = match *place {
                Place::Slice(input) => (true, operands[input], ty),
                Place::Stacked(at) => (true, known[at], stackable(&ty, self.op.dimension)),
                Place::Constant(input) => (false, operands[input], ty),
                Place::Outside(at) => (false, outside[at], ty),
            };
            let list = if is_walked { &mut walked } else { &mut constants };
            found.push((is_walked, list.len()));
            list.push((operand, (name, ty)));
        }
        let (inputs, count) = (walked.len(), carried.len());
        let (operands, declared): (Vec<Value>, Vec<Declared>) =
            walked.into_iter().chain(carried).chain(constants).unzip();
        let part = self.parts.linear()?;
        let body = region(self.op.body.name(), &declared, |builder, values| {
            let fixed = inputs + count;
            let mut given = [&values[..own_slices], &values[inputs..fixed + own_constants]].concat();
            for (&(is_walked, at), &value) in found.iter().zip(self.parts.residuals()) {
                let residual = values[if is_walked { at } else { fixed + at }];
                given.push(reshaped(builder, residual, self.parts.region().ty(value))?);
            }
            builder.inline(&part, &given)
        })?;
        let dimension = dimension(self.op, inputs, count, &body);
        let linear = Scan { dimension, inputs, carried: count, body, ..self.op.clone() };
        builder.push_all(linear, &operands)
    }

    /// The residuals that are the same in all rounds.
    fn computed_outside(&self, builder: &mut Builder, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        if self.outside.is_empty() {
            return Ok(Vec::new());
        }
        let is_same = self.same_in_all_rounds();
        let part = rewrite::part(self.parts.region(), &[], |id| is_same[id.index()], &self.outside)?;
        let constants = self.carried().end..operands.len();
        let given = chosen(&operands[constants.clone()], &opposite(&self.linear[constants]));
        builder.inline(&rewrite::dead_code(&part)?, &given)
    }
}

/// The type of a slice that can be stacked along a dimension: of its rank at least.
fn stackable(ty: &TensorType, dimension: usize) -> TensorType {
    let missing = dimension.saturating_sub(ty.rank());
    ty.with_shape([vec![1; missing], ty.shape.clone()].concat())
}

fn reshaped(builder: &mut Builder, value: Value, ty: &TensorType) -> Result<Value, BuildError> {
    if builder.graph().ty(value) == ty { Ok(value) } else { builder.reshape(value, ty.shape.clone()) }
}
