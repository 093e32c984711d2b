//! `jax.random` inside traced functions: keys are values, and equal keys give equal numbers.
//!
//! A key is `ui32[2]`, as a host [`Key`](choral_ir::Key) converts to. Every function equals JAX's of
//! the same name and the host key's method bit for bit, but for the last place of `uniform_between`
//! and `normal`, where XLA rounds otherwise. Draws are `f32`.
//!
//! ```
//! use choral_compiler::{Var, trace, trace::random, vmap};
//! use choral_ir::{DType, TensorType};
//! let noisy = |(x, key): (Var, Var)| &x + random::normal(&key, x.shape());
//! let args = (TensorType::new([3], DType::F32), TensorType::new([100, 2], DType::Ui32));
//! let traced = trace(&vmap(noisy, (None, 0)), &args)?; // a hundred members, each with its own noise
//! assert_eq!(traced.output, TensorType::new([100, 3], DType::F32));
//! # Ok::<(), choral_compiler::Error>(())
//! ```
//!
//! Must not live here: layers that draw implicitly, and their key in scope ([`implicit`]).

pub mod implicit;

use std::panic::Location as Caller;

use choral_ir::op::{Binary, ComparisonDirection, Iota, Sort, Unary};
use choral_ir::{BuildError, Builder, DType, Graph, TensorType, Value};

use super::operators::Operand;
use super::record_with;
use super::var::Var;
use crate::transform::threefry;

/// The type of a key.
fn key_type() -> TensorType {
    TensorType::new([2], DType::Ui32)
}

/// Whether a value is a key; a fault if not.
#[track_caller]
fn is_key(name: &str, key: &Var) -> bool {
    let is_key = *key.ty() == key_type();
    // A stand-in comes from an earlier fault.
    if !is_key && key.known().is_some() {
        key.fault(format!("random::{name}: expected a key, {}, got {}", key_type(), key.ty()));
    }
    is_key
}

/// What `build` makes of a key; a fault if it is none.
#[track_caller]
fn from_key(
    name: &str,
    key: &Var,
    build: impl FnOnce(&mut Builder, Value) -> Result<Value, BuildError>,
) -> Var {
    if !is_key(name, key) {
        return key.stand_in();
    }
    record_with(name, &[key], Caller::caller(), |builder, values| build(builder, values[0]))
}

/// `N` independent keys, as `jax.random.split`.
#[track_caller]
pub fn split<const N: usize>(key: &Var) -> [Var; N] {
    let keys = split_n(key, N);
    std::array::from_fn(|index| if keys.rank() == 2 { keys.select(0, index) } else { keys.clone() })
}

/// `count` independent keys as one value, `[count, 2]`: mapped along dimension 0, each member has
/// its own.
#[track_caller]
pub fn split_n(key: &Var, count: usize) -> Var {
    from_key("split", key, |builder, key| threefry::split(builder, key, count))
}

/// A key that depends on this one and on `data`, an integer, as `jax.random.fold_in`.
#[track_caller]
pub fn fold_in(key: &Var, data: impl Operand) -> Var {
    if !is_key("fold_in", key) {
        return key.stand_in();
    }
    let data = data.beside(key);
    if data.rank() != 0 || data.dtype().is_float() {
        key.fault(format!("random::fold_in: expected an integer as data, got {}", data.ty()));
        return key.stand_in();
    }
    let data = data.to(DType::Ui32);
    record_with("fold_in", &[key, &data], Caller::caller(), |builder, values| {
        threefry::fold_in(builder, values[0], values[1])
    })
}

/// Uniformly random words, `ui32`, as `jax.random.bits`.
#[track_caller]
pub fn bits(key: &Var, shape: impl AsRef<[usize]>) -> Var {
    from_key("bits", key, |builder, key| threefry::bits(builder, key, shape.as_ref()))
}

/// Draws from `[0, 1)`, as `jax.random.uniform`.
#[track_caller]
pub fn uniform(key: &Var, shape: impl AsRef<[usize]>) -> Var {
    from_key("uniform", key, |builder, key| unit(builder, key, shape.as_ref()))
}

/// Draws from `[low, high)`, as `jax.random.uniform` with `minval` and `maxval`.
#[track_caller]
pub fn uniform_between(key: &Var, shape: impl AsRef<[usize]>, low: f32, high: f32) -> Var {
    from_key("uniform", key, |builder, key| between(builder, key, shape.as_ref(), low, high))
}

/// Standard normal draws, as `jax.random.normal`.
#[track_caller]
pub fn normal(key: &Var, shape: impl AsRef<[usize]>) -> Var {
    from_key("normal", key, |builder, key| {
        let after_minus_one = f32::from_bits((-1.0f32).to_bits() - 1);
        let draws = between(builder, key, shape.as_ref(), after_minus_one, 1.0)?;
        let scaled = builder.unary(Unary::ErfInvOfDraws, draws)?;
        with_float(builder, Binary::Multiply, scaled, std::f32::consts::SQRT_2)
    })
}

/// True with probability `p`, as `jax.random.bernoulli`.
#[track_caller]
pub fn bernoulli(key: &Var, p: impl Operand, shape: impl AsRef<[usize]>) -> Var {
    uniform(key, shape).lt(p)
}

/// Integers from `low` to before `high`, `i32`, as `jax.random.randint`; `low` if there are none.
#[track_caller]
pub fn randint(key: &Var, shape: impl AsRef<[usize]>, low: i32, high: i32) -> Var {
    from_key("randint", key, |builder, key| integers(builder, key, shape.as_ref(), low, high))
}

/// The rows of `x` (slices of its first dimension) in random order, as `jax.random.permutation`.
#[track_caller]
pub fn permutation(key: &Var, x: &Var) -> Var {
    let Some(&rows) = x.shape().first() else {
        key.fault(format!("random::permutation: {} has no rows", x.ty()));
        return key.stand_in();
    };
    let order = from_key("permutation", key, |builder, key| shuffled(builder, key, rows));
    x.take_rows(&order)
}

/// 23 random bits as the mantissa of a number in `[1, 2)`, less 1.
fn unit(builder: &mut Builder, key: Value, shape: &[usize]) -> Result<Value, BuildError> {
    let bits = threefry::bits(builder, key, shape)?;
    let mantissa = threefry::with_number(builder, Binary::ShiftRightLogical, bits, 9)?;
    let draws = builder.convert(mantissa, DType::F32)?;
    with_float(builder, Binary::Multiply, draws, 2f32.powi(-23))
}

fn between(
    builder: &mut Builder,
    key: Value,
    shape: &[usize],
    low: f32,
    high: f32,
) -> Result<Value, BuildError> {
    let draws = unit(builder, key, shape)?;
    // XLA rounds once, after product and sum.
    let wide = builder.convert(draws, DType::F64)?;
    let number = |builder: &mut Builder, number: f32| builder.full(f64::from(number), DType::F64, shape);
    let (span, start) = (number(builder, high - low), number(builder, low));
    let scaled = builder.binary(Binary::Multiply, wide, span)?;
    let moved = builder.binary(Binary::Add, scaled, start)?;
    let moved = builder.convert(moved, DType::F32)?;
    // Rounding may end below the limit.
    with_float(builder, Binary::Maximum, moved, low)
}

fn with_float(builder: &mut Builder, op: Binary, value: Value, number: f32) -> Result<Value, BuildError> {
    let shape = builder.graph().ty(value).shape.clone();
    let number = builder.full(f64::from(number), DType::F32, shape);
    builder.binary(op, value, number)
}

/// 64 random bits, in two words, modulo the number of integers in the range.
fn integers(
    builder: &mut Builder,
    key: Value,
    shape: &[usize],
    low: i32,
    high: i32,
) -> Result<Value, BuildError> {
    let span = choral_ir::random::span(low, high);
    let [of_high_words, of_low_words] = two_keys(builder, key)?;
    let high_words = threefry::bits(builder, of_high_words, shape)?;
    let low_words = threefry::bits(builder, of_low_words, shape)?;
    let high_part = threefry::with_number(builder, Binary::Remainder, high_words, span)?;
    let high_part =
        threefry::with_number(builder, Binary::Multiply, high_part, choral_ir::random::word_modulo(span))?;
    let low_part = threefry::with_number(builder, Binary::Remainder, low_words, span)?;
    let sum = builder.binary(Binary::Add, high_part, low_part)?;
    let offset = threefry::with_number(builder, Binary::Remainder, sum, span)?;
    let offset = builder.convert(offset, DType::I32)?;
    let low = builder.full(f64::from(low), DType::I32, shape);
    builder.binary(Binary::Add, offset, low)
}

fn two_keys(builder: &mut Builder, key: Value) -> Result<[Value; 2], BuildError> {
    let keys = threefry::split(builder, key, 2)?;
    let mut row = |at: usize| {
        let op = choral_ir::op::Slice { start: vec![at, 0], limit: vec![at + 1, 2], strides: vec![1, 1] };
        let row = builder.push(op, &[keys])?;
        builder.reshape(row, [2])
    };
    Ok([row(0)?, row(1)?])
}

/// `0..count` in random order: sorted by random words, again and again until ties hardly matter.
fn shuffled(builder: &mut Builder, mut key: Value, count: usize) -> Result<Value, BuildError> {
    let mut order = builder.push(Iota { shape: vec![count], dtype: DType::I32, dimension: 0 }, &[])?;
    for _ in 0..choral_ir::random::shuffles(count) {
        let [rest, this] = two_keys(builder, key)?;
        key = rest;
        let words = threefry::bits(builder, this, &[count])?;
        let op = Sort { dimension: 0, is_stable: true, comparator: by_word()?.into() };
        order = builder.push_all(op, &[words, order])?[1];
    }
    Ok(order)
}

/// The order of `(word, value)` pairs by their words.
fn by_word() -> Result<Graph, BuildError> {
    let mut builder = Builder::new("comparator");
    let [left, right] = ["left", "right"].map(|name| builder.input(name, TensorType::scalar(DType::Ui32)));
    for name in ["left_value", "right_value"] {
        builder.input(name, TensorType::scalar(DType::I32));
    }
    let is_less = builder.compare(ComparisonDirection::Lt, left, right)?;
    Ok(builder.finish(&[is_less]))
}
