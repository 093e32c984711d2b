//! Comparisons of [`Var`] with values, and with numbers that its element type may not hold.

use std::panic::Location as Caller;

use choral_ir::op::{Compare, ComparisonDirection, ComparisonType};
use choral_ir::{DType, Element, TensorType, with_dtype};

use super::operators::{Operand, elementwise};
use super::var::Var;

macro_rules! comparisons {
    ($($(#[$doc:meta])* $method:ident $direction:ident;)*) => {
        impl Var {
            $($(#[$doc])* #[track_caller] #[must_use] pub fn $method(&self, other: impl Operand) -> Var {
                self.compare(ComparisonDirection::$direction, other)
            })*
        }
    };
}
comparisons! {
    /// Whether equal.
    eq Eq;
    /// Whether different.
    ne Ne;
    /// Whether less.
    ///
    /// A number counts as what it is, also where the element type does not hold it:
    ///
    /// ```
    /// use choral_compiler::{Var, trace};
    /// use choral_ir::{DType, TensorType};
    /// let bytes = TensorType::new([3], DType::Ui8);
    /// let traced = trace(&|x: Var| x.lt(1e10), &bytes)?; // true of every byte
    /// assert_eq!(traced.output, TensorType::new([3], DType::I1));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    lt Lt;
    /// Whether less or equal.
    le Le;
    /// Whether greater.
    gt Gt;
    /// Whether greater or equal.
    ge Ge;
}

impl Var {
    /// Whether the value is NaN.
    #[track_caller]
    #[must_use]
    pub fn isnan(&self) -> Var {
        self.ne(self)
    }

    #[track_caller]
    fn compare(&self, direction: ComparisonDirection, other: impl Operand) -> Var {
        let natural = |direction| Compare { direction, compare_type: ComparisonType::Natural };
        match other.number().map(|number| decide(direction, self.dtype(), number)) {
            None => elementwise(natural(direction), &[self, &other.beside(self)], Caller::caller()),
            Some(Decision::By(direction, number)) => {
                elementwise(natural(direction), &[self, &number.beside(self)], Caller::caller())
            }
            Some(Decision::Always(holds)) => self.everywhere(holds),
        }
    }

    /// One boolean, in this value's shape.
    #[track_caller]
    fn everywhere(&self, holds: bool) -> Var {
        let ty = TensorType::new(self.shape(), DType::I1);
        self.make_constant(ty.clone(), |builder| builder.full(f64::from(holds), DType::I1, ty.shape))
    }
}

/// What a comparison of elements with a number comes to.
#[derive(Debug, PartialEq)]
enum Decision {
    /// The comparison in this direction with a number of the element type.
    By(ComparisonDirection, f64),
    /// The same for all elements.
    Always(bool),
}

/// The comparison of elements with a real number, by numbers of their type.
fn decide(direction: ComparisonDirection, dtype: DType, number: f64) -> Decision {
    match dtype.limits() {
        Some(limits) => among_integers(direction, limits, number),
        None => among_floats(direction, dtype, number),
    }
}

/// `x < n` holds where `x` is below the least integer that is not below `n`, and so on; beyond the
/// limits all elements are on one side.
fn among_integers(direction: ComparisonDirection, (least, greatest): (i128, i128), number: f64) -> Decision {
    use ComparisonDirection::{Eq, Ge, Gt, Le, Lt, Ne};
    // Exact: doubles beyond 128 bits saturate, and the limits have at most 64.
    let (below, above) = (number.floor() as i128, number.ceil() as i128);
    if number.is_nan() {
        return Decision::Always(direction == Ne);
    }
    if above > greatest {
        return Decision::Always(matches!(direction, Lt | Le | Ne));
    }
    if below < least {
        return Decision::Always(matches!(direction, Gt | Ge | Ne));
    }
    match direction {
        Eq | Ne if below != above => Decision::Always(direction == Ne),
        Eq | Ne => Decision::By(direction, number),
        Lt | Ge => Decision::By(direction, number.ceil()),
        Gt | Le => Decision::By(direction, number.floor()),
    }
}

/// A number that rounds to infinity lies between the greatest element and infinity.
fn among_floats(direction: ComparisonDirection, dtype: DType, number: f64) -> Decision {
    use ComparisonDirection::{Eq, Ge, Gt, Le, Lt, Ne};
    let rounded = with_dtype!(dtype, T => <T as Element>::from_f64(number).to_f64());
    if rounded.is_finite() || !number.is_finite() {
        return Decision::By(direction, number);
    }
    match (direction, rounded > 0.0) {
        (Eq | Ne, _) => Decision::Always(direction == Ne),
        (Lt | Le, true) => Decision::By(Lt, rounded),
        (Gt | Ge, true) => Decision::By(Ge, rounded),
        (Lt | Le, false) => Decision::By(Le, rounded),
        (Gt | Ge, false) => Decision::By(Gt, rounded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ComparisonDirection::{Eq, Ge, Gt, Le, Lt, Ne};

    const ALL: [ComparisonDirection; 6] = [Eq, Ne, Lt, Le, Gt, Ge];

    fn holds(direction: ComparisonDirection, x: f64, y: f64) -> bool {
        match direction {
            Eq => x == y,
            Ne => x != y,
            Lt => x < y,
            Le => x <= y,
            Gt => x > y,
            Ge => x >= y,
        }
    }

    /// Every decision is the comparison of real numbers, for every element.
    fn is_mathematical(dtype: DType, elements: &[f64], numbers: &[f64]) {
        for (&x, &number) in elements.iter().flat_map(|x| numbers.iter().map(move |number| (x, number))) {
            for direction in ALL {
                let decided = match decide(direction, dtype, number) {
                    Decision::Always(holds) => holds,
                    Decision::By(direction, number) => {
                        let element = with_dtype!(dtype, T => <T as Element>::from_f64(number).to_f64());
                        holds(direction, x, element)
                    }
                };
                assert_eq!(decided, holds(direction, x, number), "{dtype}: {x} {direction:?} {number}");
            }
        }
    }

    #[test]
    fn integers_beside_any_number() {
        let bytes: Vec<f64> = (-128..=127).map(f64::from).collect();
        let numbers = [-1e10, -129.0, -128.5, -128.0, -0.5, 0.0, 0.5, 3.0, 126.5, 127.0, 127.5, 128.0, 1e300];
        is_mathematical(DType::I8, &bytes, &numbers);
        is_mathematical(DType::I8, &bytes, &[f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
        is_mathematical(DType::I1, &[0.0, 1.0], &[-1.0, 0.0, 0.5, 1.0, 2.0]);
    }

    /// 2^63 is no `i64`, but the nearest double of the greatest.
    #[test]
    fn the_limits_of_wide_integers() {
        let limit = 2f64.powi(63);
        assert_eq!(decide(Lt, DType::I64, limit), Decision::Always(true));
        assert_eq!(decide(Ge, DType::I64, limit), Decision::Always(false));
        assert_eq!(decide(Ge, DType::I64, -limit), Decision::By(Ge, -limit));
        assert_eq!(decide(Le, DType::Ui64, 2.0 * limit), Decision::Always(true));
        assert_eq!(decide(Eq, DType::Ui64, -1.0), Decision::Always(false));
    }

    #[test]
    fn floats_beside_numbers_beyond_their_range() {
        let halves = [f64::NEG_INFINITY, -65504.0, 0.0, 65504.0, f64::INFINITY, f64::NAN];
        is_mathematical(DType::F16, &halves, &[-1e10, 1e10, f64::INFINITY, f64::NAN, 0.0]);
        let floats = [f64::NEG_INFINITY, -f64::from(f32::MAX), f64::from(f32::MAX), f64::INFINITY];
        is_mathematical(DType::F32, &floats, &[-1e39, 1e39]);
    }
}
