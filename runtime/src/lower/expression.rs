//! Bodies of scalars as expressions.

use choral_ir::op::ShapeOp;
use choral_ir::{DType, Graph, NodeKind, Op, interpret};
use choral_kernels::rows::{Kind, Step};
use choral_kernels::{Expression, Number};

use super::elementwise::{self, Steps};
use super::number;

impl Steps for Expression {
    fn step(&mut self, kind: Kind, number: Number) -> usize {
        self.steps.push(Step { kind, number });
        self.inputs.len() + self.steps.len() - 1
    }
}

/// The expression that a body of scalars is; `None` if it is more than elementwise ops.
pub fn expression(body: &Graph) -> Option<Expression> {
    let types = body.input_types();
    let mut expression =
        Expression { inputs: types.iter().map(|ty| number::of(ty.dtype)).collect(), ..Expression::default() };
    let results = interpret(body, 0..types.len(), |id, node, operands| {
        let from = body.operands(id).last().map_or(DType::I1, |&operand| body.ty(operand).dtype);
        let made = match &node.kind {
            NodeKind::Constant(tensor) => {
                let number = number::of(tensor.dtype()).in_registers();
                number::splat(tensor).map(|bits| expression.constant(bits, number))
            }
            NodeKind::Op(Op::Elementwise(op)) => {
                Some(elementwise::lower(&mut expression, op, &operands, from))
            }
            NodeKind::Op(Op::Shape(
                ShapeOp::Reshape(_) | ShapeOp::Transpose(_) | ShapeOp::BroadcastInDim(_),
            )) if node.types.iter().all(|ty| ty.len() == 1) => operands.first().copied(),
            NodeKind::Op(_) | NodeKind::Input => None,
        };
        made.map(|value| vec![value]).ok_or(())
    });
    let numbers = body.output_types();
    expression.results =
        results.ok()?.into_iter().zip(numbers).map(|(value, ty)| (value, number::of(ty.dtype))).collect();
    Some(expression)
}
