//! Functions with a derivative of their own, for many members: body and rule over all of them.

use choral_ir::op::Binary;
use choral_ir::{BuildError, Builder, Graph, Value};

use super::derived::{Derived, Rule, Ways};
use crate::transform::rewrite;
use crate::transform::walk::{differ_between_members, over_members};

/// Which entries one of two lists names.
fn either(one: &[bool], other: &[bool]) -> Vec<bool> {
    one.iter().zip(other).map(|(one, other)| *one || *other).collect()
}

impl Derived {
    /// The function for many members, of which `mapped` says which operands differ between them, and which results
    /// do. What is mapped has the members first.
    pub(super) fn over_members(
        &self,
        members: usize,
        mapped: &[bool],
    ) -> Result<(Derived, Vec<bool>), BuildError> {
        let mut results = differ_between_members(&self.body, members, mapped)?;
        let rule = match &self.rule {
            Rule::Stop => Rule::Stop,
            Rule::Remat => Rule::Remat,
            Rule::Jvp(rule) => {
                let given = [mapped, mapped].concat();
                let returned = differ_between_members(rule, members, &given)?;
                let (values, tangents) = returned.split_at(results.len());
                results = either(&results, &either(values, tangents));
                Rule::Jvp(over_members(rule, members, &given, &[&results[..], &results].concat())?.into())
            }
            Rule::Vjp(ways) => {
                let returned = differ_between_members(&ways.forward, members, mapped)?;
                let (values, residuals) = returned.split_at(results.len());
                results = either(&results, values);
                let forward = over_members(&ways.forward, members, mapped, &[&results, residuals].concat())?;
                let given = [residuals, &results].concat();
                let backward = backward(&ways.backward, members, &given, mapped)?;
                Rule::Vjp(Ways { forward: forward.into(), backward: backward.into() })
            }
        };
        let body = over_members(&self.body, members, mapped, &results)?.into();
        Ok((Derived { body, rule }, results))
    }
}

/// The way back for many members. What they share gets the sum of their cotangents.
fn backward(graph: &Graph, members: usize, given: &[bool], operands: &[bool]) -> Result<Graph, BuildError> {
    let by_each = over_members(graph, members, given, &vec![true; operands.len()])?;
    let mut builder = Builder::new(graph.name());
    let inputs = rewrite::copy_inputs(&mut builder, &by_each);
    let mut returned: Vec<Value> = builder.inline(&by_each, &inputs)?;
    for (cotangent, _) in returned.iter_mut().zip(operands).filter(|(_, mapped)| !**mapped) {
        let dtype = builder.graph().ty(*cotangent).dtype;
        let zero = builder.full(0.0, dtype, []);
        *cotangent = builder.reduce(*cotangent, zero, vec![0], Binary::Add)?;
    }
    Ok(builder.finish(&returned))
}
