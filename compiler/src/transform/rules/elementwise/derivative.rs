//! The derivative of each function of one operand, as `jax.lax` has it, kinks included.
//!
//! Must not live here: tangents of ops of several operands (`tangent.rs`).

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

use choral_ir::op::{Binary, Unary};
use choral_ir::{BuildError, Builder, Value};

use super::bessel;
use crate::transform::dual::full_like;

/// What a function does to a tangent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Derivative {
    /// It is flat: the tangent is zero.
    Zero,
    /// It is linear itself.
    Linear,
    /// The tangent is multiplied by this value.
    Times(Value),
    /// The tangent is divided by this value.
    Over(Value),
}

use Derivative::{Linear, Over, Times, Zero};

/// Short-hands for formulas.
struct Formula<'b> {
    builder: &'b mut Builder,
}

type Built = Result<Value, BuildError>;

impl Formula<'_> {
    fn number(&mut self, like: Value, number: f64) -> Value {
        full_like(self.builder, like, number)
    }

    fn add(&mut self, x: Value, y: Value) -> Built {
        self.builder.binary(Binary::Add, x, y)
    }

    fn times(&mut self, x: Value, y: Value) -> Built {
        self.builder.binary(Binary::Multiply, x, y)
    }

    fn scaled(&mut self, x: Value, factor: f64) -> Built {
        let factor = self.number(x, factor);
        self.times(x, factor)
    }

    fn plus(&mut self, x: Value, number: f64) -> Built {
        let number = self.number(x, number);
        self.add(x, number)
    }

    /// `number - x`.
    fn from(&mut self, number: f64, x: Value) -> Built {
        let number = self.number(x, number);
        self.builder.binary(Binary::Subtract, number, x)
    }

    fn over(&mut self, x: Value, y: Value) -> Built {
        self.builder.binary(Binary::Divide, x, y)
    }

    fn apply(&mut self, op: Unary, x: Value) -> Built {
        self.builder.unary(op, x)
    }

    fn square(&mut self, x: Value) -> Built {
        self.times(x, x)
    }

    /// `factor e^(sign x x)`.
    fn bell(&mut self, x: Value, sign: f64, factor: f64) -> Built {
        let square = self.square(x)?;
        let exponent = self.scaled(square, sign)?;
        let bell = self.apply(Unary::Exponential, exponent)?;
        self.scaled(bell, factor)
    }
}

/// The derivative of `op` at `x`, where its value is `y`.
pub(super) fn derivative(
    builder: &mut Builder,
    op: Unary,
    x: Value,
    y: Value,
) -> Result<Derivative, BuildError> {
    let mut f = Formula { builder };
    Ok(match op {
        Unary::Negate => Linear,
        // Rounding is flat wherever it has a derivative; the others give truth values or integers.
        Unary::Ceil
        | Unary::Floor
        | Unary::RoundNearestAfz
        | Unary::RoundNearestEven
        | Unary::Sign
        | Unary::IsFinite
        | Unary::IsInf
        | Unary::IsNegInf
        | Unary::IsPosInf
        | Unary::CountLeadingZeros
        | Unary::Not
        | Unary::Popcnt => Zero,
        Unary::Abs => Times(f.apply(Unary::Sign, x)?),
        Unary::Acos => {
            let rsqrt = one_less_square(&mut f, x)?;
            Times(f.apply(Unary::Negate, rsqrt)?)
        }
        Unary::Asin => Times(one_less_square(&mut f, x)?),
        Unary::Acosh => {
            let (below, above) = (f.plus(x, -1.0)?, f.plus(x, 1.0)?);
            let product = f.times(below, above)?;
            Times(f.apply(Unary::Rsqrt, product)?)
        }
        Unary::Asinh => {
            let square = f.square(x)?;
            let sum = f.plus(square, 1.0)?;
            Times(f.apply(Unary::Rsqrt, sum)?)
        }
        Unary::Atan => {
            let square = f.square(x)?;
            Over(f.plus(square, 1.0)?)
        }
        Unary::Atanh => {
            let (below, above) = (f.from(1.0, x)?, f.plus(x, 1.0)?);
            Over(f.times(below, above)?)
        }
        Unary::BesselI1e => Times(bessel::derivative_of_i1e(f.builder, x, y)?),
        Unary::Cbrt => {
            let square = f.square(y)?;
            Over(f.scaled(square, 3.0)?)
        }
        Unary::Cosine => {
            let sine = f.apply(Unary::Sine, x)?;
            Times(f.apply(Unary::Negate, sine)?)
        }
        Unary::Sine => Times(f.apply(Unary::Cosine, x)?),
        Unary::Tan => {
            let square = f.square(y)?;
            Times(f.plus(square, 1.0)?)
        }
        Unary::Cosh => Times(f.apply(Unary::Sinh, x)?),
        Unary::Sinh => Times(f.apply(Unary::Cosh, x)?),
        Unary::Tanh => {
            // In this form it is exact where tanh is near 1 and -1.
            let (below, above) = (f.from(1.0, y)?, f.plus(y, 1.0)?);
            Times(f.times(below, above)?)
        }
        Unary::Digamma => {
            let one = f.number(x, 1.0);
            Times(f.builder.binary(Binary::Polygamma, one, x)?)
        }
        Unary::Erf => Times(f.bell(x, -1.0, FRAC_2_SQRT_PI)?),
        Unary::Erfc => Times(f.bell(x, -1.0, -FRAC_2_SQRT_PI)?),
        Unary::ErfInv | Unary::ErfInvOfDraws => Times(f.bell(y, 1.0, PI.sqrt() / 2.0)?),
        Unary::Exponential => Times(y),
        Unary::ExponentialMinusOne => Times(f.plus(y, 1.0)?),
        Unary::Lgamma => Times(f.apply(Unary::Digamma, x)?),
        Unary::Log => Over(x),
        Unary::LogPlusOne => Over(f.plus(x, 1.0)?),
        Unary::Logistic => {
            let below = f.from(1.0, y)?;
            Times(f.times(y, below)?)
        }
        Unary::Rsqrt => {
            let quotient = f.over(y, x)?;
            Times(f.scaled(quotient, -0.5)?)
        }
        Unary::Sqrt => Over(f.scaled(y, 2.0)?),
        Unary::Square => Times(f.scaled(x, 2.0)?),
    })
}

/// `1 / sqrt(1 - x^2)`.
fn one_less_square(f: &mut Formula<'_>, x: Value) -> Built {
    let square = f.square(x)?;
    let rest = f.from(1.0, square)?;
    f.apply(Unary::Rsqrt, rest)
}
