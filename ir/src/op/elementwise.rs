//! Elementwise ops: every result element depends on the operands' elements at the same place.
//!
//! All operands have one shape (C1); there is no implicit broadcasting. A new unary or binary op
//! is one row of a table here and one scalar row in the runtime.

use serde::{Deserialize, Serialize};

use super::{TypeError, arity, ensure};
use crate::{Class, DType, TensorType};

macro_rules! table {
    ($(#[$doc:meta])* $Table:ident { $($(#[$row:meta])* $Op:ident $name:literal $class:ident;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $Table { $($(#[$row])* $Op),* }

        impl $Table {
            /// Every op of the table.
            pub const ALL: &[$Table] = &[$($Table::$Op),*];

            /// The name in StableHLO text.
            pub const fn name(self) -> &'static str {
                match self { $($Table::$Op => $name),* }
            }

            /// The element types that the op takes (C2).
            pub const fn class(self) -> Class {
                match self { $($Table::$Op => Class::$class),* }
            }
        }
    };
}

table! {
    /// Ops of one operand; the result has the operand's type, but for [predicates](Unary::is_predicate), which give `i1`.
    Unary {
        /// `|x|`; the least integer is its own absolute value.
        Abs "stablehlo.abs" SignedNumber;
        /// The inverse cosine, in radians.
        Acos "chlo.acos" Float;
        /// The inverse hyperbolic cosine.
        Acosh "chlo.acosh" Float;
        /// The inverse sine, in radians.
        Asin "chlo.asin" Float;
        /// The inverse hyperbolic sine.
        Asinh "chlo.asinh" Float;
        /// The inverse tangent, in radians.
        Atan "chlo.atan" Float;
        /// The inverse hyperbolic tangent.
        Atanh "chlo.atanh" Float;
        /// `e^-|x| I1(x)`, the modified Bessel function of the first kind and order 1, scaled.
        BesselI1e "chlo.bessel_i1e" Float;
        /// The cube root.
        Cbrt "stablehlo.cbrt" Float;
        /// Rounds up to an integer.
        Ceil "stablehlo.ceil" Float;
        /// The cosine of radians.
        Cosine "stablehlo.cosine" Float;
        /// The hyperbolic cosine.
        Cosh "chlo.cosh" Float;
        /// Number of leading zero bits.
        CountLeadingZeros "stablehlo.count_leading_zeros" Integer;
        /// The derivative of `lgamma`; NaN at its poles.
        Digamma "chlo.digamma" Float;
        /// The error function.
        Erf "chlo.erf" Float;
        /// The inverse of the error function; NaN outside `[-1, 1]`.
        ErfInv "chlo.erf_inv" Float;
        /// The inverse of the error function as XLA approximates it in single precision, which random draws are made
        /// with ([`crate::special::erf_inv`]).
        ErfInvOfDraws "choral.erf_inv" Float;
        /// 1 less the error function, exact for large operands.
        Erfc "chlo.erfc" Float;
        /// `e^x`.
        Exponential "stablehlo.exponential" Float;
        /// `e^x - 1`, exact near zero.
        ExponentialMinusOne "stablehlo.exponential_minus_one" Float;
        /// Rounds down to an integer.
        Floor "stablehlo.floor" Float;
        /// Whether the value is neither infinite nor NaN.
        IsFinite "stablehlo.is_finite" Float;
        /// Whether the value is infinite.
        IsInf "chlo.is_inf" Float;
        /// Whether the value is negative infinity.
        IsNegInf "chlo.is_neg_inf" Float;
        /// Whether the value is positive infinity.
        IsPosInf "chlo.is_pos_inf" Float;
        /// The logarithm of the absolute value of the gamma function.
        Lgamma "chlo.lgamma" Float;
        /// The natural logarithm.
        Log "stablehlo.log" Float;
        /// `log(1 + x)`, exact near zero.
        LogPlusOne "stablehlo.log_plus_one" Float;
        /// `1 / (1 + e^-x)`.
        Logistic "stablehlo.logistic" Float;
        /// `-x`; wraps for integers.
        Negate "stablehlo.negate" Number;
        /// Bitwise (integers) or logical (`i1`) negation.
        Not "stablehlo.not" IntegerOrBoolean;
        /// Number of set bits.
        Popcnt "stablehlo.popcnt" Integer;
        /// Rounds to the nearest integer, halves away from zero.
        RoundNearestAfz "stablehlo.round_nearest_afz" Float;
        /// Rounds to the nearest integer, halves to the even one.
        RoundNearestEven "stablehlo.round_nearest_even" Float;
        /// `1 / sqrt(x)`.
        Rsqrt "stablehlo.rsqrt" Float;
        /// -1, 0 or 1 by sign; keeps -0.0 and NaN.
        Sign "stablehlo.sign" SignedNumber;
        /// The sine of radians.
        Sine "stablehlo.sine" Float;
        /// The hyperbolic sine.
        Sinh "chlo.sinh" Float;
        /// The square root.
        Sqrt "stablehlo.sqrt" Float;
        /// `x * x`.
        Square "chlo.square" Number;
        /// The tangent of radians.
        Tan "stablehlo.tan" Float;
        /// The hyperbolic tangent.
        Tanh "stablehlo.tanh" Float;
    }
}

table! {
    /// Ops of two operands of one type, which is the result's.
    Binary {
        /// Sum; logical or for `i1`; wraps for integers.
        Add "stablehlo.add" Any;
        /// Bitwise or logical and.
        And "stablehlo.and" IntegerOrBoolean;
        /// The angle of the point `(rhs, lhs)`.
        Atan2 "stablehlo.atan2" Float;
        /// Quotient, truncated for integers; x / 0 is -1 (all bits set), MIN / -1 is MIN.
        Divide "stablehlo.divide" Number;
        /// The greater; NaN if either is; logical or for `i1`.
        Maximum "stablehlo.maximum" Any;
        /// The lesser; NaN if either is; logical and for `i1`.
        Minimum "stablehlo.minimum" Any;
        /// The high half of the product in twice the width.
        Mulhi "chlo.mulhi" Integer;
        /// Product; logical and for `i1`; wraps for integers.
        Multiply "stablehlo.multiply" Any;
        /// The next representable value after `lhs` in the direction of `rhs`.
        NextAfter "chlo.next_after" Float;
        /// Bitwise or logical or.
        Or "stablehlo.or" IntegerOrBoolean;
        /// The derivative of order `lhs` of `digamma` at `rhs`; NaN unless `lhs` is an integer from 0 on.
        Polygamma "chlo.polygamma" Float;
        /// `lhs` to the power `rhs`; integers wrap, a negative exponent gives 1 / the power, truncated.
        Power "stablehlo.power" Number;
        /// Remainder with the sign of `lhs`; x rem 0 is x for integers, NaN for floats.
        Remainder "stablehlo.remainder" Number;
        /// Shifts bits up; 0 when the distance is not below the width.
        ShiftLeft "stablehlo.shift_left" Integer;
        /// Shifts bits down, copying the sign bit.
        ShiftRightArithmetic "stablehlo.shift_right_arithmetic" Integer;
        /// Shifts bits down, filling with zero.
        ShiftRightLogical "stablehlo.shift_right_logical" Integer;
        /// Difference; wraps for integers.
        Subtract "stablehlo.subtract" Number;
        /// Bitwise or logical exclusive or.
        Xor "stablehlo.xor" IntegerOrBoolean;
        /// The Hurwitz zeta function, `sum(1 / (rhs + k)^lhs)` over k = 0, 1, ..; NaN for `lhs` below 1.
        Zeta "chlo.zeta" Float;
    }
}

impl Unary {
    /// Whether the op asks something of a float: the result is `i1`.
    pub const fn is_predicate(self) -> bool {
        matches!(self, Unary::IsFinite | Unary::IsInf | Unary::IsNegInf | Unary::IsPosInf)
    }
}

/// An elementwise op.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Elementwise {
    /// One operand.
    Unary(Unary),
    /// Two operands of one type.
    Binary(Binary),
    /// `lhs`, `rhs` to `i1`.
    Compare(Compare),
    /// `pred`, `on_true`, `on_false`; `pred` is `i1` of the same shape.
    Select,
    /// `min`, `operand`, `max`, all of one type: `min(max(operand, min), max)`.
    Clamp,
    /// The operand's values in another element type.
    Convert(DType),
    /// The operand's values rounded to a float format of fewer bits, in the same element type.
    ReducePrecision(ReducePrecision),
}

/// Attributes of `stablehlo.reduce_precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReducePrecision {
    /// Bits of the exponent, at least 1.
    pub exponent_bits: u32,
    /// Bits of the mantissa.
    pub mantissa_bits: u32,
}

/// Attributes of `stablehlo.compare`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Compare {
    /// Which relation is asked.
    pub direction: ComparisonDirection,
    /// How floats are compared.
    pub compare_type: ComparisonType,
}

/// The relation of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ComparisonDirection {
    Eq,
    Ne,
    Ge,
    Gt,
    Le,
    Lt,
}

impl ComparisonDirection {
    /// The name in StableHLO text.
    pub const fn name(self) -> &'static str {
        match self {
            ComparisonDirection::Eq => "EQ",
            ComparisonDirection::Ne => "NE",
            ComparisonDirection::Ge => "GE",
            ComparisonDirection::Gt => "GT",
            ComparisonDirection::Le => "LE",
            ComparisonDirection::Lt => "LT",
        }
    }
}

/// The order that a comparison uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ComparisonType {
    /// The element type's own: IEEE-754 comparison for floats.
    Natural,
    /// IEEE-754 total order: -NaN < -inf < .. < -0 < +0 < .. < +inf < +NaN. Floats only.
    TotalOrder,
}

impl Elementwise {
    /// The name in StableHLO text.
    pub const fn name(&self) -> &'static str {
        match self {
            Elementwise::Unary(op) => op.name(),
            Elementwise::Binary(op) => op.name(),
            Elementwise::Compare(_) => "stablehlo.compare",
            Elementwise::Select => "stablehlo.select",
            Elementwise::Clamp => "stablehlo.clamp",
            Elementwise::Convert(_) => "stablehlo.convert",
            Elementwise::ReducePrecision(_) => "stablehlo.reduce_precision",
        }
    }

    /// Number of operands.
    pub const fn arity(&self) -> usize {
        match self {
            Elementwise::Unary(_) | Elementwise::Convert(_) | Elementwise::ReducePrecision(_) => 1,
            Elementwise::Binary(_) | Elementwise::Compare(_) => 2,
            Elementwise::Select | Elementwise::Clamp => 3,
        }
    }
}

/// Type rule: (C1) all operands have one shape; (C2) their element type is of the op's class;
/// (C3) all have one element type, but for the predicate of `select`, which is `i1`.
pub fn infer(op: &Elementwise, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    arity(op.arity(), operands)?;
    let first = operands[0];
    for (position, other) in operands.iter().enumerate() {
        ensure!(
            other.shape == first.shape,
            "C1",
            "operands must have one shape, but operand 0 is {first} and operand {position} is {other}"
        );
    }
    let values = if *op == Elementwise::Select { &operands[1..] } else { operands };
    let value = values[0];
    for (position, other) in operands.iter().enumerate().skip(operands.len() - values.len()) {
        ensure!(
            other.dtype == value.dtype,
            "C3",
            "operands must have one element type, but one is {value} and operand {position} is {other}"
        );
    }
    let class = |class: Class| {
        ensure!(class.contains(value.dtype), "C2", "expected {class}, got {value}");
        Ok(())
    };
    let result = match op {
        Elementwise::Unary(op) => {
            class(op.class())?;
            if op.is_predicate() { DType::I1 } else { value.dtype }
        }
        Elementwise::Binary(op) => {
            class(op.class())?;
            value.dtype
        }
        Elementwise::Compare(Compare { direction: _, compare_type }) => {
            if *compare_type == ComparisonType::TotalOrder {
                class(Class::Float)?;
            }
            DType::I1
        }
        Elementwise::Select => {
            ensure!(first.dtype == DType::I1, "C3", "the predicate must be i1, got {first}");
            value.dtype
        }
        Elementwise::Clamp => value.dtype,
        Elementwise::Convert(dtype) => *dtype,
        Elementwise::ReducePrecision(ReducePrecision { exponent_bits, mantissa_bits: _ }) => {
            class(Class::Float)?;
            ensure!(*exponent_bits >= 1, "C2", "a float format needs at least 1 bit of exponent");
            value.dtype
        }
    };
    Ok(vec![first.with_dtype(result)])
}
