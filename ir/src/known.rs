//! Bodies that are known by what they compute: a binary op, the second of two, an extreme.
//!
//! Lives here: making them. What a body by another hand is says [`crate::fold`].

use crate::fold::Extreme;
use crate::op::Binary;
use crate::{BuildError, Builder, DType, Graph, TensorType, Value};

impl Graph {
    /// The region that folds two scalars with one binary op.
    ///
    /// # Errors
    /// If the op does not take the element type.
    pub fn reducer(op: Binary, dtype: DType) -> Result<Graph, BuildError> {
        let mut builder = Builder::new("reducer");
        let lhs = builder.input("lhs", TensorType::scalar(dtype));
        let rhs = builder.input("rhs", TensorType::scalar(dtype));
        let result = builder.binary(op, lhs, rhs)?;
        Ok(builder.finish(&[result]))
    }

    /// The region that keeps the second of two scalars: what overwriting folds with.
    pub fn second(dtype: DType) -> Graph {
        let mut builder = Builder::new("reducer");
        builder.input("lhs", TensorType::scalar(dtype));
        let rhs = builder.input("rhs", TensorType::scalar(dtype));
        builder.finish(&[rhs])
    }

    /// The region of `argmax` and `argmin` as JAX writes it: `(value, place, other, other_place)`,
    /// where NaN comes before all, and of equal values the lower place.
    ///
    /// # Errors
    /// If values or places of these types have no order.
    pub fn extreme(extreme: Extreme, values: DType, places: DType) -> Result<Graph, BuildError> {
        let mut builder = Builder::new("reducer");
        let names = ["value", "place", "other", "other_place"];
        let inputs = names.into_iter().zip([values, places, values, places]);
        let mut made: Vec<Value> =
            inputs.map(|(name, dtype)| builder.input(name, TensorType::scalar(dtype))).collect();
        for (op, operands) in extreme.steps() {
            let operands: Vec<Value> = operands.iter().map(|&at| made[at]).collect();
            made.push(builder.push(op, &operands)?);
        }
        Ok(builder.finish(&Extreme::OUTPUTS.map(|at| made[at])))
    }
}
