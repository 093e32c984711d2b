//! The tangents of a function that only has a rule for cotangents: an op that is nothing but that rule.

use std::sync::Arc;

use choral_ir::op::{CustomOp, Transposed};
use choral_ir::{BuildError, Builder, Graph, Tensor, TensorType, TypeError, Value};

/// The tangents of results, for residuals and the tangents of operands; of both only those of floats.
#[derive(Debug)]
pub(super) struct Tangents {
    /// It takes the residuals and a cotangent of each result, and returns a cotangent of each operand.
    pub(super) backward: Arc<Graph>,
    pub(super) residuals: usize,
    /// The types of the function's operands.
    pub(super) inputs: Vec<TensorType>,
    /// The types of its results.
    pub(super) outputs: Vec<TensorType>,
}

fn floats(types: &[TensorType]) -> impl Iterator<Item = &TensorType> {
    types.iter().filter(|ty| ty.dtype.is_float())
}

const NO_TANGENTS: &str = "a custom_vjp says how cotangents go back, and not how tangents go forward; use grad or vjp, \
                           or give the function a custom_jvp";

impl Tangents {
    fn refused(&self, builder: &Builder) -> BuildError {
        let cause = TypeError { message: NO_TANGENTS.to_owned(), constraint: "rule" };
        BuildError { op: self.name(), operands: Vec::new(), cause, location: builder.description().1 }
    }
}

impl CustomOp for Tangents {
    fn name(&self) -> &'static str {
        "choral.custom_vjp.tangents"
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, String> {
        let tangents = operands.get(self.residuals..).unwrap_or_default();
        if tangents.iter().copied().eq(floats(&self.inputs)) {
            Ok(floats(&self.outputs).cloned().collect())
        } else {
            Err("the function was traced on other types".to_owned())
        }
    }

    fn evaluate(&self, _operands: &[Tensor]) -> Result<Vec<Tensor>, String> {
        Err(NO_TANGENTS.to_owned())
    }

    fn batch(
        &self,
        builder: &mut Builder,
        _members: usize,
        _operands: &[(Value, Option<usize>)],
    ) -> Result<Vec<(Value, Option<usize>)>, BuildError> {
        Err(self.refused(builder))
    }

    fn jvp(
        &self,
        builder: &mut Builder,
        _operands: &[(Value, Option<Value>)],
    ) -> Result<Vec<(Value, Option<Value>)>, BuildError> {
        Err(self.refused(builder))
    }

    /// What the function's rule returns.
    fn transpose(
        &self,
        builder: &mut Builder,
        operands: &[Transposed],
        cotangents: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, BuildError> {
        let mut given = Vec::with_capacity(self.backward.inputs().len());
        for residual in &operands[..self.residuals] {
            match residual {
                Transposed::Known(value) => given.push(*value),
                Transposed::Linear(_) => return Err(self.refused(builder)),
            }
        }
        let mut cotangents = cotangents.iter().copied();
        for ty in &self.outputs {
            let cotangent = if ty.dtype.is_float() { cotangents.next().flatten() } else { None };
            given.push(cotangent.unwrap_or_else(|| builder.full(0.0, ty.dtype, ty.shape.clone())));
        }
        let back = builder.inline(&self.backward, &given)?;
        let of_floats = back.into_iter().zip(&self.inputs).filter(|(_, ty)| ty.dtype.is_float());
        let of_tangents =
            of_floats.zip(&operands[self.residuals..]).map(|((cotangent, _), operand)| match operand {
                Transposed::Linear(_) => Some(cotangent),
                Transposed::Known(_) => None,
            });
        Ok(vec![None; self.residuals].into_iter().chain(of_tangents).collect())
    }
}
