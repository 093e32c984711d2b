//! When results count as the same.

use choral::{DType, Tensor};

/// The same type and bits; any NaN equals any other.
pub(crate) fn equal(got: &Tensor, expected: &Tensor) -> Result<(), String> {
    let same = |got: f64, expected: f64| {
        got == expected && got.is_sign_negative() == expected.is_sign_negative()
            || got.is_nan() && expected.is_nan()
    };
    // Large integers are told apart by their bits.
    let exact = expected.dtype().is_float() || got.bit_eq(expected);
    let pairs = got.to_f64_vec().into_iter().zip(expected.to_f64_vec());
    if got.ty() == expected.ty() && exact && pairs.into_iter().all(|(got, expected)| same(got, expected)) {
        return Ok(());
    }
    Err(format!("got      {got}\nexpected {expected}"))
}

/// The same type; floats may differ as sums in another order do, measured by the greatest element.
pub(crate) fn close(got: &Tensor, expected: &Tensor) -> Result<(), String> {
    let tolerance = match expected.dtype() {
        DType::F16 | DType::Bf16 => 1e-2,
        DType::F32 => 1e-5,
        DType::F64 => 1e-12,
        _ => return equal(got, expected),
    };
    let numbers = expected.to_f64_vec();
    let scale = numbers.iter().copied().filter(|x| x.is_finite()).fold(1.0, |most, x| x.abs().max(most));
    let same = |(got, expected): (f64, f64)| {
        got == expected || got.is_nan() && expected.is_nan() || (got - expected).abs() <= tolerance * scale
    };
    if got.ty() == expected.ty() && got.to_f64_vec().into_iter().zip(numbers).all(same) {
        return Ok(());
    }
    Err(format!("got      {got}\nexpected {expected}\nallowed difference {:e}", tolerance * scale))
}
