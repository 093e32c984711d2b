//! A linear scan, walked the other way: cotangents of what it carried are carried, those of its inputs are stacked,
//! and those of its constants are summed from round to round.

use std::sync::Arc;

use choral_ir::op::{Scan, Transposed};
use choral_ir::{BuildError, Builder, Graph, TensorType, Value};

use super::super::{chosen, declared_inputs, opposite, region};
use super::dimension;
use crate::transform::differentiate::backward;
use crate::transform::dual::{added, if_known, is_linear, type_of, zeros};

/// The cotangents of the linear operands.
pub(in super::super) fn transpose(
    builder: &mut Builder,
    op: &Scan,
    operands: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    let way = Way::of(op, operands, cotangents)?;
    let known = |operands: &[Transposed]| operands.iter().filter_map(if_known).collect::<Vec<Value>>();
    let walked = [known(&operands[..op.inputs]), there(&cotangents[..op.outputs()])].concat();
    let last = cotangents[op.outputs()..].iter().zip(&operands[op.inputs..]).zip(&way.given[op.outputs()..]);
    let mut carried = Vec::new();
    for ((cotangent, operand), _) in last.filter(|(_, given)| **given) {
        let ty = type_of(builder, operand);
        carried.push(cotangent.unwrap_or_else(|| zeros(builder, &ty)));
    }
    carried.extend(way.sums().iter().map(|ty| zeros(builder, ty)));
    let constants = known(&operands[op.inputs + op.carried..]);
    let body = way.body()?;
    let (inputs, count) = (walked.len(), carried.len());
    let dimension = dimension(op, inputs, count, &body);
    let is_reverse = !op.is_reverse;
    let transposed = Scan { dimension, is_reverse, inputs, carried: count, body, ..op.clone() };
    let mut results = builder.push_all(transposed, &[walked, carried, constants].concat())?.into_iter();
    let mut back = Vec::with_capacity(operands.len());
    for (operand, &returned) in operands.iter().zip(&way.returned) {
        let result = if returned { results.next() } else { None };
        let dtype = type_of(builder, operand).dtype;
        let wanted = result.filter(|_| is_linear(operand));
        back.push(wanted.map(|result| builder.as_dtype(result, dtype)).transpose()?);
    }
    Ok(back)
}

fn there(values: &[Option<Value>]) -> Vec<Value> {
    values.iter().copied().flatten().collect()
}

/// The way back through a scan.
struct Way<'op> {
    op: &'op Scan,
    /// Which inputs of the body are linear.
    linear: Vec<bool>,
    /// Which outputs of the body have cotangents in some round.
    given: Vec<bool>,
    /// Which inputs of the body have.
    returned: Vec<bool>,
}

impl<'op> Way<'op> {
    fn of(
        op: &'op Scan,
        operands: &[Transposed],
        cotangents: &[Option<Value>],
    ) -> Result<Way<'op>, BuildError> {
        let carried = op.inputs..op.inputs + op.carried;
        let mut linear: Vec<bool> = operands.iter().map(is_linear).collect();
        // The zeros that a linear scan starts from are known; what it makes of them is not.
        linear[carried.clone()].fill(true);
        let mut given: Vec<bool> = cotangents.iter().map(Option::is_some).collect();
        let mut returned = loop {
            let found = backward::has_cotangents(&op.body, &linear, &given)?;
            let before = given.clone();
            let carried = given[op.outputs()..].iter_mut().zip(&found[carried.clone()]);
            carried.for_each(|(given, found)| *given |= found);
            if given == before {
                break found;
            }
        };
        returned[carried].copy_from_slice(&given[op.outputs()..]);
        Ok(Way { op, linear, given, returned })
    }

    /// The types that cotangents of constants are summed in.
    fn sums(&self) -> Vec<TensorType> {
        let constants = self.op.inputs + self.op.carried;
        let types = &self.op.body.input_types()[constants..];
        let wide = |ty: TensorType| ty.with_dtype(ty.dtype.accumulator());
        chosen(types, &self.returned[constants..]).into_iter().map(wide).collect()
    }

    /// The body of the way back: it takes the known slices and the cotangents of outputs, the cotangents of what is
    /// carried and the sums so far, and the known constants.
    fn body(&self) -> Result<Arc<Graph>, BuildError> {
        let op = self.op;
        let back = backward::region(&op.body, &self.linear, &self.given, &self.returned)?;
        let count = |named: &[bool]| named.iter().filter(|named| **named).count();
        let slices = count(&opposite(&self.linear[..op.inputs]));
        let constants = count(&opposite(&self.linear[op.inputs + op.carried..]));
        let (outputs, carried) = self.given.split_at(op.outputs());
        let (outputs, carried) = (count(outputs), count(carried));
        let sums = self.sums();
        // What `back` takes: slices, constants, cotangents of outputs, of carried values.
        let own = declared_inputs(&back);
        let (slices_in, rest) = own.split_at(slices);
        let (constants_in, cotangents_in) = rest.split_at(constants);
        let sums_in: Vec<_> = sums.iter().map(|ty| ("sum".to_owned(), ty.clone())).collect();
        let inputs = [slices_in, cotangents_in, &sums_in, constants_in].concat();
        region(op.body.name(), &inputs, |builder, inputs| {
            let (slices, rest) = inputs.split_at(slices);
            let (cotangents, rest) = rest.split_at(outputs + carried);
            let (sums, constants) = rest.split_at(sums.len());
            let mut made = builder.inline(&back, &[slices, constants, cotangents].concat())?;
            let first = made.len() - sums.len();
            for (made, &sum) in made[first..].iter_mut().zip(sums) {
                let dtype = builder.graph().ty(sum).dtype;
                let term = builder.as_dtype(*made, dtype)?;
                *made = added(builder, sum, term)?;
            }
            Ok(made)
        })
    }
}
