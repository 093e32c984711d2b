//! Batching convolutions: the member dimension is a batching dimension of the op, whichever of
//! input and kernel carry it. No grouped convolution is made of it, and nothing is repeated.

use choral_ir::op::{BatchingDim, Convolution};

use super::{Batch, Lane, Lanes, shift};

/// The rule of `convolution`; members come first in the result.
pub(crate) fn batch(cx: &mut Batch, op: &Convolution, lanes: &[Lane]) -> Lanes {
    let (input, kernel) = (lanes[0], lanes[1]);
    let past = |lane: Lane| move |dim: usize| dim + usize::from(lane.dim().is_some_and(|at| dim >= at));
    let moved = |dim: &BatchingDim| BatchingDim {
        input: dim.input.map(past(input)),
        kernel: dim.kernel.map(past(kernel)),
        output: shift(&[dim.output], 0)[0],
    };
    let members = BatchingDim { input: input.dim(), kernel: kernel.dim(), output: 0 };
    let op = Convolution {
        batching_dims: std::iter::once(members).chain(op.batching_dims.iter().map(moved)).collect(),
        input: op.input.map(past(input)),
        kernel: op.kernel.map(past(kernel)),
        output: op.output.map(|dim| dim + 1),
        ..op.clone()
    };
    cx.mapped(op, &[input.value(), kernel.value()], 0)
}
