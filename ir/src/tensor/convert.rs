//! Tensors in other element types. Must not live here: what programs convert; that is the runtime's.

use super::Tensor;
use crate::{DType, Element, Storage, TensorType, with_storage};

impl Tensor {
    /// The elements converted to `f64`, whatever their type.
    pub fn to_f64_vec(&self) -> Vec<f64> {
        with_storage!(self.storage(), values => values.iter().map(|value| value.to_f64()).collect())
    }

    /// The same values in another element type: rounded to nearest, saturating at the limits of integers.
    pub fn to_dtype(&self, dtype: DType) -> Tensor {
        if dtype == self.dtype() {
            return self.clone();
        }
        // Floats hold every integer of fewer bits.
        let is_wide = self.dtype().is_integer() && self.dtype().bits() == 64;
        if let Some(limits) = dtype.limits().filter(|_| is_wide && dtype.is_integer()) {
            return self.to_integers(dtype, limits);
        }
        self.with_data(Storage::from_f64(dtype, &self.to_f64_vec()))
    }

    /// Integers of 64 bits in another integer type, without a float on the way, which has 53 digits alone.
    fn to_integers(&self, dtype: DType, (least, most): (i128, i128)) -> Tensor {
        let is_signed = self.dtype().is_signed_integer();
        let whole = |bits: u64| if is_signed { i128::from(bits as i64) } else { i128::from(bits) };
        let bits: Vec<u64> =
            self.storage().bits().into_iter().map(|bits| whole(bits).clamp(least, most) as u64).collect();
        self.with_data(Storage::from_bits(dtype, &bits))
    }

    /// A tensor of this shape.
    fn with_data(&self, data: Storage) -> Tensor {
        let ty = TensorType::new(self.shape(), data.dtype());
        Tensor { ty: ty.into(), data: data.into() }
    }
}
