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
    push: Push,
}

const fn row(name: &'static str, push: Push) -> Row {
    Row { name, push }
}

/// Every op by its name in text; a convolution with batching dimensions has a name of its own.
#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    row("stablehlo.abs", |draft| draft.unary(Unary::Abs)),
    row("chlo.acos", |draft| draft.unary(Unary::Acos)),
    row("chlo.acosh", |draft| draft.unary(Unary::Acosh)),
    row("chlo.asin", |draft| draft.unary(Unary::Asin)),
    row("chlo.asinh", |draft| draft.unary(Unary::Asinh)),
    row("chlo.atan", |draft| draft.unary(Unary::Atan)),
    row("chlo.atanh", |draft| draft.unary(Unary::Atanh)),
    row("chlo.bessel_i1e", |draft| draft.unary(Unary::BesselI1e)),
    row("chlo.cosh", |draft| draft.unary(Unary::Cosh)),
    row("chlo.digamma", |draft| draft.unary(Unary::Digamma)),
    row("chlo.erf_inv", |draft| draft.unary(Unary::ErfInv)),
    row("choral.erf_inv", |draft| draft.unary(Unary::ErfInvOfDraws)),
    row("chlo.erfc", |draft| draft.unary(Unary::Erfc)),
    row("chlo.is_inf", |draft| draft.unary(Unary::IsInf)),
    row("chlo.is_neg_inf", |draft| draft.unary(Unary::IsNegInf)),
    row("chlo.is_pos_inf", |draft| draft.unary(Unary::IsPosInf)),
    row("chlo.lgamma", |draft| draft.unary(Unary::Lgamma)),
    row("chlo.sinh", |draft| draft.unary(Unary::Sinh)),
    row("chlo.square", |draft| draft.unary(Unary::Square)),
    row("chlo.mulhi", |draft| draft.binary(Binary::Mulhi)),
    row("chlo.next_after", |draft| draft.binary(Binary::NextAfter)),
    row("stablehlo.reduce_precision", Draft::reduce_precision),
    row("stablehlo.bitcast_convert", Draft::bitcast_convert),
    row("stablehlo.cbrt", |draft| draft.unary(Unary::Cbrt)),
    row("stablehlo.ceil", |draft| draft.unary(Unary::Ceil)),
    row("stablehlo.cosine", |draft| draft.unary(Unary::Cosine)),
    row("stablehlo.count_leading_zeros", |draft| draft.unary(Unary::CountLeadingZeros)),
    row("chlo.erf", |draft| draft.unary(Unary::Erf)),
    row("stablehlo.exponential", |draft| draft.unary(Unary::Exponential)),
    row("stablehlo.exponential_minus_one", |draft| draft.unary(Unary::ExponentialMinusOne)),
    row("stablehlo.floor", |draft| draft.unary(Unary::Floor)),
    row("stablehlo.is_finite", |draft| draft.unary(Unary::IsFinite)),
    row("stablehlo.log", |draft| draft.unary(Unary::Log)),
    row("stablehlo.log_plus_one", |draft| draft.unary(Unary::LogPlusOne)),
    row("stablehlo.logistic", |draft| draft.unary(Unary::Logistic)),
    row("stablehlo.negate", |draft| draft.unary(Unary::Negate)),
    row("stablehlo.not", |draft| draft.unary(Unary::Not)),
    row("stablehlo.popcnt", |draft| draft.unary(Unary::Popcnt)),
    row("stablehlo.round_nearest_afz", |draft| draft.unary(Unary::RoundNearestAfz)),
    row("stablehlo.round_nearest_even", |draft| draft.unary(Unary::RoundNearestEven)),
    row("stablehlo.rsqrt", |draft| draft.unary(Unary::Rsqrt)),
    row("stablehlo.sign", |draft| draft.unary(Unary::Sign)),
    row("stablehlo.sine", |draft| draft.unary(Unary::Sine)),
    row("stablehlo.sqrt", |draft| draft.unary(Unary::Sqrt)),
    row("stablehlo.tan", |draft| draft.unary(Unary::Tan)),
    row("stablehlo.tanh", |draft| draft.unary(Unary::Tanh)),
    row("stablehlo.add", |draft| draft.binary(Binary::Add)),
    row("stablehlo.and", |draft| draft.binary(Binary::And)),
    row("stablehlo.atan2", |draft| draft.binary(Binary::Atan2)),
    row("stablehlo.divide", |draft| draft.binary(Binary::Divide)),
    row("stablehlo.maximum", |draft| draft.binary(Binary::Maximum)),
    row("stablehlo.minimum", |draft| draft.binary(Binary::Minimum)),
    row("stablehlo.multiply", |draft| draft.binary(Binary::Multiply)),
    row("stablehlo.or", |draft| draft.binary(Binary::Or)),
    row("chlo.polygamma", |draft| draft.binary(Binary::Polygamma)),
    row("stablehlo.power", |draft| draft.binary(Binary::Power)),
    row("stablehlo.remainder", |draft| draft.binary(Binary::Remainder)),
    row("stablehlo.shift_left", |draft| draft.binary(Binary::ShiftLeft)),
    row("stablehlo.shift_right_arithmetic", |draft| draft.binary(Binary::ShiftRightArithmetic)),
    row("stablehlo.shift_right_logical", |draft| draft.binary(Binary::ShiftRightLogical)),
    row("stablehlo.subtract", |draft| draft.binary(Binary::Subtract)),
    row("stablehlo.xor", |draft| draft.binary(Binary::Xor)),
    row("chlo.zeta", |draft| draft.binary(Binary::Zeta)),
    row("stablehlo.compare", Draft::compare),
    row("stablehlo.select", Draft::select),
    row("stablehlo.clamp", Draft::clamp),
    row("stablehlo.convert", Draft::convert),
    row("stablehlo.iota", Draft::iota),
    row("stablehlo.broadcast_in_dim", Draft::broadcast_in_dim),
    row("stablehlo.reshape", Draft::reshape),
    row("stablehlo.transpose", Draft::transpose),
    row("stablehlo.reverse", Draft::reverse),
    row("stablehlo.slice", Draft::slice),
    row("stablehlo.pad", Draft::pad),
    row("stablehlo.concatenate", Draft::concatenate),
    row("stablehlo.dot_general", Draft::dot_general),
    row("stablehlo.convolution", Draft::convolution),
    row("choral.convolution", Draft::convolution_with_batching_dims),
    row("stablehlo.reduce", Draft::reduce),
    row("stablehlo.reduce_window", Draft::reduce_window),
    row("stablehlo.gather", Draft::gather),
    row("stablehlo.cholesky", Draft::cholesky),
    row("stablehlo.triangular_solve", Draft::triangular_solve),
    row("stablehlo.scatter", Draft::scatter),
    row("stablehlo.select_and_scatter", Draft::select_and_scatter),
    row("stablehlo.sort", Draft::sort),
    row("chlo.top_k", Draft::top_k),
    row("stablehlo.dynamic_slice", Draft::dynamic_slice),
    row("stablehlo.dynamic_update_slice", Draft::dynamic_update_slice),
    row("choral.dynamic_slice", Draft::dynamic_slice_with_batching_dims),
    row("choral.dynamic_update_slice", Draft::dynamic_update_slice_with_batching_dims),
    row("stablehlo.if", Draft::if_else),
    row("stablehlo.case", Draft::case),
    row("stablehlo.while", Draft::while_loop),
    row("chlo.scan", Draft::scan),
    row("stablehlo.map", Draft::map),
    row("stablehlo.optimization_barrier", Draft::optimization_barrier),
    row("stablehlo.rng_bit_generator", Draft::rng_bit_generator),
    row("choral.rng_bit_generator", Draft::rng_bit_generator_with_batching_dims),
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
