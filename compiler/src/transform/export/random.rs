//! Random bits from several states, one state after another.

use choral_ir::op::{RngBitGenerator, Scan};
use choral_ir::{BuildError, Builder, TensorType, Value};

use super::scan;

/// A loop over the states.
pub(super) fn plain(
    builder: &mut Builder,
    op: &RngBitGenerator,
    state: Value,
) -> Result<Vec<Value>, BuildError> {
    let ty = builder.graph().ty(state).clone();
    let (batch, words) = ty.shape.split_at(op.batching_dims);
    let count = batch.iter().product::<usize>();
    let mut body = Builder::new("body");
    let single = body.input("state", TensorType::new(words, ty.dtype));
    let results = body.push_all(RngBitGenerator { batching_dims: 0, ..op.clone() }, &[single])?;
    let body = body.finish(&results);
    let states = builder.reshape(state, [&[count], words].concat())?;
    let looped =
        Scan { dimension: 0, is_reverse: false, length: count, inputs: 1, carried: 0, body: body.into() };
    let results = scan::plain(builder, &looped, &[states])?;
    let bits = builder.reshape(results[1], [batch, &op.shape].concat())?;
    Ok(vec![builder.reshape(results[0], ty.shape.clone())?, bits])
}
