//! The type of a value: element type and static shape.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DType;

/// Element type and shape of a value, printed as StableHLO does.
///
/// ```
/// use choral_ir::{DType, TensorType};
/// let ty = TensorType::new([2, 3], DType::F32);
/// assert_eq!(ty.to_string(), "tensor<2x3xf32>");
/// assert_eq!(ty.len(), 6);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorType {
    /// Size of every dimension, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Type of the elements.
    pub dtype: DType,
}

/// Number of elements of a shape; the largest `usize` where that is more than fits.
pub(crate) fn elements(shape: &[usize]) -> usize {
    shape.iter().fold(1, |len: usize, &size| len.saturating_mul(size))
}

impl TensorType {
    /// The type of a tensor of `shape` with elements of `dtype`.
    pub fn new(shape: impl Into<Vec<usize>>, dtype: DType) -> Self {
        TensorType { shape: shape.into(), dtype }
    }

    /// The type of a scalar.
    pub fn scalar(dtype: DType) -> Self {
        TensorType::new([], dtype)
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements; the largest `usize` where that is more than fits.
    pub fn len(&self) -> usize {
        elements(&self.shape)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same shape with another element type.
    pub fn with_dtype(&self, dtype: DType) -> Self {
        TensorType::new(self.shape.clone(), dtype)
    }

    /// The same element type with another shape.
    pub fn with_shape(&self, shape: impl Into<Vec<usize>>) -> Self {
        TensorType::new(shape, self.dtype)
    }

    /// Row-major strides, in elements.
    ///
    /// ```
    /// # use choral_ir::{DType, TensorType};
    /// assert_eq!(TensorType::new([2, 3, 4], DType::I8).strides(), [12, 4, 1]);
    /// ```
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for dim in (1..self.rank()).rev() {
            strides[dim - 1] = strides[dim] * self.shape[dim];
        }
        strides
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensor<")?;
        for size in &self.shape {
            write!(f, "{size}x")?;
        }
        write!(f, "{}>", self.dtype)
    }
}
