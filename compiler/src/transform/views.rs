//! Broadcasts and transposes that look at what made their operand, so that chains of them stay
//! one op and constants are re-made in place. Clean-up removes what this leaves unused.

use choral_ir::op::{BroadcastInDim, ShapeOp, Transpose};
use choral_ir::{BuildError, Builder, NodeKind, Op, Tensor, Value};

/// What a view can look through.
enum Source {
    Splat(Tensor),
    Broadcast(Value, BroadcastInDim),
    Transpose(Value, Transpose),
    Other,
}

fn source(builder: &Builder, value: Value) -> Source {
    let graph = builder.graph();
    match &graph.node(value.node()).kind {
        NodeKind::Constant(tensor) if tensor.shape().is_empty() => Source::Splat(tensor.clone()),
        NodeKind::Op(Op::Shape(ShapeOp::BroadcastInDim(op))) => {
            Source::Broadcast(graph.operands(value.node())[0], op.clone())
        }
        NodeKind::Op(Op::Shape(ShapeOp::Transpose(op))) => {
            Source::Transpose(graph.operands(value.node())[0], op.clone())
        }
        NodeKind::Constant(_) | NodeKind::Input | NodeKind::Op(_) => Source::Other,
    }
}

/// `value` with dimension `d` at `dims[d]` of `shape`, repeated along the other ones.
pub(crate) fn stretch(
    builder: &mut Builder,
    value: Value,
    shape: &[usize],
    dims: &[usize],
) -> Result<Value, BuildError> {
    if builder.graph().ty(value).shape == shape && dims.iter().copied().eq(0..shape.len()) {
        return Ok(value);
    }
    match source(builder, value) {
        Source::Splat(scalar) => Ok(builder.splat(scalar, shape)),
        Source::Broadcast(inner, op) => {
            let dims = op.dims.iter().map(|&dim| dims[dim]).collect();
            broadcast(builder, inner, shape, dims)
        }
        Source::Transpose(..) | Source::Other => broadcast(builder, value, shape, dims.to_vec()),
    }
}

/// `value` with result dimension `d` taken from operand dimension `permutation[d]`.
pub(crate) fn permute(
    builder: &mut Builder,
    value: Value,
    permutation: &[usize],
) -> Result<Value, BuildError> {
    if permutation.iter().copied().eq(0..permutation.len()) {
        return Ok(value);
    }
    let shape = &builder.graph().ty(value).shape;
    let permuted: Vec<usize> = permutation.iter().map(|&dim| shape[dim]).collect();
    match source(builder, value) {
        Source::Splat(scalar) => Ok(builder.splat(scalar, permuted)),
        Source::Broadcast(inner, op) => {
            let mut places = vec![0; permutation.len()];
            permutation.iter().enumerate().for_each(|(to, &from)| places[from] = to);
            let dims: Vec<usize> = op.dims.iter().map(|&dim| places[dim]).collect();
            stretch(builder, inner, &permuted, &dims)
        }
        Source::Transpose(inner, op) => {
            let composed: Vec<usize> = permutation.iter().map(|&dim| op.permutation[dim]).collect();
            permute(builder, inner, &composed)
        }
        Source::Other => {
            let name = named(builder, value, "transpose");
            let result = builder.transpose(value, permutation.to_vec())?;
            builder.rename(result, name);
            Ok(result)
        }
    }
}

fn broadcast(
    builder: &mut Builder,
    value: Value,
    shape: &[usize],
    dims: Vec<usize>,
) -> Result<Value, BuildError> {
    let name = named(builder, value, "broadcast");
    let result = builder.broadcast_in_dim(value, shape, dims)?;
    builder.rename(result, name);
    Ok(result)
}

/// What a view of `value` is called.
fn named(builder: &Builder, value: Value, view: &str) -> String {
    format!("{}.{view}", builder.graph().node(value.node()).name)
}

/// `value` with dimension `from` moved to `to`, the others keeping their order.
pub(crate) fn move_dim(
    builder: &mut Builder,
    value: Value,
    from: usize,
    to: usize,
) -> Result<Value, BuildError> {
    let mut permutation: Vec<usize> = (0..builder.graph().ty(value).rank()).collect();
    permutation.remove(from);
    permutation.insert(to, from);
    permute(builder, value, &permutation)
}
