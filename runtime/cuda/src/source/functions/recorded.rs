//! A number type that records what is done with it: the functions' definitions run on it.
//!
//! Must not live here: how the record becomes text.

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

use choral_kernels::functions::{Coefficients, Fused, Real, Series};

use super::text::{Name, Operand, record};

/// A number of a function that is being recorded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Recorded<F> {
    /// A constant.
    Literal(F),
    /// A parameter, by its name.
    Parameter(&'static str),
    /// The result of a statement.
    Statement(usize),
}

/// A truth value of a function that is being recorded, by its statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition(usize);

impl<F: Name> Recorded<F> {
    /// As operations take it.
    pub(super) fn operand(self) -> Operand {
        match self {
            Recorded::Literal(value) => Operand::Spelled(value.spelled()),
            Recorded::Parameter(name) => Operand::Spelled(name.to_owned()),
            Recorded::Statement(at) => Operand::Statement(at),
        }
    }

    /// The number that an operation on numbers of the type gives.
    fn number<const N: usize>(operation: &'static str, operands: [Recorded<F>; N]) -> Recorded<F> {
        Recorded::Statement(record::<F>(F::TYPE, operation, operands.map(Recorded::operand).into()))
    }

    /// What an operation on numbers of the type says about them.
    fn truth<const N: usize>(operation: &'static str, operands: [Recorded<F>; N]) -> Condition {
        Condition(record::<F>("bool", operation, operands.map(Recorded::operand).into()))
    }
}

impl Condition {
    /// As operations take it.
    pub(super) fn operand(self) -> Operand {
        Operand::Statement(self.0)
    }

    fn of<const N: usize>(operation: &'static str, operands: [Condition; N]) -> Condition {
        Condition(record::<f32>("bool", operation, operands.map(Condition::operand).into()))
    }
}

impl BitAnd for Condition {
    type Output = Condition;
    fn bitand(self, other: Condition) -> Condition {
        Condition::of("{0} && {1}", [self, other])
    }
}

impl BitOr for Condition {
    type Output = Condition;
    fn bitor(self, other: Condition) -> Condition {
        Condition::of("{0} || {1}", [self, other])
    }
}

impl Not for Condition {
    type Output = Condition;
    fn not(self) -> Condition {
        Condition::of("!{0}", [self])
    }
}

impl<F: Name> Neg for Recorded<F> {
    type Output = Recorded<F>;
    fn neg(self) -> Recorded<F> {
        match self {
            Recorded::Literal(value) => Recorded::Literal(-value),
            Recorded::Parameter(_) | Recorded::Statement(_) => Recorded::number("-{0}", [self]),
        }
    }
}

macro_rules! operators {
    ($($Operator:ident $method:ident $operation:literal;)*) => {$(
        impl<F: Name> $Operator for Recorded<F> {
            type Output = Recorded<F>;
            fn $method(self, other: Recorded<F>) -> Recorded<F> {
                Recorded::number($operation, [self, other])
            }
        }
    )*};
}
operators! {
    Add add "{0} + {1}";
    Sub sub "{0} - {1}";
    Mul mul "{0} * {1}";
    Div div "{0} / {1}";
}

/// Constants.
const fn literals<F: Copy, const N: usize>(numbers: [F; N]) -> [Recorded<F>; N] {
    let mut literals = [Recorded::Literal(numbers[0]); N];
    let mut at = 0;
    while at < N {
        literals[at] = Recorded::Literal(numbers[at]);
        at += 1;
    }
    literals
}

macro_rules! recorded {
    ($($Float:ident to $to_single:expr, from $from_single:expr, turned $TURNED:literal;)*) => {$(
        recorded! { @constants $Float
            INFINITY NAN LEAST SHIFTER BIAS EXPONENTIAL_START EXPONENTIAL_END HYPERBOLIC_END SATURATED
            ERF_END ERFC_END ERFC_MIDDLE ERFC_SCALE TURNS_END;
            LN_2: 2 HALF_PI: 3 TWO_THIRDS: 2;
            EXPONENTIAL LOGARITHM_REST SINH TANH ASINH ATANH ASIN ATAN SINE COSINE TANGENT ERF_NEAR ERF_FAR
            ERFC CUBE_ROOT;
            {
                fn to_single(self) -> Recorded<f32> {
                    $to_single(self)
                }

                fn from_single(single: Recorded<f32>) -> Self {
                    $from_single(single)
                }

                fn turned(self) -> [Self; 3] {
                    let turned = record::<$Float>($TURNED, "real::turned({0})", vec![self.operand()]);
                    ["{0}.turns", "{0}.high", "{0}.low"]
                        .map(|part| Recorded::number(part, [Recorded::Statement(turned)]))
                }
            }
        }
    )*};
    (@constants $Float:ident $($number:ident)*; $($parts:ident: $count:literal)*; $($table:ident)*; { $($method:item)* }) => {
        impl Coefficients for Recorded<$Float> {
            type Literal = $Float;
            const LOGARITHM: Series<$Float> = <$Float as Coefficients>::LOGARITHM;
            $(const $table: &'static [$Float] = <$Float as Coefficients>::$table;)*
        }

        impl Real for Recorded<$Float> {
            type Truth = Condition;
            type Single = Recorded<f32>;

            const DIGITS: i32 = <$Float as Real>::DIGITS;
            const CUBE_ROOT_STEPS: usize = <$Float as Real>::CUBE_ROOT_STEPS;
            $(const $number: Self = Recorded::Literal(<$Float as Real>::$number);)*
            $(const $parts: [Self; $count] = literals(<$Float as Real>::$parts);)*

            $($method)*

            fn of(wide: f64) -> Self {
                Recorded::Literal(<$Float as Real>::of(wide))
            }

            fn written(literal: $Float) -> Self {
                Recorded::Literal(literal)
            }

            fn select(which: Condition, yes: Self, no: Self) -> Self {
                let operands = vec![which.operand(), yes.operand(), no.operand()];
                Recorded::Statement(record::<$Float>($Float::TYPE, "{0} ? {1} : {2}", operands))
            }

            fn is_below(self, other: Self) -> Condition {
                Self::truth("{0} < {1}", [self, other])
            }

            fn is_at_most(self, other: Self) -> Condition {
                Self::truth("{0} <= {1}", [self, other])
            }

            fn is_equal(self, other: Self) -> Condition {
                Self::truth("{0} == {1}", [self, other])
            }

            fn is_nan(self) -> Condition {
                Self::truth("{0} != {0}", [self])
            }

            fn has_sign(self) -> Condition {
                Self::truth("real::has_sign({0})", [self])
            }

            fn fused<M: Fused>(self, by: Self, plus: Self) -> Self {
                Self::number("fma#({0}, {1}, {2})", [self, by, plus])
            }

            fn abs(self) -> Self {
                Self::number("fabs#({0})", [self])
            }

            fn with_sign(self, of: Self) -> Self {
                Self::number("copysign#({0}, {1})", [self, of])
            }

            fn flipped(self, by: Self) -> Self {
                Self::number("real::flipped({0}, {1})", [self, by])
            }

            fn sqrt(self) -> Self {
                Self::number("sqrt#({0})", [self])
            }

            fn floor(self) -> Self {
                Self::number("floor#({0})", [self])
            }

            fn ceil(self) -> Self {
                Self::number("ceil#({0})", [self])
            }

            fn round(self) -> Self {
                Self::number("round#({0})", [self])
            }

            fn round_ties_even(self) -> Self {
                Self::number("rint#({0})", [self])
            }

            fn trunc(self) -> Self {
                Self::number("trunc#({0})", [self])
            }

            fn remainder(self, by: Self) -> Self {
                Self::number("fmod#({0}, {1})", [self, by])
            }

            fn power_of_two(self) -> Self {
                Self::number("real::power_of_two({0})", [self])
            }

            fn split(self) -> (Self, Self) {
                let part = |operation| Self::number(operation, [self]);
                (part("real::fraction({0})"), part("real::exponent({0})"))
            }

            fn is_odd(self) -> Condition {
                Self::truth("real::is_odd({0})", [self])
            }

            fn sign_of_half_turns(self) -> Self {
                Self::number("real::sign_of_half_turns({0})", [self])
            }
        }
    };
}
recorded! {
    f32 to |x| x, from |single| single, turned "real::Turned<float>";
    f64
        to |x: Self| Recorded::Statement(record::<f64>(f32::TYPE, "(float){0}", vec![x.operand()])),
        from |single: Recorded<f32>| Recorded::Statement(record::<f64>(f64::TYPE, "(double){0}", vec![single.operand()])),
        turned "real::Turned<double>";
}
