//! Functions that are called for every element: they loop and branch, so they are written by hand.
//!
//! The list of operations is that of `special` in the runtime, whose plans name the functions; `tests/functions.rs` compares
//! the bits. Must not live here: functions of one expression.

use choral_kernels::Number;
use choral_kernels::functions::Function;

/// A called function as it stands in a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Called {
    /// The function's name for `f32` in registers.
    pub single: &'static str,
    /// The function's name for `f64`.
    pub double: &'static str,
    /// The functions whose definitions stand before the texts.
    pub needs: &'static [(Function, Number)],
    /// The texts, in their order; each stands in a program once.
    pub texts: &'static [&'static str],
}

const WIDE: &str = include_str!("wide.cu");
const GAMMA: &str = include_str!("gamma.cu");
const ZETA: &str = include_str!("zeta.cu");
const BESSEL: &str = include_str!("bessel.cu");
const ERF_INV: &str = include_str!("erf_inv.cu");
const NEXT_AFTER: &str = include_str!("next_after.cu");

const OF_NONE: &[(Function, Number)] = &[];

/// What [`WIDE`] needs.
const OF_WIDE: &[(Function, Number)] = &[(Function::Exponential, Number::F64), (Function::Log, Number::F64)];

const OF_ERF_INV: &[(Function, Number)] = &[
    (Function::Exponential, Number::F64),
    (Function::Log, Number::F64),
    (Function::Erf, Number::F64),
    (Function::Erfc, Number::F64),
    (Function::ErfInvOfDraws, Number::F32),
];

macro_rules! table {
    ($name:ident; $($Called:literal $single:literal $double:literal $needs:ident $($text:ident)*;)*) => {
        match $name {
            $($Called => Some(Called {
                single: concat!("special::", $single),
                double: concat!("special::", $double),
                needs: $needs,
                texts: &[$($text),*],
            }),)*
            _ => None,
        }
    };
}

/// The function that a plan calls by this name (`choral_kernels::instruction::Call`).
pub fn called(name: &str) -> Option<Called> {
    table! {
        name;
        "BesselI1e" "bessel_i1e_f32" "bessel_i1e_f64" OF_WIDE WIDE BESSEL;
        "Digamma" "digamma_f32" "digamma_f64" OF_WIDE WIDE GAMMA;
        "ErfInv" "erf_inv_f32" "erf_inv_f64" OF_ERF_INV WIDE ERF_INV;
        "Lgamma" "lgamma_f32" "lgamma_f64" OF_WIDE WIDE GAMMA;
        "NextAfter" "next_after_f32" "next_after_f64" OF_NONE NEXT_AFTER;
        "NextAfterOfBf16" "next_after_bf16" "next_after_f64" OF_NONE NEXT_AFTER;
        "NextAfterOfF16" "next_after_f16" "next_after_f64" OF_NONE NEXT_AFTER;
        "Polygamma" "polygamma_f32" "polygamma_f64" OF_WIDE WIDE GAMMA ZETA;
        "Zeta" "zeta_f32" "zeta_f64" OF_WIDE WIDE GAMMA ZETA;
    }
}
