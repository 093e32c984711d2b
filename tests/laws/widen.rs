//! The same program on doubles, which central differences and sums in two orders need.

use choral::ir::op::{Convolution, DotGeneral, Elementwise, Iota, ShapeOp};
use choral::ir::{Builder, DType, Graph, NodeKind, Op, TensorType, Value, interpret};

/// The graph with every float as a double; `None` if it looks at the bits of floats, or draws floats.
pub(crate) fn widened(graph: &Graph) -> Option<Graph> {
    let mut builder = Builder::new(graph.name());
    let mut input = |value: Value| {
        let name = graph.node(value.node()).name.clone();
        builder.input(name, wide(graph.ty(value)))
    };
    let inputs: Vec<Value> = graph.inputs().iter().map(|port| input(port.value)).collect();
    let outputs = interpret(graph, inputs, |_, node, operands| {
        builder.describe(Some(node.name.clone()), node.location.clone());
        match &node.kind {
            NodeKind::Input => Ok(Vec::new()),
            NodeKind::Constant(tensor) => {
                let tensor = tensor.to_dtype(wide_dtype(tensor.dtype()));
                Ok(vec![builder.literal(tensor, wide(&node.types[0]))])
            }
            NodeKind::Op(op) => builder.push_all(widened_op(op).ok_or(())?, &operands).map_err(drop),
        }
    });
    Some(builder.finish(&outputs.ok()?))
}

fn wide_dtype(dtype: DType) -> DType {
    if dtype.is_float() { DType::F64 } else { dtype }
}

fn wide(ty: &TensorType) -> TensorType {
    ty.with_dtype(wide_dtype(ty.dtype))
}

fn widened_op(op: &Op) -> Option<Op> {
    let op = op.map_regions(|region| widened(region).ok_or(())).ok()?;
    Some(match op {
        Op::Elementwise(Elementwise::Convert(dtype)) => Elementwise::Convert(wide_dtype(dtype)).into(),
        Op::Elementwise(Elementwise::ReducePrecision(_))
        | Op::Shape(ShapeOp::BitcastConvert(_))
        | Op::Random(_) => return None,
        Op::Shape(ShapeOp::Iota(op)) => Iota { dtype: wide_dtype(op.dtype), ..op }.into(),
        Op::Dot(op) => DotGeneral { dtype: wide_dtype(op.dtype), ..op }.into(),
        Op::Convolution(op) => Convolution { dtype: wide_dtype(op.dtype), ..*op }.into(),
        same @ (Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Reduce(_)
        | Op::Window(_)
        | Op::Index(_)
        | Op::Sort(_)
        | Op::Linalg(_)
        | Op::Control(_)
        | Op::Collective(_)
        | Op::Custom(_)) => same,
    })
}
