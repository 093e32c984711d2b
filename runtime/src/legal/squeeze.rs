//! Ops without dimensions of size 1: `keepdims` or not, what goes together has one shape, and one kernel runs it.

use choral_ir::op::dot::free;
use choral_ir::op::{Binary, DotGeneral, Reduce};
use choral_ir::{BuildError, Op, TensorType, Value};

use super::{Legaliser, Made};

/// The dimensions of another size than 1.
fn kept(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).filter(|&dim| shape[dim] != 1).collect()
}

fn sizes(shape: &[usize], dims: &[usize]) -> Vec<usize> {
    dims.iter().map(|&dim| shape[dim]).collect()
}

/// Where those of `dims` that are kept stand among these.
fn among(kept: &[usize], dims: &[usize]) -> Vec<usize> {
    dims.iter().filter_map(|dim| kept.iter().position(|kept| kept == dim)).collect()
}

/// A value in another shape, if it is one.
fn shaped(legal: &mut Legaliser, value: Value, shape: &[usize]) -> Result<Value, BuildError> {
    if legal.ty(value).shape == shape { Ok(value) } else { legal.builder.reshape(value, shape) }
}

fn squeezed(legal: &mut Legaliser, value: Value) -> Result<Value, BuildError> {
    let shape = legal.ty(value).shape;
    shaped(legal, value, &sizes(&shape, &kept(&shape)))
}

/// An elementwise op, whose operands have one shape or are scalars.
pub(super) fn elementwise(legal: &mut Legaliser, op: &Op, operands: &[Value]) -> Made {
    let types = legal.types(operands);
    let Some(TensorType { shape, .. }) = types.iter().max_by_key(|ty| ty.rank()) else { return Ok(None) };
    if !shape.contains(&1) {
        return Ok(None);
    }
    let operands: Vec<Value> =
        operands.iter().map(|&operand| squeezed(legal, operand)).collect::<Result<_, _>>()?;
    let results = legal.builder.push_all(op.clone(), &operands)?;
    results.into_iter().map(|result| shaped(legal, result, shape)).collect::<Result<_, _>>().map(Some)
}

/// A fold by one binary op.
pub(super) fn reduce(legal: &mut Legaliser, op: &Reduce, by: Binary, operands: &[Value]) -> Made {
    let &[input, init] = operands else { return Ok(None) };
    let shape = legal.ty(input).shape;
    if !shape.contains(&1) {
        return Ok(None);
    }
    let (kept, result) = (kept(&shape), sizes(&shape, &free(shape.len(), &op.dimensions, &[])));
    let (input, mut init) = (squeezed(legal, input)?, squeezed(legal, init)?);
    let dimensions = among(&kept, &op.dimensions);
    let folded = if dimensions.is_empty() {
        // One element each.
        let own = legal.ty(input).shape;
        if legal.ty(init).shape != own {
            init = legal.builder.broadcast_in_dim(init, own, Vec::new())?;
        }
        legal.builder.binary(by, init, input)?
    } else {
        legal.builder.push(Reduce { dimensions, body: op.body.clone() }, &[input, init])?
    };
    Ok(Some(vec![shaped(legal, folded, &result)?]))
}

/// A contraction; what it contracts stays.
pub(super) fn dot(legal: &mut Legaliser, op: &DotGeneral, operands: &[Value]) -> Made {
    let DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype } = op;
    let [left, right] = [0, 1].map(|side| legal.ty(operands[side]).shape);
    let of = |shape: &[usize], contracting: &[usize]| -> Vec<usize> {
        (0..shape.len()).filter(|dim| shape[*dim] != 1 || contracting.contains(dim)).collect()
    };
    let (of_left, of_right) = (of(&left, lhs_contracting), of(&right, rhs_contracting));
    if of_left.len() == left.len() && of_right.len() == right.len() {
        return Ok(None);
    }
    let own = DotGeneral {
        lhs_batching: among(&of_left, lhs_batching),
        rhs_batching: among(&of_right, rhs_batching),
        lhs_contracting: among(&of_left, lhs_contracting),
        rhs_contracting: among(&of_right, rhs_contracting),
        dtype: *dtype,
    };
    let result = [
        sizes(&left, lhs_batching),
        sizes(&left, &free(left.len(), lhs_batching, lhs_contracting)),
        sizes(&right, &free(right.len(), rhs_batching, rhs_contracting)),
    ];
    let lhs = shaped(legal, operands[0], &sizes(&left, &of_left))?;
    let rhs = shaped(legal, operands[1], &sizes(&right, &of_right))?;
    let dot = legal.one(own, &[lhs, rhs])?;
    Ok(Some(vec![shaped(legal, dot, &result.concat())?]))
}
