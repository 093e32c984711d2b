//! Batch normalisation as one op, by the specification's own decompositions: statistics and scales are
//! computed per feature, and repeated along the other dimensions. All of it is computed in the type
//! that 16-bit floats accumulate in, and rounded once.

use super::super::call::{Call, Reason};
use super::super::dense;
use super::expansion::{operands, type_of};
use crate::graph::Value;
use crate::op::{Binary, Unary};
use crate::{Builder, DType, TensorType};

/// An operand, and which of its dimensions are the features.
struct Features<'b> {
    builder: &'b mut Builder,
    /// The operand's type, in the element type that is computed in.
    ty: TensorType,
    /// The element type of operands and results.
    dtype: DType,
    feature: usize,
    epsilon: Value,
}

impl<'b> Features<'b> {
    /// Takes `feature_index` and `epsilon`; the other operands of the call have a feature's shape.
    fn of(builder: &'b mut Builder, call: &mut Call<'_>) -> Result<Features<'b>, Reason> {
        let operand = call.operands.first().ok_or("expected operands, found none")?;
        let ty = type_of(builder, *operand);
        let feature = call.attributes.size(&["feature_index"])?;
        let features = *ty
            .shape
            .get(feature)
            .ok_or_else(|| Reason::Said(format!("feature_index {feature} is out of range for {ty} (C1)")))?;
        if !ty.dtype.is_float() {
            return Err(format!("expected floats, got {ty}").into());
        }
        let epsilon = call.attributes.read(&["epsilon"], |value| {
            let literal = match value.integer() {
                Ok(integer) => format!("{integer}.0"),
                Err(_) => value.word()?.to_owned(),
            };
            let number = dense::scalar(DType::F32, &literal).or_else(|| dense::scalar(DType::F64, &literal));
            number.map(|number| number.to_f64_vec()[0]).ok_or_else(|| value.not("a number"))
        })?;
        call.attributes.finish()?;
        let (dtype, ty) = (ty.dtype, ty.with_dtype(ty.dtype.accumulator()));
        let epsilon = builder.full(epsilon, ty.dtype, [features]);
        Ok(Features { builder, ty, dtype, feature, epsilon })
    }

    /// A value of the operand's shape, to compute with.
    fn whole(&mut self, value: Value) -> Result<Value, Reason> {
        self.taken(value, self.ty.with_dtype(self.dtype), "as the operand")
    }

    /// Numbers, one per feature, to compute with.
    fn numbers<const N: usize>(&mut self, values: [Value; N]) -> Result<[Value; N], Reason> {
        let expected = TensorType::new([self.ty.shape[self.feature]], self.dtype);
        let mut wide = values;
        for value in &mut wide {
            *value = self.taken(*value, expected.clone(), "one number per feature")?;
        }
        Ok(wide)
    }

    fn taken(&mut self, value: Value, expected: TensorType, meaning: &str) -> Result<Value, Reason> {
        let got = type_of(self.builder, value);
        if got != expected {
            return Err(format!("expected {expected}, {meaning}, got {got}").into());
        }
        Ok(self.builder.as_dtype(value, self.ty.dtype)?)
    }

    /// Results in the operands' element type.
    fn rounded(&mut self, results: &[Value]) -> Result<Vec<Value>, Reason> {
        results.iter().map(|&result| Ok(self.builder.as_dtype(result, self.dtype)?)).collect()
    }

    /// Numbers per feature, repeated along the other dimensions.
    fn repeat(&mut self, value: Value) -> Result<Value, Reason> {
        Ok(self.builder.broadcast_in_dim(value, self.ty.shape.clone(), vec![self.feature])?)
    }

    fn binary(&mut self, op: Binary, lhs: Value, rhs: Value) -> Result<Value, Reason> {
        Ok(self.builder.binary(op, lhs, rhs)?)
    }

    /// The op of a value of the operand's shape and of numbers per feature.
    fn per_feature(&mut self, op: Binary, value: Value, numbers: Value) -> Result<Value, Reason> {
        let numbers = self.repeat(numbers)?;
        self.binary(op, value, numbers)
    }

    /// The sum over all dimensions but the features'.
    fn sum(&mut self, value: Value) -> Result<Value, Reason> {
        let zero = self.builder.full(0.0, self.ty.dtype, []);
        let others = (0..self.ty.rank()).filter(|&dim| dim != self.feature).collect();
        Ok(self.builder.reduce(value, zero, others, Binary::Add)?)
    }

    /// How many elements a feature has, for each feature.
    fn elements(&mut self) -> Value {
        let others = self.ty.shape.iter().enumerate().filter(|(dim, _)| *dim != self.feature);
        let count = others.fold(1.0, |count, (_, &size)| count * size as f64);
        self.builder.full(count, self.ty.dtype, [self.ty.shape[self.feature]])
    }

    fn mean(&mut self, value: Value) -> Result<Value, Reason> {
        let (sum, count) = (self.sum(value)?, self.elements());
        self.binary(Binary::Divide, sum, count)
    }

    /// `sqrt(variance + epsilon)`.
    fn deviation(&mut self, variance: Value) -> Result<Value, Reason> {
        let variance = self.binary(Binary::Add, variance, self.epsilon)?;
        Ok(self.builder.unary(Unary::Sqrt, variance)?)
    }

    /// `scale * (operand - mean) / deviation + offset`.
    fn normalize(
        &mut self,
        operand: Value,
        [scale, offset, mean, variance]: [Value; 4],
    ) -> Result<Value, Reason> {
        let deviation = self.deviation(variance)?;
        let centered = self.per_feature(Binary::Subtract, operand, mean)?;
        let normal = self.per_feature(Binary::Divide, centered, deviation)?;
        let scaled = self.per_feature(Binary::Multiply, normal, scale)?;
        self.per_feature(Binary::Add, scaled, offset)
    }
}

/// Operands `operand`, `scale`, `offset`, `mean`, `variance`.
pub(super) fn batch_norm_inference(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let [operand, statistics @ ..]: [Value; 5] = operands(&call)?;
    let mut features = Features::of(builder, &mut call)?;
    let (operand, statistics) = (features.whole(operand)?, features.numbers(statistics)?);
    let output = features.normalize(operand, statistics)?;
    features.rounded(&[output])
}

/// Operands `operand`, `scale`, `offset`; results `output`, `batch_mean`, `batch_var`.
pub(super) fn batch_norm_training(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let [operand, scale, offset] = operands(&call)?;
    let mut features = Features::of(builder, &mut call)?;
    let (operand, [scale, offset]) = (features.whole(operand)?, features.numbers([scale, offset])?);
    let mean = features.mean(operand)?;
    let centered = features.per_feature(Binary::Subtract, operand, mean)?;
    let squares = features.binary(Binary::Multiply, centered, centered)?;
    let variance = features.mean(squares)?;
    let output = features.normalize(operand, [scale, offset, mean, variance])?;
    features.rounded(&[output, mean, variance])
}

/// Operands `operand`, `scale`, `mean`, `variance`, `grad_output`; results `grad_operand`, `grad_scale`,
/// `grad_offset`. The steps `i1` to `i6` are the specification's.
pub(super) fn batch_norm_grad(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    use Binary::{Add, Divide, Multiply, Subtract};
    let [operand, scale, mean, variance, grad_output] = operands(&call)?;
    let mut features = Features::of(builder, &mut call)?;
    let [scale, mean, variance] = features.numbers([scale, mean, variance])?;
    let (operand, grad_output) = (features.whole(operand)?, features.whole(grad_output)?);
    let centered = features.per_feature(Subtract, operand, mean)?;
    let deviation = features.deviation(variance)?;
    let normalized = features.per_feature(Divide, centered, deviation)?;
    let elements = features.elements();
    let grad_offset = features.sum(grad_output)?;
    let products = features.binary(Multiply, grad_output, centered)?;
    let products = features.sum(products)?;
    let i1 = features.per_feature(Multiply, grad_output, elements)?;
    let i4 = features.per_feature(Multiply, centered, products)?;
    let shifted = features.binary(Add, variance, features.epsilon)?;
    let i5 = features.per_feature(Divide, i4, shifted)?;
    let i6 = features.per_feature(Subtract, i1, grad_offset)?;
    let i6 = features.binary(Subtract, i6, i5)?;
    let slope = features.binary(Divide, scale, deviation)?;
    let slope = features.binary(Divide, slope, elements)?;
    let grad_operand = features.per_feature(Multiply, i6, slope)?;
    let by_scale = features.binary(Multiply, grad_output, normalized)?;
    let grad_scale = features.sum(by_scale)?;
    features.rounded(&[grad_operand, grad_scale, grad_offset])
}
