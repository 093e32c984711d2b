//! Bits, comparisons, choices and other element types.
//!
//! Floats that are compared may be NaN, which is less than nothing and not equal to itself: only `EQ` and
//! `NE`, and total orders, have an opposite, and only total orders are sure of `x` and itself.

use choral_ir::op::{
    Binary, BitcastConvert, Compare, ComparisonDirection, ComparisonType, Elementwise, Iota, Unary,
};
use choral_ir::{DType, Value};

use super::arithmetic::holds_all;
use super::{Rewrite, table};
use crate::transform::rewrite::optimise::number::Number;
use crate::transform::rewrite::optimise::site::{After, Side, Site};

pub(super) const TABLE: &[Rewrite] = table! {
    "and_of_ones": "x & ones -> x",
        |site| site.neutral(Binary::And, Side::Either, Number::Ones);
    "and_of_zero": "x & 0 -> 0",
        |site| site.absorbing(Binary::And, Number::Zero);
    "and_of_one": "x & x -> x",
        |site| Some(After::Value(site.twice(Binary::And)?));
    "or_of_zero": "x | 0 -> x",
        |site| site.neutral(Binary::Or, Side::Either, Number::Zero);
    "or_of_ones": "x | ones -> ones",
        |site| site.absorbing(Binary::Or, Number::Ones);
    "or_of_one": "x | x -> x",
        |site| Some(After::Value(site.twice(Binary::Or)?));
    "xor_of_zero": "x ^ 0 -> x",
        |site| site.neutral(Binary::Xor, Side::Either, Number::Zero);
    "xor_of_ones": "x ^ ones -> not x",
        |site| Some(After::op(Unary::Not, &[site.other(Binary::Xor, Side::Either, Number::Ones)?]));
    "xor_of_one": "x ^ x -> 0",
        |site| site.number(Number::Zero, site.ty(site.twice(Binary::Xor)?));
    "shift_by_zero": "x shifted by 0 -> x",
        shift_by_zero;
    "not_twice": "not(not x) -> x",
        |site| Some(After::Value(site.unary_of(Unary::Not, site.unary(Unary::Not)?)?));
    "not_compared": "not(x < y) -> x >= y; of floats EQ, NE and total orders alone",
        not_compared;
    "compare_itself": "x <= x -> true, x < x -> false; of floats total orders alone",
        compare_itself;
    "compare_converted_predicate": "number(p) != 0 -> p, number(p) == 0 -> not p; p is i1",
        compare_converted_predicate;
    "select_by_constant": "select(true, x, y) -> x, select(false, x, y) -> y",
        select_by_constant;
    "select_of_one": "select(p, x, x) -> x",
        |site| { let [_, x, y] = select(site)?; (x == y).then_some(After::Value(x)) };
    "select_by_not": "select(not p, x, y) -> select(p, y, x)",
        |site| {
            let [p, x, y] = select(site)?;
            Some(After::op(Elementwise::Select, &[site.unary_of(Unary::Not, p)?, y, x]))
        };
    "select_of_predicates": "select(p, true, false) -> p, select(p, false, true) -> not p",
        select_of_predicates;
    "convert_to_itself": "x in its own element type -> x",
        |site| (converted(site)? == site.dtype()?).then(|| After::Value(site.operands[0]));
    "convert_twice": "x in A, then in B -> x in B, where A has every value of x and rounds as x does",
        convert_twice;
    "convert_counted": "iota in another element type -> iota of that type, if that has every number",
        convert_counted;
    "bitcast_to_itself": "the bits of x as its own element type -> x",
        |site| (site.this::<BitcastConvert>()?.dtype == site.dtype()?).then(|| After::Value(site.operands[0]));
    "bitcast_twice": "bits as A, then as B -> bits as B, all of one width",
        bitcast_twice;
};

const SHIFTS: [Binary; 3] = [Binary::ShiftLeft, Binary::ShiftRightArithmetic, Binary::ShiftRightLogical];

fn shift_by_zero(site: &Site<'_>) -> Option<After> {
    SHIFTS.into_iter().find_map(|op| site.neutral(op, Side::Right, Number::Zero))
}

/// The relation that holds where this one does not.
const fn opposite(direction: ComparisonDirection) -> ComparisonDirection {
    match direction {
        ComparisonDirection::Eq => ComparisonDirection::Ne,
        ComparisonDirection::Ne => ComparisonDirection::Eq,
        ComparisonDirection::Ge => ComparisonDirection::Lt,
        ComparisonDirection::Gt => ComparisonDirection::Le,
        ComparisonDirection::Le => ComparisonDirection::Gt,
        ComparisonDirection::Lt => ComparisonDirection::Ge,
    }
}

fn not_compared(site: &Site<'_>) -> Option<After> {
    let (&Compare { direction, compare_type }, operands) =
        site.made_by::<Compare>(site.unary(Unary::Not)?)?;
    let is_equality = matches!(direction, ComparisonDirection::Eq | ComparisonDirection::Ne);
    let holds = is_equality || is_total(site, compare_type, operands[0]);
    holds.then(|| After::op(Compare { direction: opposite(direction), compare_type }, &operands))
}

/// Whether of two values one is less, or both are equal, always.
fn is_total(site: &Site<'_>, compare_type: ComparisonType, value: Value) -> bool {
    compare_type == ComparisonType::TotalOrder || !site.ty(value).dtype.is_float()
}

fn compare_itself(site: &Site<'_>) -> Option<After> {
    let &Compare { direction, compare_type } = site.this::<Compare>()?;
    let &[x, y] = site.operands else { return None };
    if x != y || !is_total(site, compare_type, x) {
        return None;
    }
    let number = match direction {
        ComparisonDirection::Eq | ComparisonDirection::Ge | ComparisonDirection::Le => Number::One,
        ComparisonDirection::Ne | ComparisonDirection::Gt | ComparisonDirection::Lt => Number::Zero,
    };
    site.number(number, &site.ty(x).with_dtype(DType::I1))
}

fn compare_converted_predicate(site: &Site<'_>) -> Option<After> {
    let Compare { direction, compare_type: _ } = site.this()?;
    let &[x, y] = site.operands else { return None };
    let predicate = predicate(site, x).filter(|_| site.is(y, Number::Zero))?;
    match direction {
        ComparisonDirection::Ne => Some(After::Value(predicate)),
        ComparisonDirection::Eq => Some(After::op(Unary::Not, &[predicate])),
        ComparisonDirection::Ge
        | ComparisonDirection::Gt
        | ComparisonDirection::Le
        | ComparisonDirection::Lt => None,
    }
}

/// The predicate that a number was made of.
fn predicate(site: &Site<'_>, number: Value) -> Option<Value> {
    let (made, from) = site.view::<Elementwise>(number)?;
    (matches!(made, Elementwise::Convert(_)) && site.ty(from).dtype == DType::I1).then_some(from)
}

/// Predicate and choices, if the op is a `select`.
fn select(site: &Site<'_>) -> Option<[Value; 3]> {
    (*site.this::<Elementwise>()? == Elementwise::Select).then(|| site.operands.try_into().ok())?
}

fn select_by_constant(site: &Site<'_>) -> Option<After> {
    let [p, x, y] = select(site)?;
    let chosen = |number: Number, value: Value| site.is(p, number).then_some(After::Value(value));
    chosen(Number::One, x).or_else(|| chosen(Number::Zero, y))
}

fn select_of_predicates(site: &Site<'_>) -> Option<After> {
    let [p, x, y] = select(site)?;
    let is = |first: Number, second: Number| site.is(x, first) && site.is(y, second);
    let of_predicates = site.ty(x).dtype == DType::I1;
    if of_predicates && is(Number::One, Number::Zero) {
        return Some(After::Value(p));
    }
    (of_predicates && is(Number::Zero, Number::One)).then(|| After::op(Unary::Not, &[p]))
}

/// The element type that the op converts to.
fn converted(site: &Site<'_>) -> Option<DType> {
    match site.this::<Elementwise>()? {
        Elementwise::Convert(dtype) => Some(*dtype),
        Elementwise::Unary(_)
        | Elementwise::Binary(_)
        | Elementwise::Compare(_)
        | Elementwise::Select
        | Elementwise::Clamp
        | Elementwise::ReducePrecision(_) => None,
    }
}

/// The same values pass through the type between; from a float an integer is cut off at its limits, from
/// an integer it wraps, so a float between integers stays.
fn convert_twice(site: &Site<'_>) -> Option<After> {
    let to = converted(site)?;
    let between = site.dtype()?;
    let (op, x) = site.view::<Elementwise>(site.operands[0])?;
    let from = site.ty(x).dtype;
    let same_way = between.is_float() == from.is_float() || to.is_float();
    let is_convert = *op == Elementwise::Convert(between);
    let is_exact = is_convert && same_way && holds_all(from, between);
    is_exact.then(|| After::op(Elementwise::Convert(to), &[x]))
}

fn convert_counted(site: &Site<'_>) -> Option<After> {
    let dtype = converted(site).filter(|&dtype| dtype != DType::I1)?;
    let (iota, _) = site.made_by::<Iota>(site.operands[0])?;
    let last = iota.shape[iota.dimension].saturating_sub(1) as i128;
    let whole = |dtype: DType| dtype.holds(last) || (dtype.is_float() && last <= 1 << 8);
    (whole(iota.dtype) && whole(dtype)).then(|| After::op(Iota { dtype, ..iota.clone() }, &[]))
}

fn bitcast_twice(site: &Site<'_>) -> Option<After> {
    let BitcastConvert { dtype } = site.this::<BitcastConvert>()?;
    let between = site.operands[0];
    let (_, x) = site.view::<BitcastConvert>(between)?;
    let widths = [site.ty(between).dtype.bits(), site.ty(x).dtype.bits()];
    (widths == [dtype.bits(); 2]).then(|| After::op(BitcastConvert { dtype: *dtype }, &[x]))
}
