//! Tensors in files, and how near to them results must be.

use choral::{State, Tensor};

/// Why a tensor is not the expected one, if it is not; NaN equals NaN.
pub(crate) fn difference(got: &Tensor, expected: &Tensor, rtol: f64, atol: f64) -> Option<String> {
    if got.ty() != expected.ty() {
        return Some(format!("expected {}, got {}", expected.ty(), got.ty()));
    }
    let is_close = |got: f64, expected: f64| {
        got == expected
            || got.is_nan() && expected.is_nan()
            || (got - expected).abs() <= atol + rtol * expected.abs()
    };
    let pairs = got.to_f64_vec().into_iter().zip(expected.to_f64_vec());
    let wrong = pairs.enumerate().find(|(_, (got, expected))| !is_close(*got, *expected));
    wrong.map(|(place, (got, expected))| format!("element {place} is {got}, expected {expected}"))
}

/// The tensors `in.0`, `in.1`, .. of a file.
pub(crate) fn numbered(tensors: &State<Tensor>, prefix: &str) -> Vec<Tensor> {
    (0..).map_while(|at| tensors.get(&format!("{prefix}{at}")).cloned()).collect()
}
