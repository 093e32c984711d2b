//! Numbers that rewrites look for, in every element type that has them.

use choral_ir::{DType, Element, Tensor, with_storage};

/// A constant by what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// `0`; of floats the positive one.
    Zero,
    /// What adds nothing: `-0.0` of floats, since `-0.0 + 0.0` is `0.0`; `0` of others.
    NoTerm,
    /// `1`.
    One,
    /// `-1`: what negates as a factor; all bits set in unsigned integers. `i1` has none.
    MinusOne,
    /// All bits set: `-1`, the greatest of unsigned integers, `true`. Floats have none.
    Ones,
    /// The least value: `-inf` of floats.
    Least,
    /// The greatest value: `inf` of floats.
    Greatest,
}

impl Number {
    /// The number in an element type, if it has it.
    pub(super) fn of(self, dtype: DType) -> Option<Tensor> {
        let value = match self {
            Number::Zero => 0.0,
            Number::NoTerm if dtype.is_float() => -0.0,
            Number::NoTerm => 0.0,
            Number::One => 1.0,
            Number::MinusOne if dtype.is_float() => -1.0,
            Number::MinusOne if dtype == DType::I1 => return None,
            Number::MinusOne => ones(dtype)?,
            Number::Ones => ones(dtype)?,
            Number::Least => dtype.limits().map_or(f64::NEG_INFINITY, |(least, _)| least as f64),
            Number::Greatest => dtype.limits().map_or(f64::INFINITY, |(_, most)| most as f64),
        };
        Some(Tensor::scalar_of(dtype, value))
    }

    /// Whether the only element of a tensor is this number, to the bit.
    pub(super) fn is(self, tensor: &Tensor) -> bool {
        self.of(tensor.dtype()).is_some_and(|number| bits(&number) == bits(tensor))
    }
}

fn ones(dtype: DType) -> Option<f64> {
    let (_, most) = dtype.limits()?;
    Some(if dtype.is_signed_integer() { -1.0 } else { most as f64 })
}

/// The bits of the first element.
pub(super) fn bits(tensor: &Tensor) -> Option<u64> {
    with_storage!(tensor.storage(), values => values.first().map(|value| value.to_bits64()))
}

/// A tensor whose elements are all the same as the scalar that fills its type; any other as it is.
pub(super) fn condensed(tensor: Tensor) -> Tensor {
    if tensor.shape().is_empty() {
        return tensor;
    }
    let scalar = with_storage!(tensor.storage(), values => {
        let first = values.first().copied();
        let same = first.filter(|first| values.iter().all(|value| value.to_bits64() == first.to_bits64()));
        same.map(Tensor::scalar)
    });
    scalar.unwrap_or(tensor)
}
