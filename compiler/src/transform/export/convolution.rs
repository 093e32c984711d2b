//! Convolutions side by side as one: the batching dimensions go where StableHLO has room for them.
//!
//! Both operands have their own slice: each slice is a group of its own. Only the input has: the
//! slices join its batch. Only the kernel has: they join its output features. Groups that are there
//! already stay outermost where they number the dimension that is joined.

use choral_ir::op::{BatchingDim, Convolution, Layout};
use choral_ir::{BuildError, Builder, Value};

use crate::transform::lane::settle;
use crate::transform::views;

/// The convolution without batching dimensions, one after another.
pub(super) fn plain(
    builder: &mut Builder,
    mut op: Convolution,
    operands: &[Value],
) -> Result<Value, BuildError> {
    let Some(batching) = op.batching_dims.pop() else { return builder.push(op, operands) };
    let BatchingDim { input: in_input, kernel: in_kernel, output } = batching;
    let (mut input, mut kernel) = (operands[0], operands[1]);
    let size = |value: Value, dim: usize| builder.graph().ty(value).shape[dim];
    let count = match (in_input, in_kernel) {
        (Some(dim), _) => size(input, dim),
        (None, Some(dim)) => size(kernel, dim),
        (None, None) => 1,
    };
    let result = result_shape(builder, &op, operands, batching)?;
    if count == 0 {
        return Ok(builder.full(0.0, op.dtype, result));
    }
    // Which dimension of the result the slices are in, and in how many groups.
    let grouped_batch = op.batch_group_count > 1;
    let (joined, groups) = match (in_input, in_kernel) {
        (Some(from_input), Some(from_kernel)) => {
            let part = if grouped_batch { op.input.batch } else { op.input.feature };
            input = join(builder, input, from_input, part, 1)?;
            kernel = join(builder, kernel, from_kernel, op.kernel.batch, 1)?;
            match grouped_batch {
                true => op.batch_group_count *= count,
                false => op.feature_group_count *= count,
            }
            (op.output.feature, 1)
        }
        (Some(from_input), None) => {
            input = join(builder, input, from_input, op.input.batch, op.batch_group_count)?;
            (op.output.batch, 1)
        }
        (None, Some(from_kernel)) => {
            let groups = op.feature_group_count * op.batch_group_count;
            kernel = join(builder, kernel, from_kernel, op.kernel.batch, groups)?;
            (op.output.feature, groups)
        }
        (None, None) => (op.output.batch, 1),
    };
    let joined_at = settle(joined, &[output]);
    drop_dim(&mut op, batching);
    let value = plain(builder, op, &[input, kernel])?;
    part(builder, value, joined_at, groups, count, output)
}

fn result_shape(
    builder: &mut Builder,
    op: &Convolution,
    operands: &[Value],
    batching: BatchingDim,
) -> Result<Vec<usize>, BuildError> {
    let whole =
        Convolution { batching_dims: [op.batching_dims.clone(), vec![batching]].concat(), ..op.clone() };
    let mut scratch = Builder::new("shape");
    let types: Vec<_> = operands.iter().map(|&value| builder.graph().ty(value).clone()).collect();
    let values: Vec<Value> = types.into_iter().map(|ty| scratch.input("x", ty)).collect();
    let result = scratch.push(whole, &values)?;
    Ok(scratch.graph().ty(result).shape.clone())
}

/// Every dimension of the op's layouts, renumbered as if the batching dimension were not there.
fn drop_dim(op: &mut Convolution, BatchingDim { input, kernel, output }: BatchingDim) {
    let without = |layout: &Layout, gone: Option<usize>| {
        layout.map(|dim| gone.map_or(dim, |gone| settle(dim, &[gone])))
    };
    op.input = without(&op.input, input);
    op.kernel = without(&op.kernel, kernel);
    op.output = without(&op.output, Some(output));
    let settled = |dim: Option<usize>, gone: Option<usize>| match (dim, gone) {
        (Some(dim), Some(gone)) => Some(settle(dim, &[gone])),
        (dim, _) => dim,
    };
    for other in &mut op.batching_dims {
        *other = BatchingDim {
            input: settled(other.input, input),
            kernel: settled(other.kernel, kernel),
            output: settle(other.output, &[output]),
        };
    }
}

/// The value with dimension `from` joined into dimension `into`, between its `groups` and the rest.
fn join(
    builder: &mut Builder,
    value: Value,
    from: usize,
    into: usize,
    groups: usize,
) -> Result<Value, BuildError> {
    let into = settle(into, &[from]);
    let mut shape = builder.graph().ty(value).shape.clone();
    let value = views::move_dim(builder, value, from, into)?;
    let count = shape.remove(from);
    let size = shape[into];
    let mut split = shape.clone();
    split.splice(into..=into, [count, groups, size / groups]);
    let value = builder.reshape(value, split)?;
    let value = views::move_dim(builder, value, into, into + 1)?;
    shape[into] = count * size;
    builder.reshape(value, shape)
}

/// The inverse of [`join`]: the slices taken out of dimension `joined` to stand at `to`.
fn part(
    builder: &mut Builder,
    value: Value,
    joined: usize,
    groups: usize,
    count: usize,
    to: usize,
) -> Result<Value, BuildError> {
    let shape = builder.graph().ty(value).shape.clone();
    let size = shape[joined] / count;
    let mut split = shape.clone();
    split.splice(joined..=joined, [groups, count, size / groups]);
    let value = builder.reshape(value, split)?;
    let value = views::move_dim(builder, value, joined + 1, joined)?;
    let mut whole = shape;
    whole.splice(joined..=joined, [count, size]);
    let value = builder.reshape(value, whole)?;
    views::move_dim(builder, value, joined, to)
}
