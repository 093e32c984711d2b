//! The derivative of the scaled modified Bessel function of order 1.

use choral_ir::op::{Binary, ComparisonDirection, Unary};
use choral_ir::{BuildError, Builder, Value};

use crate::transform::dual::full_like;

/// Chebyshev coefficients, the one of the highest degree first: of `e^-x I0(x)` for `x` in `[0, 8]`, by `x / 2 - 2`, and
/// of `sqrt(x) e^-x I0(x)` from 8 on, by `32 / x - 2`. The intervals are those of Cephes (Moshier, `i0.c`); the
/// figures were computed with mpmath.
const COEFFICIENTS: [[f64; 2]; 30] = [
    [-4.4153416464793395e-18, 0.0],
    [3.3307945188222384e-17, 0.0],
    [-2.431279846547955e-16, 0.0],
    [1.715391285555133e-15, 0.0],
    [-1.1685332877993451e-14, 0.0],
    [7.676185498604936e-14, -7.233180487874754e-18],
    [-4.856446783111929e-13, -4.830504485944182e-18],
    [2.95505266312964e-12, 4.46562142029676e-17],
    [-1.726826291441556e-11, 3.461222867697461e-17],
    [9.675809035373237e-11, -2.8276239805165836e-16],
    [-5.189795601635263e-10, -3.425485619677219e-16],
    [2.6598237246823866e-09, 1.7725601330565263e-15],
    [-1.300025009986248e-08, 3.8116806693526224e-15],
    [6.046995022541919e-08, -9.554846698828307e-15],
    [-2.670793853940612e-07, -4.150569347287222e-14],
    [1.1173875391201037e-06, 1.54008621752141e-14],
    [-4.4167383584587505e-06, 3.8527783827421426e-13],
    [1.6448448070728896e-05, 7.180124451383666e-13],
    [-5.754195010082104e-05, -1.7941785315068062e-12],
    [0.00018850288509584165, -1.3215811840447713e-11],
    [-0.0005763755745385824, -3.1499165279632416e-11],
    [0.0016394756169413357, 1.1889147107846439e-11],
    [-0.004324309995050576, 4.94060238822497e-10],
    [0.010546460394594998, 3.3962320257083865e-09],
    [-0.02373741480589947, 2.266668990498178e-08],
    [0.04930528423967071, 2.0489185894690638e-07],
    [-0.09490109704804764, 2.8913705208347567e-06],
    [0.17162090152220877, 6.889758346916825e-05],
    [-0.3046826723431984, 0.0033691164782556943],
    [0.6767952744094761, 0.8044904110141088],
];

/// `i0e(x) - i1e(x) (sign(x) + 1 / x)`, and 1/2 at 0, where `y` is `i1e(x)`.
pub(super) fn derivative_of_i1e(builder: &mut Builder, x: Value, y: Value) -> Result<Value, BuildError> {
    let order_0 = i0e(builder, x)?;
    let [zero, half, one] = [0.0, 0.5, 1.0].map(|number| full_like(builder, x, number));
    let is_zero = builder.compare(ComparisonDirection::Eq, x, zero)?;
    let divisor = builder.select(is_zero, one, x)?;
    let sign = builder.unary(Unary::Sign, x)?;
    let reciprocal = builder.binary(Binary::Divide, one, divisor)?;
    let factor = builder.binary(Binary::Add, sign, reciprocal)?;
    let order_1 = builder.binary(Binary::Multiply, y, factor)?;
    let slope = builder.binary(Binary::Subtract, order_0, order_1)?;
    builder.select(is_zero, half, slope)
}

/// `e^-|x| I0(x)`, the modified Bessel function of order 0, scaled: Clenshaw's recurrence over the series of the
/// interval that `x` lies in, in the type that 16-bit floats accumulate in.
fn i0e(builder: &mut Builder, x: Value) -> Result<Value, BuildError> {
    let dtype = builder.graph().ty(x).dtype;
    let wide = builder.as_dtype(x, dtype.accumulator())?;
    let size = builder.unary(Unary::Abs, wide)?;
    let [zero, half, two, eight, far] =
        [0.0, 0.5, 2.0, 8.0, 32.0].map(|number| full_like(builder, size, number));
    let is_near = builder.compare(ComparisonDirection::Le, size, eight)?;
    let near = builder.binary(Binary::Multiply, size, half)?;
    let beyond = builder.binary(Binary::Divide, far, size)?;
    let place = builder.select(is_near, near, beyond)?;
    let place = builder.binary(Binary::Subtract, place, two)?;
    // Of the last three sums, the first and the last but one.
    let (mut sum, mut before, mut before_that) = (zero, zero, zero);
    for numbers in COEFFICIENTS {
        let [near, beyond] = numbers.map(|number| full_like(builder, size, number));
        let coefficient = builder.select(is_near, near, beyond)?;
        (before, before_that) = (sum, before);
        let scaled = builder.binary(Binary::Multiply, place, before)?;
        let rest = builder.binary(Binary::Subtract, scaled, before_that)?;
        sum = builder.binary(Binary::Add, rest, coefficient)?;
    }
    let difference = builder.binary(Binary::Subtract, sum, before_that)?;
    let series = builder.binary(Binary::Multiply, difference, half)?;
    let root = builder.unary(Unary::Rsqrt, size)?;
    let decaying = builder.binary(Binary::Multiply, series, root)?;
    let value = builder.select(is_near, series, decaying)?;
    builder.as_dtype(value, dtype)
}
