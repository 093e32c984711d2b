//! Tangents and cotangents of collectives, as members see them: a cotangent that comes back to a member is that of the
//! sum over all members' results.
//!
//! Sums and exchanges are linear. Of a greatest or least value, the members that equal it share its tangent.

use std::sync::Arc;

use choral_ir::op::{
    AllGather, AllReduce, AllToAll, Binary, CollectiveOp, ComparisonDirection, Permute, Reduction, Transposed,
};
use choral_ir::{BuildError, Builder, Op, Value};

use crate::transform::dual::{Dual, constants, full_like, linear, refused, zeros_like};
use crate::transform::rules::shape::total;

/// The result and its tangent.
pub(crate) fn jvp(builder: &mut Builder, op: &CollectiveOp, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let any: Op = op.clone().into();
    match op {
        CollectiveOp::AllReduce(AllReduce { axes, reduction: Reduction::Max | Reduction::Min }) => {
            Ok(vec![extreme(builder, &any, axes, duals[0])?])
        }
        CollectiveOp::AllReduce(AllReduce { axes: _, reduction: Reduction::Sum })
        | CollectiveOp::AllGather(_)
        | CollectiveOp::Permute(_)
        | CollectiveOp::AllToAll(_) => linear(builder, &any, duals),
        // Numbers of members, and keys, which are integers.
        CollectiveOp::AxisIndex(_) | CollectiveOp::MemberKey(_) => constants(builder, &any, duals),
    }
}

/// The mean of the tangents of the members that equal the result.
fn extreme(builder: &mut Builder, op: &Op, axes: &[Arc<str>], operand: Dual) -> Result<Dual, BuildError> {
    let value = builder.push(op.clone(), &[operand.value])?;
    let Some(tangent) = operand.tangent else { return Ok(Dual::constant(value)) };
    let is_result = builder.compare(ComparisonDirection::Eq, operand.value, value)?;
    let (one, zero) = (full_like(builder, value, 1.0), zeros_like(builder, value));
    let sum = AllReduce { axes: axes.to_vec(), reduction: Reduction::Sum };
    let ones = builder.select(is_result, one, zero)?;
    let count = builder.push(sum.clone(), &[ones])?;
    let chosen = builder.select(is_result, tangent, zero)?;
    let chosen = builder.push(sum, &[chosen])?;
    Ok(Dual { value, tangent: Some(builder.binary(Binary::Divide, chosen, count)?) })
}

/// The cotangent of the operand.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &CollectiveOp,
    _operands: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    let Some(cotangent) = cotangents[0] else { return Ok(vec![None]) };
    let back = match op {
        // What a member gives comes back from all of them.
        CollectiveOp::AllReduce(AllReduce { axes: _, reduction: Reduction::Sum }) => {
            builder.push(Op::from(op.clone()), &[cotangent])?
        }
        CollectiveOp::AllGather(AllGather { axis, size, dimension }) => {
            let (axis, size, dimension) = (axis.clone(), *size, *dimension);
            let op = AllToAll { axis, size, split_dimension: dimension, concat_dimension: dimension };
            let from_all = builder.push(op, &[cotangent])?;
            total(builder, from_all, vec![dimension])?
        }
        CollectiveOp::Permute(Permute { axis, pairs }) => {
            let pairs = pairs.iter().map(|&(from, to)| (to, from)).collect();
            builder.push(Permute { axis: axis.clone(), pairs }, &[cotangent])?
        }
        CollectiveOp::AllToAll(AllToAll { axis, size, split_dimension, concat_dimension }) => {
            let op = AllToAll {
                axis: axis.clone(),
                size: *size,
                split_dimension: *concat_dimension,
                concat_dimension: *split_dimension,
            };
            builder.push(op, &[cotangent])?
        }
        CollectiveOp::AllReduce(AllReduce { axes: _, reduction: Reduction::Max | Reduction::Min })
        | CollectiveOp::AxisIndex(_)
        | CollectiveOp::MemberKey(_) => {
            let op = op.clone().into();
            return Err(refused(builder, &op, &[cotangent], "it is not linear, so it cannot be transposed"));
        }
    };
    Ok(vec![Some(back)])
}
