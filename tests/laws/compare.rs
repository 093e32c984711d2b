//! When results count as the same.

use choral::Tensor;

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
