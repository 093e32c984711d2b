//! Arithmetic: operands that change nothing, signs that cancel, factors that are powers of two.
//!
//! Each row holds for every element type that its op takes, unless it says otherwise. Floats keep their
//! bits, the sign of zero and infinities among them; NaN stays NaN. So `x + 0.0` stays as it is (it makes
//! `0.0` of `-0.0`), and so do `x * 0.0`, `x - x` and `x / x` of floats.

use choral_ir::op::{Binary, Unary};
use choral_ir::{DType, Tensor, Value};

use super::{Rewrite, table};
use crate::transform::rewrite::optimise::number::Number;
use crate::transform::rewrite::optimise::site::{After, Side, Site};

pub(super) const TABLE: &[Rewrite] = table! {
    "add_nothing": "x + -0.0 -> x; x + 0 -> x of integers and booleans",
        |site| site.neutral(Binary::Add, Side::Either, Number::NoTerm);
    "subtract_zero": "x - 0 -> x",
        |site| site.neutral(Binary::Subtract, Side::Right, Number::Zero);
    "multiply_by_one": "x * 1 -> x",
        |site| site.neutral(Binary::Multiply, Side::Either, Number::One);
    "divide_by_one": "x / 1 -> x",
        |site| site.neutral(Binary::Divide, Side::Right, Number::One);
    "power_of_one": "x ^ 1 -> x of integers",
        |site| whole(site, site.neutral(Binary::Power, Side::Right, Number::One));
    "maximum_with_least": "max(x, least) -> x; -inf is the least float",
        |site| site.neutral(Binary::Maximum, Side::Either, Number::Least);
    "minimum_with_greatest": "min(x, greatest) -> x; inf is the greatest float",
        |site| site.neutral(Binary::Minimum, Side::Either, Number::Greatest);
    "multiply_by_zero": "x * 0 -> 0 of integers and booleans",
        |site| whole(site, site.absorbing(Binary::Multiply, Number::Zero));
    "maximum_with_greatest": "max(x, greatest) -> greatest of integers and booleans",
        |site| whole(site, site.absorbing(Binary::Maximum, Number::Greatest));
    "minimum_with_least": "min(x, least) -> least of integers and booleans",
        |site| whole(site, site.absorbing(Binary::Minimum, Number::Least));
    "subtract_itself": "x - x -> 0 of integers",
        |site| whole(site, site.number(Number::Zero, site.ty(site.twice(Binary::Subtract)?)));
    "maximum_of_one": "max(x, x) -> x",
        |site| Some(After::Value(site.twice(Binary::Maximum)?));
    "minimum_of_one": "min(x, x) -> x",
        |site| Some(After::Value(site.twice(Binary::Minimum)?));
    "multiply_by_minus_one": "x * -1 -> -x, of numbers",
        |site| Some(After::op(Unary::Negate, &[site.other(Binary::Multiply, Side::Either, Number::MinusOne)?]));
    "subtract_from_nothing": "-0.0 - x -> -x; 0 - x -> -x of integers",
        subtract_from_nothing;
    "negate_twice": "-(-x) -> x",
        |site| Some(After::Value(site.unary_of(Unary::Negate, site.unary(Unary::Negate)?)?));
    "absolute_twice": "||x|| -> |x|",
        |site| { let x = site.unary(Unary::Abs)?; site.unary_of(Unary::Abs, x).map(|_| After::Value(x)) };
    "sign_twice": "sign(sign(x)) -> sign(x)",
        |site| { let x = site.unary(Unary::Sign)?; site.unary_of(Unary::Sign, x).map(|_| After::Value(x)) };
    "absolute_of_negated": "|-x| -> |x|",
        |site| Some(After::op(Unary::Abs, &[site.unary_of(Unary::Negate, site.unary(Unary::Abs)?)?]));
    "square_of_negated": "square(-x) -> square(x)",
        |site| Some(After::op(Unary::Square, &[site.unary_of(Unary::Negate, site.unary(Unary::Square)?)?]));
    "square_of_absolute": "square(|x|) -> square(x)",
        |site| Some(After::op(Unary::Square, &[site.unary_of(Unary::Abs, site.unary(Unary::Square)?)?]));
    "add_negated": "x + -y -> x - y, -x + y -> y - x",
        add_negated;
    "subtract_negated": "x - -y -> x + y",
        |site| {
            let [x, y] = site.binary(Binary::Subtract)?;
            Some(After::op(Binary::Add, &[x, site.unary_of(Unary::Negate, y)?]))
        };
    "multiply_negated": "-x * -y -> x * y",
        |site| both_negated(site, Binary::Multiply);
    "divide_negated": "-x / -y -> x / y of floats",
        |site| site.dtype()?.is_float().then(|| both_negated(site, Binary::Divide))?;
    "divide_by_power_of_two": "x / 2^k -> x * 2^-k of floats, where 2^-k is a number of the type: both round the same value",
        divide_by_power_of_two;
    "round_twice": "round(round(x)) -> round(x), whichever way each rounds to integers",
        round_twice;
};

fn whole(site: &Site<'_>, after: Option<After>) -> Option<After> {
    after.filter(|_| site.is_whole())
}

fn subtract_from_nothing(site: &Site<'_>) -> Option<After> {
    let [zero, x] = site.binary(Binary::Subtract)?;
    site.is(zero, Number::NoTerm).then(|| After::op(Unary::Negate, &[x]))
}

fn add_negated(site: &Site<'_>) -> Option<After> {
    let [x, y] = site.binary(Binary::Add)?;
    let difference = |x: Value, y: Value| After::op(Binary::Subtract, &[x, y]);
    let right = site.unary_of(Unary::Negate, y).map(|y| difference(x, y));
    right.or_else(|| Some(difference(y, site.unary_of(Unary::Negate, x)?)))
}

fn both_negated(site: &Site<'_>, op: Binary) -> Option<After> {
    let [x, y] = site.binary(op)?;
    Some(After::op(op, &[site.unary_of(Unary::Negate, x)?, site.unary_of(Unary::Negate, y)?]))
}

fn divide_by_power_of_two(site: &Site<'_>) -> Option<After> {
    let [x, y] = site.binary(Binary::Divide)?;
    let ty = site.ty(y);
    let divisor = site.splat(y).filter(|_| ty.dtype.is_float())?.to_f64_vec()[0];
    let is_power = divisor.is_normal() && divisor.to_bits().trailing_zeros() >= f64::MANTISSA_DIGITS - 1;
    let factor = Tensor::scalar_of(ty.dtype, divisor.recip());
    let is_exact = is_power && !is_one(divisor) && factor.to_f64_vec()[0] * divisor == 1.0;
    let operands = || vec![After::Value(x), After::Constant(factor, ty.clone())];
    is_exact.then(|| After::Op(Binary::Multiply.into(), operands()))
}

/// Division by these has rows of its own.
fn is_one(divisor: f64) -> bool {
    divisor.to_bits() == 1f64.to_bits()
}

/// The ops that round to integers: what they give stays as it is under each of them.
const ROUNDINGS: [Unary; 4] = [Unary::Ceil, Unary::Floor, Unary::RoundNearestAfz, Unary::RoundNearestEven];

fn round_twice(site: &Site<'_>) -> Option<After> {
    let rounded = *site.operands.first()?;
    let (inner, _) = site.view::<Unary>(rounded)?;
    (ROUNDINGS.contains(site.this::<Unary>()?) && ROUNDINGS.contains(inner)).then_some(After::Value(rounded))
}

/// Whether every value of one element type is one of another.
pub(super) fn holds_all(from: DType, to: DType) -> bool {
    match (from.limits(), to.limits()) {
        (Some((least, most)), Some(_)) => to.holds(least) && to.holds(most),
        (Some((least, most)), None) => least.unsigned_abs().max(most.unsigned_abs()) <= 1 << digits(to),
        (None, Some(_)) => false,
        (None, None) => from == to || to == DType::F64 || (to == DType::F32 && from != DType::F64),
    }
}

/// Bits of a float's mantissa, the first among them: it has every integer of fewer.
fn digits(float: DType) -> u32 {
    match float {
        DType::Bf16 => 8,
        DType::F16 => 11,
        DType::F32 => 24,
        DType::F64
        | DType::I1
        | DType::I2
        | DType::I4
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64
        | DType::Ui2
        | DType::Ui4
        | DType::Ui8
        | DType::Ui16
        | DType::Ui32
        | DType::Ui64 => 53,
    }
}
