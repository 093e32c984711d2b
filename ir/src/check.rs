//! Expectations that StableHLO's test programs carry: pairs of values, and how close they must be.
//!
//! Lives here: what a check is and when it passes. They are read with the program
//! ([`Program::parse`], beside the parser) and evaluated by whoever runs it.

use crate::{DType, Graph, Tensor};

/// A graph with checks of its own.
///
/// ```
/// use choral_ir::check::Program;
/// let program = Program::parse("
///     func.func @main() {
///       %x = stablehlo.constant dense<2.0> : tensor<f32>
///       check.expect_eq_const %x, dense<2.0> : tensor<f32>
///       return
///     }")?;
/// assert_eq!((program.results, program.checks.len()), (0, 1));
/// # Ok::<(), choral_ir::text::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Its outputs are the function's results, then the value and the expected value of each check.
    pub graph: Graph,
    /// Number of the function's results.
    pub results: usize,
    /// The checks, in order.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// How close the values must be.
    pub kind: Closeness,
    /// Line of the text that asks for it.
    pub line: usize,
}

/// When a value counts as the expected one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Closeness {
    /// Every element is equal; NaN equals NaN.
    Equal,
    /// Elements differ by at most this; infinities and NaN stand in the same places.
    Within(f64),
    /// Elements differ by at most this many units in the last place.
    Ulps(u64),
}

impl Program {
    /// The checks that fail, given the graph's outputs: each with its line, and by how much. One whose
    /// values are not among the outputs fails, too.
    pub fn failures(&self, outputs: &[Tensor]) -> Vec<String> {
        let failure = |(at, check): (usize, &Check)| {
            let first = self.results + 2 * at;
            let message = match outputs.get(first..first + 2) {
                Some([got, expected]) => check.kind.difference(got, expected)?,
                Some(_) | None => "there are no values to compare".to_owned(),
            };
            Some(format!("line {}: {message}", check.line))
        };
        self.checks.iter().enumerate().filter_map(failure).collect()
    }
}

impl Closeness {
    /// What is wrong with a value; `None` if it is close enough.
    pub fn difference(self, got: &Tensor, expected: &Tensor) -> Option<String> {
        if got.ty() != expected.ty() {
            return Some(format!("expected {}, got {}", expected.ty(), got.ty()));
        }
        let elements = got.to_f64_vec().into_iter().zip(expected.to_f64_vec());
        let steps = |tensor: &Tensor| -> Vec<i128> {
            let bits = tensor.storage().bits().into_iter();
            bits.map(|bits| place_in_order(bits, tensor.dtype())).collect()
        };
        let places = steps(got).into_iter().zip(steps(expected));
        let mut wrong =
            elements.zip(places).enumerate().filter(|(_, (pair, places))| !self.holds(*pair, *places));
        let (at, ((value, wanted), _)) = wrong.next()?;
        let count = 1 + wrong.count();
        Some(format!("{count} of {} elements differ; element {at} is {value}, expected {wanted}", got.len()))
    }

    fn holds(self, (got, expected): (f64, f64), (place, expected_place): (i128, i128)) -> bool {
        if got.is_nan() || expected.is_nan() {
            return got.is_nan() && expected.is_nan();
        }
        match self {
            // Through f64 large integers could look alike; their places cannot. Zeros of either sign are equal.
            Closeness::Equal => place == expected_place || (got == 0.0 && expected == 0.0),
            Closeness::Within(tolerance) => got == expected || (got - expected).abs() <= tolerance,
            Closeness::Ulps(ulps) => {
                let infinite = got.is_infinite() || expected.is_infinite();
                if infinite { got == expected } else { place.abs_diff(expected_place) <= u128::from(ulps) }
            }
        }
    }
}

/// The element's place in the order of all values of its type, so that neighbours differ by 1.
fn place_in_order(bits: u64, dtype: DType) -> i128 {
    let width = dtype.bits() as u32;
    if dtype.is_signed_integer() {
        return i128::from((bits << (64 - width)) as i64 >> (64 - width));
    }
    if !dtype.is_float() {
        return i128::from(bits);
    }
    let sign = 1u64 << (dtype.bits() - 1);
    let magnitude = i128::from(bits & (sign - 1));
    if bits & sign == 0 { magnitude } else { -magnitude }
}
