//! Special functions of real numbers, within 2 units in the last place.
//!
//! | module | holds |
//! |---|---|
//! | [`wide`] | the arithmetic that formulas are computed in |
//! | [`hyperbolic`] | hyperbolic functions, their inverses, the logistic function |
//! | [`error_function`] | `erfc` and `erf_inv` |
//! | [`trigonometric`] | sines, cosines and tangents of huge angles |
//! | [`gamma`], [`zeta`] | `lgamma` and `digamma`; `zeta` and `polygamma` |
//! | [`bessel`] | `bessel_i1e` |
//! | [`single`], [`double`] | one function of each name for each width |
//!
//! Must not live here: what the standard library's functions do as well; and the functions that random
//! draws are made with, which are to the bit as XLA computes them ([`choral_ir::special`]).

pub mod bessel;
pub mod error_function;
pub mod gamma;
pub mod hyperbolic;
pub mod trigonometric;
pub mod wide;
pub mod zeta;

macro_rules! functions {
    (
        standard_in_f32 { $($own:ident = $checked:path;)* }
        worked_out { $($name:ident($($x:ident),*) = $single:path, $double:path;)* }
    ) => {
        /// The functions in `f32`: computed in `f64` and rounded once, where the standard library's would
        /// not do.
        #[allow(missing_docs)]
        pub mod single {
            use super::{bessel, error_function, gamma, hyperbolic, zeta};
            $(pub fn $own(x: f32) -> f32 {
                x.$own()
            })*
            $(pub fn $name($($x: f32),*) -> f32 {
                $single($(f64::from($x)),*) as f32
            })*
        }

        /// The functions in `f64`: computed in [`wide::Double`] where digits would be lost.
        #[allow(missing_docs)]
        pub mod double {
            use super::wide::Double;
            use super::{bessel, error_function, gamma, hyperbolic, trigonometric, zeta};
            $(pub fn $own(x: f64) -> f64 {
                $checked(x)
            })*
            $(pub fn $name($($x: f64),*) -> f64 {
                $double($($x),*)
            })*
        }
    };
}
functions! {
    standard_in_f32 {
        cos = trigonometric::cos;
        sin = trigonometric::sin;
        tan = trigonometric::tan;
    }
    worked_out {
        acosh(x) = hyperbolic::acosh::<f64>, hyperbolic::acosh::<Double>;
        asinh(x) = hyperbolic::asinh::<f64>, hyperbolic::asinh::<Double>;
        atanh(x) = hyperbolic::atanh::<f64>, hyperbolic::atanh::<Double>;
        bessel_i1e(x) = bessel::i1e::<f64>, bessel::i1e::<Double>;
        cbrt(x) = libm::cbrt, libm::cbrt;
        cosh(x) = hyperbolic::cosh, hyperbolic::cosh;
        digamma(x) = gamma::digamma::<f64>, gamma::digamma::<Double>;
        erf(x) = libm::erf, libm::erf;
        erf_inv(x) = error_function::erf_inv_single, error_function::erf_inv;
        erfc(x) = libm::erfc, error_function::erfc;
        lgamma(x) = libm::lgamma, gamma::lgamma;
        logistic(x) = hyperbolic::logistic::<f64>, hyperbolic::logistic::<Double>;
        polygamma(order, x) = zeta::polygamma, zeta::polygamma;
        sinh(x) = hyperbolic::sinh, hyperbolic::sinh;
        tanh(x) = hyperbolic::tanh, hyperbolic::tanh;
        zeta(s, q) = zeta::zeta::<f64>, zeta::zeta::<Double>;
    }
}
