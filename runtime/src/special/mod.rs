//! Special functions of real numbers that take a loop of unknown length, within 2 units in the last place.
//!
//! | module | holds |
//! |---|---|
//! | [`wide`] | the arithmetic that formulas are computed in |
//! | [`error_function`] | `erf_inv` |
//! | [`gamma`], [`zeta`] | `lgamma` and `digamma`; `zeta` and `polygamma` |
//! | [`bessel`] | `bessel_i1e` |
//! | [`single`], [`double`] | one function of each name for each width |
//!
//! Must not live here: the functions of [`choral_kernels::functions`]; and those that random draws are made with,
//! which are to the bit as XLA computes them ([`choral_ir::special`]).

pub mod bessel;
pub mod error_function;
pub mod gamma;
pub mod wide;
pub mod zeta;

macro_rules! functions {
    ($($name:ident($($x:ident),*) = $single:path, $double:path;)*) => {
        /// The functions in `f32`: computed in `f64` and rounded once.
        #[allow(missing_docs)]
        pub mod single {
            use super::{bessel, error_function, gamma, zeta};
            $(pub fn $name($($x: f32),*) -> f32 {
                $single($(f64::from($x)),*) as f32
            })*
        }

        /// The functions in `f64`: computed in [`wide::Double`] where digits would be lost.
        #[allow(missing_docs)]
        pub mod double {
            use super::wide::Double;
            use super::{bessel, error_function, gamma, zeta};
            $(pub fn $name($($x: f64),*) -> f64 {
                $double($($x),*)
            })*
        }
    };
}
functions! {
    bessel_i1e(x) = bessel::i1e::<f64>, bessel::i1e::<Double>;
    digamma(x) = gamma::digamma::<f64>, gamma::digamma::<Double>;
    erf_inv(x) = error_function::erf_inv_single, error_function::erf_inv;
    lgamma(x) = gamma::lgamma::<f64>, gamma::lgamma::<Double>;
    polygamma(order, x) = zeta::polygamma, zeta::polygamma;
    zeta(s, q) = zeta::zeta::<f64>, zeta::zeta::<Double>;
}
