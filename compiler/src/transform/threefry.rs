//! Threefry-2x32 as ops of a graph: the bits behind every random number, equal to `jax.random`'s.
//!
//! Lives here: what traced functions ([`crate::front::trace::random`]) and batching rules both draw from.
//! Must not live here: distributions.

use choral_ir::op::{Binary, Concatenate, Iota, Slice};
use choral_ir::{BuildError, Builder, DType, Value};

use crate::transform::views;

/// Threefry-2x32 with 20 rounds, as [`choral_ir::random::threefry2x32`] on the host; key and
/// counter have one shape.
fn threefry2x32(
    builder: &mut Builder,
    key: [Value; 2],
    counter: [Value; 2],
) -> Result<[Value; 2], BuildError> {
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let both = builder.binary(Binary::Xor, key[0], key[1])?;
    let keys = [key[0], key[1], with_number(builder, Binary::Xor, both, 0x1BD1_1BDA)?];
    let mut first = builder.binary(Binary::Add, counter[0], keys[0])?;
    let mut second = builder.binary(Binary::Add, counter[1], keys[1])?;
    for group in 0..5 {
        for rotation in ROTATIONS[group % 2] {
            first = builder.binary(Binary::Add, first, second)?;
            let rotated = rotated_left(builder, second, rotation)?;
            second = builder.binary(Binary::Xor, rotated, first)?;
        }
        first = builder.binary(Binary::Add, first, keys[(group + 1) % 3])?;
        let injected = with_number(builder, Binary::Add, keys[(group + 2) % 3], group as u32 + 1)?;
        second = builder.binary(Binary::Add, second, injected)?;
    }
    Ok([first, second])
}

/// `op` of a value and a number.
pub(crate) fn with_number(
    builder: &mut Builder,
    op: Binary,
    value: Value,
    number: u32,
) -> Result<Value, BuildError> {
    let shape = builder.graph().ty(value).shape.clone();
    let number = builder.full(f64::from(number), DType::Ui32, shape);
    builder.binary(op, value, number)
}

fn rotated_left(builder: &mut Builder, value: Value, bits: u32) -> Result<Value, BuildError> {
    let left = with_number(builder, Binary::ShiftLeft, value, bits)?;
    let right = with_number(builder, Binary::ShiftRightLogical, value, 32 - bits)?;
    builder.binary(Binary::Or, left, right)
}

/// The two words of keys `[.., 2]`, each `[..]`.
fn words(builder: &mut Builder, keys: Value) -> Result<[Value; 2], BuildError> {
    let shape = builder.graph().ty(keys).shape.clone();
    let (_, outer) = shape.split_last().unwrap_or((&2, &[]));
    let mut word = |at: usize| {
        let mut op =
            Slice { start: vec![0; shape.len()], limit: shape.clone(), strides: vec![1; shape.len()] };
        (op.start[outer.len()], op.limit[outer.len()]) = (at, at + 1);
        let slice = builder.push(op, &[keys])?;
        builder.reshape(slice, outer)
    };
    Ok([word(0)?, word(1)?])
}

/// Words `[..]` as keys `[.., 2]`.
fn joined(builder: &mut Builder, words: [Value; 2]) -> Result<Value, BuildError> {
    let mut shape = builder.graph().ty(words[0]).shape.clone();
    let dimension = shape.len();
    shape.push(1);
    let words = [builder.reshape(words[0], shape.as_slice())?, builder.reshape(words[1], shape)?];
    builder.push(Concatenate { dimension }, &words)
}

/// `jax.random.fold_in`: keys `[.., 2]` that depend on `keys` and on `data`, `ui32[..]`.
pub(crate) fn fold_in(builder: &mut Builder, keys: Value, data: Value) -> Result<Value, BuildError> {
    let words = words(builder, keys)?;
    let shape = builder.graph().ty(data).shape.clone();
    let high = builder.full(0.0, DType::Ui32, shape);
    let folded = threefry2x32(builder, words, [high, data])?;
    joined(builder, folded)
}

/// The two words at each of the places `0..count` of a key's stream, each `ui32[count]`.
fn stream(builder: &mut Builder, key: Value, count: usize) -> Result<[Value; 2], BuildError> {
    let mut key = words(builder, key)?;
    for word in &mut key {
        *word = views::stretch(builder, *word, &[count], &[])?;
    }
    let places = builder.push(Iota { shape: vec![count], dtype: DType::Ui32, dimension: 0 }, &[])?;
    let high = builder.full(0.0, DType::Ui32, [count]);
    threefry2x32(builder, key, [high, places])
}

/// `jax.random.split`: `count` independent keys, `[count, 2]`.
pub(crate) fn split(builder: &mut Builder, key: Value, count: usize) -> Result<Value, BuildError> {
    let words = stream(builder, key, count)?;
    joined(builder, words)
}

/// `jax.random.bits`: uniformly random words.
pub(crate) fn bits(builder: &mut Builder, key: Value, shape: &[usize]) -> Result<Value, BuildError> {
    let [first, second] = stream(builder, key, shape.iter().product())?;
    let bits = builder.binary(Binary::Xor, first, second)?;
    builder.reshape(bits, shape)
}
