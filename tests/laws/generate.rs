//! The generator: one row per op of the IR.
//!
//! A row adds one op to a draft, on operands that the draft makes or reuses. A draft of one row is
//! a program of one op; a draft of several is a random program. A new op joins every law by a row
//! here.

mod contraction;
mod control;
mod draft;
mod elementwise;
mod fold;
mod index;
mod linalg;
mod shape;
mod sort;

use choral::ir::op::{Binary, Unary};
use choral::ir::{BuildError, Graph, Value};

use crate::choices::Choices;
pub(crate) use draft::Draft;

/// What a row does: chooses operands and attributes, and adds the op.
type Push = fn(&mut Draft) -> Result<Vec<Value>, BuildError>;

/// The generator of one op.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The op's name in StableHLO text.
    pub(crate) name: &'static str,
    /// What can be said of its results.
    pub(crate) kind: Kind,
    push: Push,
}

/// How results of float operands compare between devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Equal operands give equal results, and nearly equal ones nearly equal results.
    Steady,
    /// Equal operands give equal results, but nearly equal ones may give quite different results.
    Jumps,
    /// Devices may add in different orders.
    Sums,
}

const fn steady(name: &'static str, push: Push) -> Row {
    Row { name, kind: Kind::Steady, push }
}

const fn jumps(name: &'static str, push: Push) -> Row {
    Row { name, kind: Kind::Jumps, push }
}

const fn sums(name: &'static str, push: Push) -> Row {
    Row { name, kind: Kind::Sums, push }
}

/// Every op by its name in text; a convolution with batching dimensions has a name of its own.
#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    steady("stablehlo.abs", |draft| draft.unary(Unary::Abs)),
    jumps("chlo.acos", |draft| draft.unary(Unary::Acos)),
    jumps("chlo.acosh", |draft| draft.unary(Unary::Acosh)),
    jumps("chlo.asin", |draft| draft.unary(Unary::Asin)),
    jumps("chlo.asinh", |draft| draft.unary(Unary::Asinh)),
    jumps("chlo.atan", |draft| draft.unary(Unary::Atan)),
    jumps("chlo.atanh", |draft| draft.unary(Unary::Atanh)),
    jumps("chlo.bessel_i1e", |draft| draft.unary(Unary::BesselI1e)),
    jumps("chlo.cosh", |draft| draft.unary(Unary::Cosh)),
    jumps("chlo.digamma", |draft| draft.unary(Unary::Digamma)),
    jumps("chlo.erf_inv", |draft| draft.unary(Unary::ErfInv)),
    jumps("choral.erf_inv", |draft| draft.unary(Unary::ErfInvOfDraws)),
    jumps("chlo.erfc", |draft| draft.unary(Unary::Erfc)),
    jumps("chlo.is_inf", |draft| draft.unary(Unary::IsInf)),
    jumps("chlo.is_neg_inf", |draft| draft.unary(Unary::IsNegInf)),
    jumps("chlo.is_pos_inf", |draft| draft.unary(Unary::IsPosInf)),
    jumps("chlo.lgamma", |draft| draft.unary(Unary::Lgamma)),
    jumps("chlo.sinh", |draft| draft.unary(Unary::Sinh)),
    jumps("chlo.square", |draft| draft.unary(Unary::Square)),
    jumps("chlo.mulhi", |draft| draft.binary(Binary::Mulhi)),
    jumps("chlo.next_after", |draft| draft.binary(Binary::NextAfter)),
    jumps("stablehlo.reduce_precision", Draft::reduce_precision),
    jumps("stablehlo.bitcast_convert", Draft::bitcast_convert),
    jumps("stablehlo.cbrt", |draft| draft.unary(Unary::Cbrt)),
    jumps("stablehlo.ceil", |draft| draft.unary(Unary::Ceil)),
    jumps("stablehlo.cosine", |draft| draft.unary(Unary::Cosine)),
    jumps("stablehlo.count_leading_zeros", |draft| draft.unary(Unary::CountLeadingZeros)),
    jumps("chlo.erf", |draft| draft.unary(Unary::Erf)),
    jumps("stablehlo.exponential", |draft| draft.unary(Unary::Exponential)),
    jumps("stablehlo.exponential_minus_one", |draft| draft.unary(Unary::ExponentialMinusOne)),
    jumps("stablehlo.floor", |draft| draft.unary(Unary::Floor)),
    jumps("stablehlo.is_finite", |draft| draft.unary(Unary::IsFinite)),
    jumps("stablehlo.log", |draft| draft.unary(Unary::Log)),
    jumps("stablehlo.log_plus_one", |draft| draft.unary(Unary::LogPlusOne)),
    jumps("stablehlo.logistic", |draft| draft.unary(Unary::Logistic)),
    steady("stablehlo.negate", |draft| draft.unary(Unary::Negate)),
    jumps("stablehlo.not", |draft| draft.unary(Unary::Not)),
    jumps("stablehlo.popcnt", |draft| draft.unary(Unary::Popcnt)),
    jumps("stablehlo.round_nearest_afz", |draft| draft.unary(Unary::RoundNearestAfz)),
    jumps("stablehlo.round_nearest_even", |draft| draft.unary(Unary::RoundNearestEven)),
    jumps("stablehlo.rsqrt", |draft| draft.unary(Unary::Rsqrt)),
    jumps("stablehlo.sign", |draft| draft.unary(Unary::Sign)),
    jumps("stablehlo.sine", |draft| draft.unary(Unary::Sine)),
    jumps("stablehlo.sqrt", |draft| draft.unary(Unary::Sqrt)),
    jumps("stablehlo.tan", |draft| draft.unary(Unary::Tan)),
    jumps("stablehlo.tanh", |draft| draft.unary(Unary::Tanh)),
    steady("stablehlo.add", |draft| draft.binary(Binary::Add)),
    jumps("stablehlo.and", |draft| draft.binary(Binary::And)),
    jumps("stablehlo.atan2", |draft| draft.binary(Binary::Atan2)),
    jumps("stablehlo.divide", |draft| draft.binary(Binary::Divide)),
    steady("stablehlo.maximum", |draft| draft.binary(Binary::Maximum)),
    steady("stablehlo.minimum", |draft| draft.binary(Binary::Minimum)),
    jumps("stablehlo.multiply", |draft| draft.binary(Binary::Multiply)),
    jumps("stablehlo.or", |draft| draft.binary(Binary::Or)),
    jumps("chlo.polygamma", |draft| draft.binary(Binary::Polygamma)),
    jumps("stablehlo.power", |draft| draft.binary(Binary::Power)),
    jumps("stablehlo.remainder", |draft| draft.binary(Binary::Remainder)),
    jumps("stablehlo.shift_left", |draft| draft.binary(Binary::ShiftLeft)),
    jumps("stablehlo.shift_right_arithmetic", |draft| draft.binary(Binary::ShiftRightArithmetic)),
    jumps("stablehlo.shift_right_logical", |draft| draft.binary(Binary::ShiftRightLogical)),
    steady("stablehlo.subtract", |draft| draft.binary(Binary::Subtract)),
    jumps("stablehlo.xor", |draft| draft.binary(Binary::Xor)),
    jumps("chlo.zeta", |draft| draft.binary(Binary::Zeta)),
    jumps("stablehlo.compare", Draft::compare),
    steady("stablehlo.select", Draft::select),
    steady("stablehlo.clamp", Draft::clamp),
    jumps("stablehlo.convert", Draft::convert),
    steady("stablehlo.iota", Draft::iota),
    steady("stablehlo.broadcast_in_dim", Draft::broadcast_in_dim),
    steady("stablehlo.reshape", Draft::reshape),
    steady("stablehlo.transpose", Draft::transpose),
    steady("stablehlo.reverse", Draft::reverse),
    steady("stablehlo.slice", Draft::slice),
    steady("stablehlo.pad", Draft::pad),
    steady("stablehlo.concatenate", Draft::concatenate),
    sums("stablehlo.dot_general", Draft::dot_general),
    sums("stablehlo.convolution", Draft::convolution),
    sums("choral.convolution", Draft::convolution_with_batching_dims),
    sums("stablehlo.reduce", Draft::reduce),
    sums("stablehlo.reduce_window", Draft::reduce_window),
    steady("stablehlo.gather", Draft::gather),
    jumps("stablehlo.cholesky", Draft::cholesky),
    jumps("stablehlo.triangular_solve", Draft::triangular_solve),
    jumps("stablehlo.scatter", Draft::scatter),
    jumps("stablehlo.select_and_scatter", Draft::select_and_scatter),
    jumps("stablehlo.sort", Draft::sort),
    jumps("chlo.top_k", Draft::top_k),
    jumps("stablehlo.dynamic_slice", Draft::dynamic_slice),
    jumps("stablehlo.dynamic_update_slice", Draft::dynamic_update_slice),
    jumps("choral.dynamic_slice", Draft::dynamic_slice_with_batching_dims),
    jumps("choral.dynamic_update_slice", Draft::dynamic_update_slice_with_batching_dims),
    sums("stablehlo.if", Draft::if_else),
    sums("stablehlo.case", Draft::case),
    jumps("stablehlo.while", Draft::while_loop),
    jumps("chlo.scan", Draft::scan),
    jumps("stablehlo.map", Draft::map),
    jumps("stablehlo.optimization_barrier", Draft::optimization_barrier),
    jumps("stablehlo.rng_bit_generator", Draft::rng_bit_generator),
    jumps("choral.rng_bit_generator", Draft::rng_bit_generator_with_batching_dims),
];

/// A program of the row's op alone; every operand is an input.
pub(crate) fn one_op(row: &Row, choices: &mut Choices) -> Graph {
    let mut draft = Draft::of_one_op(std::mem::take(choices));
    let outputs = draft.add(row);
    let (graph, rest) = draft.finish(&outputs);
    *choices = rest;
    graph
}

/// A program of 3 to 8 ops, which read each other's results where types fit. It returns every result
/// that no op reads, and at times some value besides.
pub(crate) fn program(choices: &mut Choices) -> Graph {
    let count = 3 + choices.below(6);
    let mut draft = Draft::of_program(std::mem::take(choices));
    for _ in 0..count {
        let row = draft.choices.pick(ROWS);
        draft.add(&row);
    }
    let mut outputs = draft.unread();
    if draft.choices.once_in(3) {
        outputs.extend(draft.some_value());
    }
    let (graph, rest) = draft.finish(&outputs);
    *choices = rest;
    graph
}
