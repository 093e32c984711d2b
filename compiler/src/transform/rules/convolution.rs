//! Batching convolutions: the member dimension is a batching dimension of the op, whichever of
//! input and kernel carry it. No grouped convolution is made of it, and nothing is repeated. Derivatives stand in
//! `convolution/derivative.rs`.

mod derivative;

pub(crate) use derivative::{jvp, transpose};

use choral_ir::BuildError;
use choral_ir::op::{BatchingDim, Convolution};

use crate::transform::lane::{Lane, MappedBuilder};

/// The rule of `convolution`. In the result the members stand next to the batch dimension, on the
/// side on which the input has them, and behind it if the input is shared: so a chain of
/// convolutions moves nothing.
pub(crate) fn batch(
    cx: &mut MappedBuilder,
    op: &Convolution,
    lanes: &[Lane],
) -> Result<Vec<Lane>, BuildError> {
    let (input, kernel) = (lanes[0], lanes[1]);
    let before = input.dim().is_some_and(|at| at <= op.input.batch);
    let to = op.output.batch + usize::from(!before);
    let past = |at: Option<usize>| move |dim: usize| dim + usize::from(at.is_some_and(|at| dim >= at));
    let moved = |dim: &BatchingDim| BatchingDim {
        input: dim.input.map(past(input.dim())),
        kernel: dim.kernel.map(past(kernel.dim())),
        output: past(Some(to))(dim.output),
    };
    let members = BatchingDim { input: input.dim(), kernel: kernel.dim(), output: to };
    let op = Convolution {
        batching_dims: std::iter::once(members).chain(op.batching_dims.iter().map(moved)).collect(),
        input: op.input.map(past(input.dim())),
        kernel: op.kernel.map(past(kernel.dim())),
        output: op.output.map(past(Some(to))),
        ..op.clone()
    };
    cx.mapped(op, &[input.value(), kernel.value()], to)
}
