//! What differentiation builds with: values beside their tangents, where a tangent or a cotangent of zeros
//! is `None`, so that no op is ever emitted for it.
//!
//! Must not live here: what ops do with tangents and cotangents ([`crate::transform::rules`]), and the walks
//! over graphs ([`crate::transform::differentiate`]).

use choral_ir::op::{Binary, DynamicSlice, Elementwise, IndexOp, ShapeOp, Transposed};
use choral_ir::{BuildError, Builder, Graph, NodeKind, Op, TensorType, TypeError, Value};

/// A value and its tangent, of the same type; `None` stands for zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dual {
    pub(crate) value: Value,
    pub(crate) tangent: Option<Value>,
}

impl Dual {
    /// A value that does not change.
    pub(crate) fn constant(value: Value) -> Dual {
        Dual { value, tangent: None }
    }

    /// What a linear function makes of the value and of its tangent.
    pub(crate) fn map(
        self,
        mut apply: impl FnMut(Value) -> Result<Value, BuildError>,
    ) -> Result<Dual, BuildError> {
        let (value, tangent) = (apply(self.value)?, self.tangent.map(apply).transpose()?);
        Ok(Dual { value, tangent })
    }
}

/// The values alone.
pub(crate) fn values(duals: &[Dual]) -> Vec<Value> {
    duals.iter().map(|dual| dual.value).collect()
}

/// The results of an op whose tangents are all zeros.
pub(crate) fn constants(builder: &mut Builder, op: &Op, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let results = builder.push_all(op.clone(), &values(duals))?;
    Ok(results.into_iter().map(Dual::constant).collect())
}

/// The results of an op of one result that is linear in all operands at once: its tangent is the op of the
/// tangents, with zeros written out beside others.
pub(crate) fn linear(builder: &mut Builder, op: &Op, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let value = builder.push(op.clone(), &values(duals))?;
    let tangents: Vec<Value> = duals.iter().map(|&dual| tangent_of(builder, dual)).collect();
    let tangent = if duals.iter().any(|dual| dual.tangent.is_some()) {
        Some(builder.push(op.clone(), &tangents)?)
    } else {
        None
    };
    Ok(vec![Dual { value, tangent }])
}

/// The result of an op of two operands that is linear in each, and its tangent: the op of each operand with the
/// other's tangent.
pub(crate) fn bilinear(builder: &mut Builder, op: &Op, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    let value = builder.push(op.clone(), &values(duals))?;
    let (lhs, rhs) = (duals[0], duals[1]);
    let left = lhs.tangent.map(|tangent| builder.push(op.clone(), &[tangent, rhs.value])).transpose()?;
    let right = rhs.tangent.map(|tangent| builder.push(op.clone(), &[lhs.value, tangent])).transpose()?;
    Ok(vec![Dual { value, tangent: sum(builder, left, right)? }])
}

/// The tangent of a dual, zeros written out.
pub(crate) fn tangent_of(builder: &mut Builder, dual: Dual) -> Value {
    dual.tangent.unwrap_or_else(|| zeros_like(builder, dual.value))
}

/// Zeros of a type.
pub(crate) fn zeros(builder: &mut Builder, ty: &TensorType) -> Value {
    builder.full(0.0, ty.dtype, ty.shape.clone())
}

/// Zeros of a value's type.
pub(crate) fn zeros_like(builder: &mut Builder, value: Value) -> Value {
    full_like(builder, value, 0.0)
}

/// One number in a value's type.
pub(crate) fn full_like(builder: &mut Builder, value: Value, number: f64) -> Value {
    let ty = builder.graph().ty(value).clone();
    builder.full(number, ty.dtype, ty.shape)
}

/// The sum of two tangents or cotangents.
pub(crate) fn sum(
    builder: &mut Builder,
    one: Option<Value>,
    other: Option<Value>,
) -> Result<Option<Value>, BuildError> {
    Ok(match (one, other) {
        (Some(one), Some(other)) => Some(added(builder, one, other)?),
        (one, other) => one.or(other),
    })
}

/// The sum of two tangents or cotangents that are there. What both mask alike is masked once; what updates zeros
/// updates the other instead, so that a loop does not go through all of a tensor for the part that a round read.
pub(crate) fn added(builder: &mut Builder, one: Value, other: Value) -> Result<Value, BuildError> {
    match (masked(builder, one), masked(builder, other)) {
        (Some((mask, left, is_kept)), Some((other_mask, right, other_is_kept)))
            if mask == other_mask && is_kept == other_is_kept =>
        {
            let total = builder.binary(Binary::Add, left, right)?;
            select_beside_zeros(builder, mask, total, is_kept)
        }
        _ => match (update_of_zeros(builder, other), update_of_zeros(builder, one)) {
            (Some((op, operands)), _) => updated(builder, op, one, &operands),
            (None, Some((op, operands))) => updated(builder, op, other, &operands),
            (None, None) => builder.binary(Binary::Add, one, other),
        },
    }
}

/// The op that lays or adds something over zeros to make a value, and its operands.
fn update_of_zeros(builder: &Builder, value: Value) -> Option<(IndexOp, Vec<Value>)> {
    let graph = builder.graph();
    let NodeKind::Op(Op::Index(op)) = &graph.node(value.node()).kind else { return None };
    let operands = graph.operands(value.node());
    let is_update = match op {
        IndexOp::DynamicUpdateSlice(op) => op.batching_dims.is_empty(),
        IndexOp::Scatter(op) => op.body.binary() == Some(Binary::Add),
        IndexOp::Gather(_) | IndexOp::DynamicSlice(_) => false,
    };
    (is_update && is_zero(graph, operands[0])).then(|| (op.clone(), operands))
}

/// The same update of `total`, to which it is added.
fn updated(
    builder: &mut Builder,
    op: IndexOp,
    total: Value,
    operands: &[Value],
) -> Result<Value, BuildError> {
    let mut operands = operands.to_vec();
    if let IndexOp::DynamicUpdateSlice(_) = &op {
        let slice_sizes = builder.graph().ty(operands[1]).shape.clone();
        let slice = DynamicSlice { batching_dims: Vec::new(), slice_sizes };
        let there = builder.push(slice, &[&[total], &operands[2..]].concat())?;
        operands[1] = builder.binary(Binary::Add, there, operands[1])?;
    }
    operands[0] = total;
    builder.push(op, &operands)
}

/// A value where the mask holds (or where it does not), beside zeros.
fn select_beside_zeros(
    builder: &mut Builder,
    mask: Value,
    value: Value,
    is_kept: bool,
) -> Result<Value, BuildError> {
    let zeros = zeros_like(builder, value);
    let (on_true, on_false) = if is_kept { (value, zeros) } else { (zeros, value) };
    builder.select(mask, on_true, on_false)
}

/// The sum of several tangents or cotangents.
pub(crate) fn sum_of(
    builder: &mut Builder,
    all: impl IntoIterator<Item = Option<Value>>,
) -> Result<Option<Value>, BuildError> {
    all.into_iter().try_fold(None, |total, next| sum(builder, total, next))
}

/// The value of an operand that the op only reads.
///
/// # Errors
/// If the op was said to be linear in it: a bug of the rule that made the op.
pub(crate) fn known(op: &Op, operand: &Transposed) -> Result<Value, BuildError> {
    match operand {
        Transposed::Known(value) => Ok(*value),
        Transposed::Linear(ty) => Err(BuildError::inconsistency(
            op.name(),
            format!("an operand, {ty}, is asked for its value in a transposition, which has none"),
        )),
    }
}

/// The value of an operand, if the op only reads it.
pub(crate) fn if_known(operand: &Transposed) -> Option<Value> {
    match operand {
        Transposed::Known(value) => Some(*value),
        Transposed::Linear(_) => None,
    }
}

/// Whether the op is a linear function of an operand.
pub(crate) fn is_linear(operand: &Transposed) -> bool {
    matches!(operand, Transposed::Linear(_))
}

/// The type of an operand.
pub(crate) fn type_of(builder: &Builder, operand: &Transposed) -> TensorType {
    match operand {
        Transposed::Known(value) => builder.graph().ty(*value).clone(),
        Transposed::Linear(ty) => ty.clone(),
    }
}

/// Applies a linear elementwise function to a cotangent; where that is masked (by a `select` beside zeros, which
/// is what a branch that was not taken gets), the mask comes last: what is not a number in the masked
/// places stays there.
pub(crate) fn through_mask(
    builder: &mut Builder,
    cotangent: Value,
    apply: impl FnOnce(&mut Builder, Value) -> Result<Value, BuildError>,
) -> Result<Value, BuildError> {
    let Some((mask, inner, is_kept)) = masked(builder, cotangent) else { return apply(builder, cotangent) };
    let applied = apply(builder, inner)?;
    select_beside_zeros(builder, mask, applied, is_kept)
}

/// Moves the elements of a cotangent; where that is masked, so does the mask, which comes last.
pub(crate) fn moved_with_mask(
    builder: &mut Builder,
    cotangent: Value,
    mut apply: impl FnMut(&mut Builder, Value) -> Result<Value, BuildError>,
) -> Result<Value, BuildError> {
    let Some((mask, inner, is_kept)) = masked(builder, cotangent) else { return apply(builder, cotangent) };
    let (mask, moved) = (apply(builder, mask)?, apply(builder, inner)?);
    select_beside_zeros(builder, mask, moved, is_kept)
}

/// Whether a value is zero everywhere, as far as it is written there.
pub(crate) fn is_zero(graph: &Graph, value: Value) -> bool {
    is_filled(graph, value, 0.0)
}

/// Whether a value is a number everywhere, as far as it is written there.
pub(crate) fn is_filled(graph: &Graph, value: Value, number: f64) -> bool {
    match &graph.node(value.node()).kind {
        NodeKind::Constant(tensor) => tensor.shape().is_empty() && tensor.to_f64_vec() == [number],
        NodeKind::Op(Op::Shape(ShapeOp::BroadcastInDim(_))) => {
            is_filled(graph, graph.operands(value.node())[0], number)
        }
        NodeKind::Input | NodeKind::Op(_) => false,
    }
}

/// The mask of a cotangent, what it masks, and whether that is kept where the mask holds.
fn masked(builder: &Builder, cotangent: Value) -> Option<(Value, Value, bool)> {
    let graph = builder.graph();
    let NodeKind::Op(Op::Elementwise(Elementwise::Select)) = &graph.node(cotangent.node()).kind else {
        return None;
    };
    let operands = graph.operands(cotangent.node());
    match (is_zero(graph, operands[1]), is_zero(graph, operands[2])) {
        (false, true) => Some((operands[0], operands[1], true)),
        (true, false) => Some((operands[0], operands[2], false)),
        (true, true) | (false, false) => None,
    }
}

/// The error that an op is transposed that is not linear: a bug of the rule that made it.
pub(crate) fn not_linear(op: &Op) -> BuildError {
    BuildError::inconsistency(op.name(), "it is not linear, so it cannot be transposed")
}

/// Refuses to differentiate an op, for a reason.
pub(crate) fn refused(
    builder: &Builder,
    op: &Op,
    operands: &[Value],
    message: impl Into<String>,
) -> BuildError {
    builder.refusal(op, operands, TypeError { message: message.into(), constraint: "differentiable" })
}
