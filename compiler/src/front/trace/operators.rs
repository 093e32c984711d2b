//! Elementwise operators and methods of [`Var`], with numpy's broadcasting.

use std::ops;
use std::panic::Location as Caller;

use choral_ir::op::{Binary, Elementwise, Unary};
use choral_ir::{DType, Op, Tensor};

use super::record_with;
use super::var::Var;
use crate::transform::views;

/// What can be on the right of an operator: a value, a number (which takes the element type of
/// the other side, and must fit it), or a tensor (which becomes a constant).
pub trait Operand {
    /// The operand as a value of the kind of `like`.
    #[track_caller]
    fn beside(&self, like: &Var) -> Var;

    /// The number, where the operand is one.
    fn number(&self) -> Option<f64> {
        None
    }
}

impl Operand for Var {
    fn beside(&self, _: &Var) -> Var {
        self.clone()
    }
}

impl Operand for Tensor {
    #[track_caller]
    fn beside(&self, like: &Var) -> Var {
        like.constant(self)
    }
}

impl<X: Operand> Operand for &X {
    #[track_caller]
    fn beside(&self, like: &Var) -> Var {
        (**self).beside(like)
    }

    fn number(&self) -> Option<f64> {
        (**self).number()
    }
}

macro_rules! scalars {
    ($($Scalar:ty),*) => {$(
        impl Operand for $Scalar {
            #[track_caller]
            fn beside(&self, like: &Var) -> Var {
                like.full(Vec::new(), *self as f64)
            }

            fn number(&self) -> Option<f64> {
                Some(*self as f64)
            }
        }
    )*};
}
scalars!(f64, f32, i32);

/// The shape that numpy's broadcasting gives; `None` if the shapes do not fit.
pub(crate) fn broadcast_shapes(shapes: &[&[usize]]) -> Option<Vec<usize>> {
    let rank = shapes.iter().map(|shape| shape.len()).max()?;
    let mut result = vec![1; rank];
    for shape in shapes {
        for (dim, &size) in shape.iter().enumerate() {
            let at = rank - shape.len() + dim;
            match (result[at], size) {
                (1, size) => result[at] = size,
                (known, size) if known == size || size == 1 => {}
                (_, _) => return None,
            }
        }
    }
    Some(result)
}

/// Records an elementwise op on operands that are broadcast to one shape.
pub(crate) fn elementwise(op: impl Into<Op>, operands: &[&Var], at: &Caller<'_>) -> Var {
    let op = op.into();
    elementwise_as(op.short_name(), op.clone(), operands, at)
}

/// As [`elementwise`], the result called `name`.
pub(crate) fn elementwise_as(name: &str, op: Op, operands: &[&Var], at: &Caller<'_>) -> Var {
    let shapes: Vec<&[usize]> = operands.iter().map(|var| var.shape()).collect();
    let Some(shape) = broadcast_shapes(&shapes) else {
        // A stand-in comes from an earlier fault: one report is enough.
        if operands.iter().all(|var| var.value.is_some()) {
            let types: Vec<String> = operands.iter().map(|var| var.ty().to_string()).collect();
            let message = format!("{}: shapes do not broadcast together: {}", op.name(), types.join(" and "));
            operands[0].trace.fault(message, at);
        }
        return operands[0].stand_in();
    };
    record_with(name, operands, at, |builder, values| {
        let mut stretched = Vec::with_capacity(values.len());
        for &value in values {
            let rank = builder.graph().ty(value).rank();
            let dims: Vec<usize> = (shape.len() - rank..shape.len()).collect();
            stretched.push(views::stretch(builder, value, &shape, &dims)?);
        }
        builder.push(op.clone(), &stretched)
    })
}

macro_rules! operators {
    ($($Trait:ident $method:ident $op:ident;)*) => {$(
        impl<R: Operand> ops::$Trait<R> for &Var {
            type Output = Var;
            #[track_caller]
            fn $method(self, rhs: R) -> Var {
                elementwise(Binary::$op, &[self, &rhs.beside(self)], Caller::caller())
            }
        }
        impl<R: Operand> ops::$Trait<R> for Var {
            type Output = Var;
            #[track_caller]
            fn $method(self, rhs: R) -> Var {
                elementwise(Binary::$op, &[&self, &rhs.beside(&self)], Caller::caller())
            }
        }
    )*};
}
operators! {
    Add add Add;
    Sub sub Subtract;
    Mul mul Multiply;
    Div div Divide;
    Rem rem Remainder;
}

macro_rules! scalar_operators {
    ($($Scalar:ty, $Rhs:ty, $Trait:ident $method:ident $op:ident;)*) => {$(
        impl ops::$Trait<$Rhs> for $Scalar {
            type Output = Var;
            #[track_caller]
            fn $method(self, rhs: $Rhs) -> Var {
                elementwise(Binary::$op, &[&self.beside(&rhs), &rhs], Caller::caller())
            }
        }
    )*};
}
scalar_operators! {
    f64, &Var, Add add Add;
    f64, Var, Add add Add;
    f64, &Var, Sub sub Subtract;
    f64, Var, Sub sub Subtract;
    f64, &Var, Mul mul Multiply;
    f64, Var, Mul mul Multiply;
    f64, &Var, Div div Divide;
    f64, Var, Div div Divide;
}

impl ops::Neg for &Var {
    type Output = Var;
    #[track_caller]
    fn neg(self) -> Var {
        elementwise(Unary::Negate, &[self], Caller::caller())
    }
}

impl ops::Neg for Var {
    type Output = Var;
    #[track_caller]
    fn neg(self) -> Var {
        elementwise(Unary::Negate, &[&self], Caller::caller())
    }
}

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $method:ident $op:ident;)*) => {
        impl Var {
            $($(#[$doc])* #[track_caller] #[must_use] pub fn $method(&self) -> Var {
                elementwise(Unary::$op, &[self], Caller::caller())
            })*
        }
    };
}
unary_methods! {
    /// Absolute value.
    abs Abs;
    /// `e^x`.
    exp Exponential;
    /// `e^x - 1`, exact near zero.
    expm1 ExponentialMinusOne;
    /// Natural logarithm.
    log Log;
    /// `log(1 + x)`, exact near zero.
    log1p LogPlusOne;
    /// Square root.
    sqrt Sqrt;
    /// `1 / sqrt(x)`.
    rsqrt Rsqrt;
    /// Sine of radians.
    sin Sine;
    /// Cosine of radians.
    cos Cosine;
    /// Tangent of radians.
    tan Tan;
    /// Hyperbolic tangent.
    tanh Tanh;
    /// Hyperbolic sine.
    sinh Sinh;
    /// Hyperbolic cosine.
    cosh Cosh;
    /// The angle in `[-pi/2, pi/2]` of a sine.
    asin Asin;
    /// The angle in `[0, pi]` of a cosine.
    acos Acos;
    /// The angle in `[-pi/2, pi/2]` of a tangent.
    atan Atan;
    /// The inverse of the hyperbolic sine.
    asinh Asinh;
    /// The inverse of the hyperbolic cosine.
    acosh Acosh;
    /// The inverse of the hyperbolic tangent.
    atanh Atanh;
    /// The square.
    square Square;
    /// Cube root.
    cbrt Cbrt;
    /// `1 / (1 + e^-x)`.
    sigmoid Logistic;
    /// The error function.
    erf Erf;
    /// `1 - erf(x)`, exact where that is small.
    erfc Erfc;
    /// The inverse of the error function.
    erfinv ErfInv;
    /// The logarithm of the absolute value of the gamma function.
    lgamma Lgamma;
    /// The derivative of `lgamma`.
    digamma Digamma;
    /// `e^-|x| I1(x)`, the modified Bessel function of the first kind and order 1, scaled.
    i1e BesselI1e;
    /// Rounds down.
    floor Floor;
    /// Rounds up.
    ceil Ceil;
    /// Rounds to nearest, halves to even.
    round RoundNearestEven;
    /// -1, 0 or 1 by sign.
    sign Sign;
    /// Whether the value is neither infinite nor NaN.
    isfinite IsFinite;
    /// Whether the value is infinite.
    isinf IsInf;
    /// Whether the value is negative infinity.
    isneginf IsNegInf;
    /// Whether the value is positive infinity.
    isposinf IsPosInf;
    /// Logical or bitwise negation.
    logical_not Not;
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $method:ident $op:expr;)*) => {
        impl Var {
            $($(#[$doc])* #[track_caller] #[must_use] pub fn $method(&self, other: impl Operand) -> Var {
                elementwise($op, &[self, &other.beside(self)], Caller::caller())
            })*
        }
    };
}

binary_methods! {
    /// The greater; NaN if either is.
    maximum Binary::Maximum;
    /// The lesser; NaN if either is.
    minimum Binary::Minimum;
    /// `self` to the power `other`.
    pow Binary::Power;
    /// The angle of the point (`other`, `self`).
    atan2 Binary::Atan2;
    /// The derivative of order `self` of `digamma` at `other`, as `jax.scipy.special.polygamma(self, other)`.
    polygamma Binary::Polygamma;
    /// The Hurwitz zeta function, the sum of `1 / (other + k)^self` over k = 0, 1, ..
    zeta Binary::Zeta;
    /// Logical or bitwise and.
    logical_and Binary::And;
    /// Logical or bitwise or.
    logical_or Binary::Or;
    /// Logical or bitwise exclusive or.
    logical_xor Binary::Xor;
}

impl Var {
    /// `self` where the predicate (an `i1` value) holds, else `other`.
    #[track_caller]
    #[must_use]
    pub fn where_(&self, predicate: &Var, other: impl Operand) -> Var {
        elementwise(Elementwise::Select, &[predicate, self, &other.beside(self)], Caller::caller())
    }

    /// Limits every element to `[min, max]`.
    #[track_caller]
    #[must_use]
    pub fn clamp(&self, min: impl Operand, max: impl Operand) -> Var {
        let (min, max) = (min.beside(self), max.beside(self));
        elementwise(Elementwise::Clamp, &[&min, self, &max], Caller::caller())
    }

    /// The values in another element type.
    #[track_caller]
    #[must_use]
    pub fn to(&self, dtype: DType) -> Var {
        if dtype == self.dtype() {
            return self.clone();
        }
        elementwise(Elementwise::Convert(dtype), &[self], Caller::caller())
    }

    /// The values in the type that sums of them accumulate in. What is made of several ops works in it
    /// and goes back at its end, so that `f16` and `bf16` are rounded once.
    #[track_caller]
    pub(crate) fn widened(&self) -> Var {
        self.to(self.dtype().accumulator())
    }

    /// The values as sums and products take them: booleans as the numbers 0 and 1.
    #[track_caller]
    pub(crate) fn counted(&self) -> Var {
        if self.dtype() == DType::I1 { self.to(DType::I32) } else { self.clone() }
    }
}
