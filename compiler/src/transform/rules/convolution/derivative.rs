//! Tangents and cotangents of convolutions, which are linear in input and kernel each.
//!
//! The cotangent of either is one convolution again, of the result's cotangent and the other operand: along each
//! line of places, `out[y] = sum(kernel[k] input[j])` over all `j` and `k` with
//! `j lhs_dilation = y stride + k rhs_dilation - low`, and that equation is read for another unknown. What plays
//! which part is said by attributes, so nothing is moved: groups become batching dimensions, which are
//! reshapes; batching dimensions that the operand lacks are summed over, as lines under windows that span them.

use choral_ir::op::convolution::extent;
use choral_ir::op::{BatchingDim, Convolution, Layout, Reverse, Transposed};
use choral_ir::{BuildError, Builder, Op, TensorType, Value};

use crate::transform::dual::{Dual, bilinear, is_linear, known, type_of, zeros};
use crate::transform::rules::shape::reshaped;

/// The convolution, and those of each operand with the other's tangent.
pub(crate) fn jvp(builder: &mut Builder, op: &Convolution, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    bilinear(builder, &op.clone().into(), duals)
}

/// The cotangent of the input or of the kernel.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &Convolution,
    operands: &[Transposed],
    cotangent: Value,
) -> Result<Vec<Option<Value>>, BuildError> {
    let is_input = is_linear(&operands[0]);
    let (own, other) = if is_input { (0, 1) } else { (1, 0) };
    let ty = type_of(builder, &operands[own]);
    let other_ty = type_of(builder, &operands[other]);
    let other = known(&op.clone().into(), &operands[other])?;
    let result = builder.graph().ty(cotangent).clone();
    let back = if ty.is_empty() || other_ty.is_empty() || result.is_empty() {
        zeros(builder, &ty)
    } else {
        let (plain, groups) = ungrouped(op);
        let cotangent = groups.split(builder, cotangent, op.output.feature)?;
        let other = builder.as_dtype(other, result.dtype)?;
        let back = if is_input {
            let kernel = groups.split(builder, other, op.kernel.batch)?;
            let input = groups.split_type(&ty, groups.of_input);
            of_input(builder, &Convolution { dtype: ty.dtype, ..plain }, &input, cotangent, kernel)?
        } else {
            let input = groups.split(builder, other, groups.of_input)?;
            let kernel = groups.split_type(&ty, op.kernel.batch);
            of_kernel(builder, &Convolution { dtype: ty.dtype, ..plain }, &kernel, cotangent, input)?
        };
        reshaped(builder, back, &ty.shape)?
    };
    Ok(if is_input { vec![Some(back), None] } else { vec![None, Some(back)] })
}

/// The groups of a convolution: their number, and the dimension of the input that holds them.
struct Groups {
    count: usize,
    of_input: usize,
}

impl Groups {
    /// A type with the groups, which dimension `at` holds, as a dimension of their own before it.
    fn split_type(&self, ty: &TensorType, at: usize) -> TensorType {
        let mut shape = ty.shape.clone();
        if self.count > 1 {
            shape[at] /= self.count;
            shape.insert(at, self.count);
        }
        ty.with_shape(shape)
    }

    fn split(&self, builder: &mut Builder, value: Value, at: usize) -> Result<Value, BuildError> {
        let ty = self.split_type(builder.graph().ty(value), at);
        reshaped(builder, value, &ty.shape)
    }
}

/// The convolution with its groups as a batching dimension, before the dimension that held them; and the groups.
fn ungrouped(op: &Convolution) -> (Convolution, Groups) {
    let of_input = if op.batch_group_count > 1 { op.input.batch } else { op.input.feature };
    let groups = Groups { count: op.batch_group_count * op.feature_group_count, of_input };
    if groups.count == 1 {
        return (op.clone(), groups);
    }
    let past = |at: usize| move |dim: usize| dim + usize::from(dim >= at);
    let [input, kernel, output] = [of_input, op.kernel.batch, op.output.feature];
    let moved = |dim: &BatchingDim| BatchingDim {
        input: dim.input.map(past(input)),
        kernel: dim.kernel.map(past(kernel)),
        output: past(output)(dim.output),
    };
    let members = BatchingDim { input: Some(input), kernel: Some(kernel), output };
    let plain = Convolution {
        batching_dims: std::iter::once(members).chain(op.batching_dims.iter().map(moved)).collect(),
        input: op.input.map(past(input)),
        kernel: op.kernel.map(past(kernel)),
        output: op.output.map(past(output)),
        feature_group_count: 1,
        batch_group_count: 1,
        ..op.clone()
    };
    (plain, groups)
}

/// The cotangent of an input of type `input`: the kernel, turned around, slides over the result's cotangent.
fn of_input(
    builder: &mut Builder,
    op: &Convolution,
    input: &TensorType,
    cotangent: Value,
    kernel: Value,
) -> Result<Value, BuildError> {
    let (result, window) = (builder.graph().ty(cotangent).clone(), builder.graph().ty(kernel).clone());
    let spatial = 0..op.strides.len();
    let padding = |at: usize| {
        let own = span(input.shape[op.input.spatial[at]], op.lhs_dilation[at]);
        let given = span(result.shape[op.output.spatial[at]], op.strides[at]);
        let window = span(window.shape[op.kernel.spatial[at]], op.rhs_dilation[at]);
        let (low, _) = op.padding[at];
        ((window - 1).saturating_sub(low), (own - given).saturating_add(low))
    };
    let back = Convolution {
        batching_dims: Vec::new(),
        input: op.output.clone(),
        kernel: exchanged(&op.kernel),
        output: op.input.clone(),
        strides: op.lhs_dilation.clone(),
        padding: spatial.map(padding).collect(),
        lhs_dilation: op.strides.clone(),
        rhs_dilation: op.rhs_dilation.clone(),
        reversal: op.reversal.iter().map(|reversal| !reversal).collect(),
        ..op.clone()
    };
    let parts =
        op.batching_dims.iter().map(|dim| Part { lhs: Some(dim.output), rhs: dim.kernel, result: dim.input });
    batched(builder, back, parts.collect(), &[cotangent, kernel])
}

/// The cotangent of a kernel of type `kernel`: the result's cotangent, as a kernel, slides over the input.
fn of_kernel(
    builder: &mut Builder,
    op: &Convolution,
    kernel: &TensorType,
    cotangent: Value,
    input: Value,
) -> Result<Value, BuildError> {
    let (result, over) = (builder.graph().ty(cotangent).clone(), builder.graph().ty(input).clone());
    let spatial = 0..op.strides.len();
    let padding = |at: usize| {
        let own = span(kernel.shape[op.kernel.spatial[at]], op.rhs_dilation[at]);
        let window = span(result.shape[op.output.spatial[at]], op.strides[at]);
        let over = span(over.shape[op.input.spatial[at]], op.lhs_dilation[at]);
        let (low, _) = op.padding[at];
        (low, (own - 1 + window - over).saturating_sub(low))
    };
    let back = Convolution {
        batching_dims: Vec::new(),
        input: exchanged(&op.input),
        kernel: exchanged(&op.output),
        output: exchanged(&op.kernel),
        strides: op.rhs_dilation.clone(),
        padding: spatial.map(padding).collect(),
        lhs_dilation: op.lhs_dilation.clone(),
        rhs_dilation: op.strides.clone(),
        reversal: vec![false; op.reversal.len()],
        ..op.clone()
    };
    let parts =
        op.batching_dims.iter().map(|dim| Part { lhs: dim.input, rhs: Some(dim.output), result: dim.kernel });
    let back = batched(builder, back, parts.collect(), &[input, cotangent])?;
    let spatial = op.kernel.spatial.iter().zip(&op.reversal);
    let dims: Vec<usize> = spatial.filter(|(_, reversal)| **reversal).map(|(&dim, _)| dim).collect();
    if dims.is_empty() { Ok(back) } else { builder.push(Reverse { dims }, &[back]) }
}

/// From the first to the last of elements, of which there are some, that lie `dilation` apart. One that does not fit
/// 64 bits is too large for the op's type rule, too.
fn span(size: usize, dilation: usize) -> i64 {
    extent(size, dilation).unwrap_or(i64::MAX)
}

/// The layout with batch and feature exchanged: what was summed is kept, and the other way round.
fn exchanged(layout: &Layout) -> Layout {
    Layout { batch: layout.feature, feature: layout.batch, spatial: layout.spatial.clone() }
}

/// A dimension of independent convolutions: where it lies in both operands and in the result.
struct Part {
    lhs: Option<usize>,
    rhs: Option<usize>,
    result: Option<usize>,
}

/// The convolution over batching dimensions; those that its result lacks are lines that one window spans, which
/// sums over them.
fn batched(
    builder: &mut Builder,
    mut op: Convolution,
    parts: Vec<Part>,
    operands: &[Value],
) -> Result<Value, BuildError> {
    let kept = parts.iter().filter(|part| part.result.is_some()).count();
    let mut rank = op.output.spatial.len() + 2 + kept;
    for part in parts {
        match (part.result, part.lhs, part.rhs) {
            (Some(output), input, kernel) => {
                op.batching_dims.push(BatchingDim { input, kernel, output });
            }
            (None, Some(lhs), Some(rhs)) => {
                op.input.spatial.push(lhs);
                op.kernel.spatial.push(rhs);
                op.output.spatial.push(rank);
                op.strides.push(1);
                op.padding.push((0, 0));
                op.lhs_dilation.push(1);
                op.rhs_dilation.push(1);
                op.reversal.push(false);
                rank += 1;
            }
            (None, None, _) | (None, Some(_), None) => {
                let message = "a batching dimension lies in neither operand nor result";
                return Err(BuildError::inconsistency(Op::from(op).name(), message));
            }
        }
    }
    builder.push(op, operands)
}
