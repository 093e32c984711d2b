//! What a rewrite sees: one op on what was built for its operands, and what it puts in the op's place.
//!
//! A rule is a pure function from a [`Site`] to an [`After`]. Must not live here: rules
//! ([`super::tables`]), and what builds an `After` ([`super::rewriter`]).

use std::sync::Arc;

use choral_ir::op::{
    Binary, BitcastConvert, BroadcastInDim, Case, Compare, Concatenate, ControlOp, DotGeneral, DynamicSlice,
    DynamicUpdateSlice, Elementwise, Gather, If, IndexOp, Iota, Pad, Reshape, Reverse, Scan, ShapeOp, Slice,
    Transpose, Unary, While,
};
use choral_ir::{DType, Graph, NodeKind, Op, Tensor, TensorType, Value};

use super::Evaluate;
use super::number::Number;

/// An op that is about to be built.
pub(super) struct Site<'a> {
    /// The graph so far: what made the operands stands in it.
    pub(super) graph: &'a Graph,
    pub(super) op: &'a Op,
    pub(super) operands: &'a [Value],
    /// What works out constants.
    pub(super) evaluate: Option<Evaluate>,
}

/// What stands for an op.
#[derive(Debug, Clone)]
pub(super) enum After {
    /// A value that is there.
    Value(Value),
    /// A constant; a scalar fills the type.
    Constant(Tensor, TensorType),
    /// An op on others.
    Op(Op, Vec<After>),
    /// The outputs of a graph on these inputs.
    Body(Arc<Graph>, Vec<After>),
    /// One after another: for the results of an op that has several.
    Each(Vec<After>),
}

impl After {
    /// An op on values that are there.
    pub(super) fn op(op: impl Into<Op>, operands: &[Value]) -> After {
        After::Op(op.into(), operands.iter().map(|&value| After::Value(value)).collect())
    }

    /// An op on one other.
    pub(super) fn then(self, op: impl Into<Op>) -> After {
        After::Op(op.into(), vec![self])
    }
}

/// What is one op of the set.
pub(super) trait Kind {
    fn of(op: &Op) -> Option<&Self>;
}

macro_rules! kinds {
    ($($Kind:ty: $pattern:pat => $kind:ident;)*) => {$(
        impl Kind for $Kind {
            fn of(op: &Op) -> Option<&$Kind> {
                if let $pattern = op { Some($kind) } else { None }
            }
        }
    )*};
}
kinds! {
    Elementwise: Op::Elementwise(kind) => kind;
    Unary: Op::Elementwise(Elementwise::Unary(kind)) => kind;
    Binary: Op::Elementwise(Elementwise::Binary(kind)) => kind;
    Compare: Op::Elementwise(Elementwise::Compare(kind)) => kind;
    Iota: Op::Shape(ShapeOp::Iota(kind)) => kind;
    BitcastConvert: Op::Shape(ShapeOp::BitcastConvert(kind)) => kind;
    BroadcastInDim: Op::Shape(ShapeOp::BroadcastInDim(kind)) => kind;
    ShapeOp: Op::Shape(kind) => kind;
    Reshape: Op::Shape(ShapeOp::Reshape(kind)) => kind;
    Transpose: Op::Shape(ShapeOp::Transpose(kind)) => kind;
    Reverse: Op::Shape(ShapeOp::Reverse(kind)) => kind;
    Slice: Op::Shape(ShapeOp::Slice(kind)) => kind;
    Pad: Op::Shape(ShapeOp::Pad(kind)) => kind;
    Concatenate: Op::Shape(ShapeOp::Concatenate(kind)) => kind;
    DotGeneral: Op::Dot(kind) => kind;
    Gather: Op::Index(IndexOp::Gather(kind)) => kind;
    DynamicSlice: Op::Index(IndexOp::DynamicSlice(kind)) => kind;
    DynamicUpdateSlice: Op::Index(IndexOp::DynamicUpdateSlice(kind)) => kind;
    If: Op::Control(ControlOp::If(kind)) => kind;
    Case: Op::Control(ControlOp::Case(kind)) => kind;
    While: Op::Control(ControlOp::While(kind)) => kind;
    Scan: Op::Control(ControlOp::Scan(kind)) => kind;
}

/// On which side of an op an operand stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Right,
    Either,
}

impl<'a> Site<'a> {
    /// The op, if it is one of this kind.
    pub(super) fn this<K: Kind>(&self) -> Option<&'a K> {
        K::of(self.op)
    }

    pub(super) fn ty(&self, value: Value) -> &'a TensorType {
        self.graph.ty(value)
    }

    pub(super) fn shape(&self, value: Value) -> &'a [usize] {
        &self.graph.ty(value).shape
    }

    /// The op that made a value as its only result.
    pub(super) fn maker(&self, value: Value) -> Option<&'a Op> {
        let node = self.graph.node(value.node());
        match &node.kind {
            NodeKind::Op(op) if node.types.len() == 1 => Some(op),
            NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => None,
        }
    }

    /// What made a value and its operands, if it is of this kind.
    pub(super) fn made_by<K: Kind>(&self, value: Value) -> Option<(&'a K, Vec<Value>)> {
        Some((K::of(self.maker(value)?)?, self.graph.operands(value.node())))
    }

    /// What made a value and its only operand, if it is of this kind.
    pub(super) fn view<K: Kind>(&self, value: Value) -> Option<(&'a K, Value)> {
        let (kind, operands) = self.made_by::<K>(value)?;
        Some((kind, *operands.first()?))
    }

    /// The constant that a value is; a scalar fills its type.
    pub(super) fn constant(&self, value: Value) -> Option<&'a Tensor> {
        match &self.graph.node(value.node()).kind {
            NodeKind::Constant(tensor) => Some(tensor),
            NodeKind::Input | NodeKind::Op(_) => None,
        }
    }

    /// The one element that a value has at each place, if it is a constant.
    pub(super) fn splat(&self, value: Value) -> Option<&'a Tensor> {
        self.constant(value).filter(|tensor| tensor.shape().is_empty())
    }

    /// Whether a value is this number at each place.
    pub(super) fn is(&self, value: Value, number: Number) -> bool {
        self.splat(value).is_some_and(|tensor| number.is(tensor))
    }

    /// The element type of the first operand.
    pub(super) fn dtype(&self) -> Option<DType> {
        Some(self.ty(*self.operands.first()?).dtype)
    }

    /// Whether the first operand has integers or booleans.
    pub(super) fn is_whole(&self) -> bool {
        self.dtype().is_some_and(|dtype| !dtype.is_float())
    }

    /// The operand, if the op is this one.
    pub(super) fn unary(&self, op: Unary) -> Option<Value> {
        (*self.this::<Unary>()? == op).then(|| self.operands[0])
    }

    /// The operand of this op, if it made the value.
    pub(super) fn unary_of(&self, op: Unary, value: Value) -> Option<Value> {
        let (made, operand) = self.view::<Unary>(value)?;
        (*made == op).then_some(operand)
    }

    /// The operands, if the op is this one.
    pub(super) fn binary(&self, op: Binary) -> Option<[Value; 2]> {
        (*self.this::<Binary>()? == op).then(|| [self.operands[0], self.operands[1]])
    }

    /// `op(x, number)` is `x`; on either side or on the right alone.
    pub(super) fn neutral(&self, op: Binary, side: Side, number: Number) -> Option<After> {
        let other = self.other(op, side, number)?;
        Some(After::Value(other))
    }

    /// The operand that `number` meets.
    pub(super) fn other(&self, op: Binary, side: Side, number: Number) -> Option<Value> {
        let [lhs, rhs] = self.binary(op)?;
        if self.is(rhs, number) {
            return Some(lhs);
        }
        (side == Side::Either && self.is(lhs, number)).then_some(rhs)
    }

    /// `op(x, number)` is `number`.
    pub(super) fn absorbing(&self, op: Binary, number: Number) -> Option<After> {
        let other = self.other(op, Side::Either, number)?;
        self.number(number, self.ty(other))
    }

    /// `op(x, x)`: the operand.
    pub(super) fn twice(&self, op: Binary) -> Option<Value> {
        let [lhs, rhs] = self.binary(op)?;
        (lhs == rhs).then_some(lhs)
    }

    /// A number at each place of a type.
    pub(super) fn number(&self, number: Number, ty: &TensorType) -> Option<After> {
        Some(After::Constant(number.of(ty.dtype)?, ty.clone()))
    }

    /// The type of the op's first result.
    pub(super) fn result(&self) -> Option<TensorType> {
        let types: Vec<&TensorType> = self.operands.iter().map(|&value| self.ty(value)).collect();
        choral_ir::op::infer(self.op, &types).ok()?.into_iter().next()
    }
}

/// Whether a list of dimensions counts them in order.
pub(super) fn is_in_order(dims: &[usize]) -> bool {
    dims.iter().copied().eq(0..dims.len())
}
