//! Functions with a derivative of their own, as one op: its body, and the rule that it is differentiated by.
//!
//! Under `vmap` body and rule are mapped alike, and stay together.

use std::sync::Arc;

use choral_ir::op::{ControlOp, Custom, CustomOp, Transposed};
use choral_ir::{BuildError, Builder, Graph, Tensor, TensorType, Value};

use super::tangents::Tangents;
use super::{members_first, types_of_results};
use crate::transform::differentiate::{backward, forward, split};
use crate::transform::rewrite;

/// A traced function and how it is differentiated.
#[derive(Debug, Clone)]
pub(super) struct Derived {
    pub(super) body: Arc<Graph>,
    pub(super) rule: Rule,
}

/// How a function is differentiated.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// Its results count as constants.
    Stop,
    /// This takes the operands and a tangent of each, and returns the results and a tangent of each.
    Jvp(Arc<Graph>),
    /// What is kept on the way out, and the way back.
    Vjp(Ways),
    /// By its body, which computes on the way back what it needs of the operands again.
    Remat,
}

/// The ways of a function with a rule for cotangents.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    /// It takes the operands, and returns the results, then residuals.
    pub(super) forward: Arc<Graph>,
    /// It takes the residuals and a cotangent of each result, and returns a cotangent of each operand.
    pub(super) backward: Arc<Graph>,
}

/// A value, and its tangent unless that is zeros.
type Pair = (Value, Option<Value>);

/// The tangent of a value, zeros written out.
fn tangent_of(builder: &mut Builder, (value, tangent): Pair) -> Value {
    let ty = builder.graph().ty(value).clone();
    tangent.unwrap_or_else(|| builder.full(0.0, ty.dtype, ty.shape))
}

impl Derived {
    /// The op again, and its tangents by another that computes what it needs from the operands.
    fn again(&self, builder: &mut Builder, operands: &[Pair]) -> Result<Vec<Pair>, BuildError> {
        let mut given: Vec<Value> = operands.iter().map(|(value, _)| *value).collect();
        let results = builder.push_all(Custom::new(self.clone()), &given)?;
        let has_tangent: Vec<bool> = operands.iter().map(|(_, tangent)| tangent.is_some()).collect();
        let found = forward::has_tangents(&self.body, &has_tangent)?;
        let whole = forward::region(&self.body, &has_tangent, &found)?;
        let tangents: Vec<Value> = whole.outputs()[results.len()..].iter().map(|port| port.value).collect();
        let body = rewrite::dead_code(&rewrite::part(&whole, &[], |_| true, &tangents)?)?.into();
        given.extend(operands.iter().filter_map(|(_, tangent)| *tangent));
        let tangents = builder.push_all(Custom::new(Derived { body, rule: Rule::Remat }), &given)?;
        let mut tangents = tangents.into_iter();
        let pair = |(value, found)| (value, if found { tangents.next() } else { None });
        Ok(results.into_iter().zip(found).map(pair).collect())
    }
}

impl CustomOp for Derived {
    fn name(&self) -> &'static str {
        match self.rule {
            Rule::Stop => "choral.stop_gradient",
            Rule::Jvp(_) => "choral.custom_jvp",
            Rule::Vjp(_) => "choral.custom_vjp",
            Rule::Remat => "choral.remat",
        }
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, String> {
        types_of_results(&self.body, operands)
    }

    fn evaluate(&self, _operands: &[Tensor]) -> Result<Vec<Tensor>, String> {
        Err("runs by its body".to_owned())
    }

    fn batch(
        &self,
        builder: &mut Builder,
        members: usize,
        operands: &[(Value, Option<usize>)],
    ) -> Result<Vec<(Value, Option<usize>)>, BuildError> {
        let (values, mapped) = members_first(builder, operands)?;
        let (op, results) = self.over_members(members, &mapped)?;
        let made = builder.push_all(Custom::new(op), &values)?;
        Ok(made.into_iter().zip(results).map(|(value, mapped)| (value, mapped.then_some(0))).collect())
    }

    fn jvp(
        &self,
        builder: &mut Builder,
        operands: &[(Value, Option<Value>)],
    ) -> Result<Vec<(Value, Option<Value>)>, BuildError> {
        let values: Vec<Value> = operands.iter().map(|(value, _)| *value).collect();
        match &self.rule {
            Rule::Stop => {
                let results = builder.push_all(Custom::new(self.clone()), &values)?;
                Ok(results.into_iter().map(|value| (value, None)).collect())
            }
            Rule::Jvp(rule) => {
                let tangents: Vec<Value> = operands.iter().map(|&pair| tangent_of(builder, pair)).collect();
                let made = builder.inline(rule, &[values, tangents].concat())?;
                let (results, tangents) = made.split_at(made.len() / 2);
                Ok(results.iter().copied().zip(tangents.iter().copied().map(Some)).collect())
            }
            Rule::Vjp(ways) => {
                let mut results = builder.inline(&ways.forward, &values)?;
                let mut given = results.split_off(self.body.outputs().len());
                let residuals = given.len();
                for (&pair, ty) in operands.iter().zip(self.body.input_types()) {
                    if ty.dtype.is_float() {
                        given.push(tangent_of(builder, pair));
                    }
                }
                let tangents = Tangents {
                    backward: Arc::clone(&ways.backward),
                    residuals,
                    inputs: self.body.input_types(),
                    outputs: self.body.output_types(),
                };
                let mut tangents = builder.push_all(Custom::new(tangents), &given)?.into_iter();
                let pair = |(value, ty): (Value, TensorType)| {
                    (value, if ty.dtype.is_float() { tangents.next() } else { None })
                };
                Ok(results.into_iter().zip(self.body.output_types()).map(pair).collect())
            }
            Rule::Remat => self.again(builder, operands),
        }
    }

    /// By the body. What is computed again reads the operands behind a barrier: else it would be one with what was
    /// computed on the way out.
    fn transpose(
        &self,
        builder: &mut Builder,
        operands: &[Transposed],
        cotangents: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, BuildError> {
        let linear: Vec<bool> =
            operands.iter().map(|operand| matches!(operand, Transposed::Linear(_))).collect();
        let body = split::split(&self.body, &linear)?.graph;
        let known = |operand: &Transposed| match operand {
            Transposed::Known(value) => Some(*value),
            Transposed::Linear(_) => None,
        };
        let known: Vec<Value> = operands.iter().filter_map(known).collect();
        let mut kept = match self.rule {
            Rule::Remat if !known.is_empty() => builder.push_all(ControlOp::OptimizationBarrier, &known)?,
            Rule::Remat | Rule::Stop | Rule::Jvp(_) | Rule::Vjp(_) => known,
        }
        .into_iter();
        let behind = |operand: &Transposed| match operand {
            Transposed::Known(value) => Transposed::Known(kept.next().unwrap_or(*value)),
            Transposed::Linear(ty) => Transposed::Linear(ty.clone()),
        };
        let operands: Vec<Transposed> = operands.iter().map(behind).collect();
        backward::cotangents(builder, &body, &operands, cotangents)
    }

    fn body(&self) -> Option<&Graph> {
        Some(&self.body)
    }

    fn made_of(&self) -> Option<Vec<&Graph>> {
        let mut graphs = vec![&*self.body];
        match &self.rule {
            Rule::Stop | Rule::Remat => {}
            Rule::Jvp(rule) => graphs.push(rule),
            Rule::Vjp(Ways { forward, backward }) => graphs.extend([&**forward, backward]),
        }
        Some(graphs)
    }

    fn has_derivative(&self) -> bool {
        true
    }
}
